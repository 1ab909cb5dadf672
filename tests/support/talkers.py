"""A Workflow with a long conversation, and a Worker that runs it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import run_tools, tool_activity
    from agentkit.prompts import pin_prompt, prompt_activities
    from agentkit.stores import SQLiteStore
    from agentkit.transcript import LongConversation, transcript_activities
    from tests.support.agents import Desk, desk
    from tests.support.letters import TOOLS


@workflow.defn
class Talk:
    """Asks question after question in one conversation, and returns what it carries."""

    @workflow.run
    async def run(
        self, talk: LongConversation, questions: list[str], per_run: int
    ) -> LongConversation:
        if talk.prompt is None:
            await talk.begin(await pin_prompt())
        steps = 0
        while questions or talk.calls or talk.has_more_to_say:
            if steps == per_run:
                workflow.continue_as_new(args=[talk, questions, per_run])
            steps += 1
            if talk.calls:
                talk.add_results(await run_tools(talk.calls, TOOLS))
            elif talk.has_more_to_say:
                await talk.take_turn()
            else:
                talk.say(questions.pop(0))
        return talk


@asynccontextmanager
async def talkers(folder: Path) -> AsyncIterator[tuple[Desk, SQLiteStore]]:
    """A Worker of this process whose conversations are kept in a folder."""
    store = SQLiteStore(folder / "store.db")
    activities = [
        *prompt_activities("letters", "Be brief.", TOOLS, store=store),
        *transcript_activities(store),
        tool_activity(TOOLS, store=store, keep_over=0),
    ]
    async with desk(workflows=[Talk], activities=activities) as at_desk:
        yield at_desk, store

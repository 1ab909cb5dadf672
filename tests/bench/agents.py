"""The two loops of the long-running comparison: same questions, same tool, same Claude.

Each reads letter after letter, a question for each. `Resending` is how public recipes do it.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        Messages,
        ask_claude,
        assistant_message,
        run_tools,
        tool_calls,
        user_message,
    )
    from agentkit.prompts import pin_prompt
    from agentkit.transcript import LongConversation
    from agentkit.transcript.chain import size_of
    from agentkit.transcript.window import cut_at
    from classroom.shop.archive import read_letter

SYSTEM = "You read letters from the archive. Answer in one sentence."
TOOLS = [read_letter]


def question(number: int) -> str:
    """The n-th thing that the user says."""
    return f"Please read letter {number}."


def newest(messages: Messages, tokens: int) -> Messages:
    """Keep the first message, and of the others the newest that fit."""
    entries = [{**each} for each in messages[1:]]
    sizes = [size_of(each) for each in entries]
    return [*messages[:1], *messages[1 + cut_at(entries, sizes, tokens, len(entries)) :]]


@workflow.defn
class Resending:
    """Carries the conversation itself, and hands it to every call of Claude."""

    @workflow.run
    async def run(self, letters: int, tokens: int | None) -> int:
        """Read letters; with `tokens`, send only the newest messages that fit."""
        messages: Messages = []
        turns = 0
        for number in range(1, letters + 1):
            messages.append(user_message(question(number)))
            calling = True
            while calling:
                if tokens is not None:
                    messages = newest(messages, tokens)
                reply = await ask_claude(messages)
                turns += 1
                messages.append(assistant_message(reply))
                calls = tool_calls(reply)
                calling = bool(calls)
                if calls:
                    messages.append(user_message(await run_tools(calls, TOOLS)))
        return turns


@workflow.defn
class Referring:
    """Carries the head of a conversation that is kept in a store, and continues as new."""

    @workflow.run
    async def run(self, talk: LongConversation, number: int, letters: int) -> int:
        """Read letters from this number on."""
        if talk.prompt is None:
            await talk.begin(await pin_prompt())
        while talk.calls or talk.has_more_to_say or number <= letters:
            if workflow.info().is_continue_as_new_suggested():
                workflow.continue_as_new(args=[talk, number, letters])
            if talk.calls:
                talk.add_results(await run_tools(talk.calls, TOOLS))
            elif talk.has_more_to_say:
                await talk.take_turn()
            else:
                talk.say(question(number))
                number += 1
        return talk.spent.turns

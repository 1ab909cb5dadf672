"""The loop as agentkit's recipes write it, on the tasks of the comparison."""

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
    from tests.bench.tasks import TOOLS


@workflow.defn
class Desk:
    """Asks Claude, runs its tools side by side, asks again; the conversation is an argument."""

    @workflow.run
    async def run(self, questions: list[str]) -> int:
        """Answer questions, one after the other, in one conversation; count the turns."""
        messages: Messages = []
        turns = 0
        for question in questions:
            messages.append(user_message(question))
            calling = True
            while calling:
                reply = await ask_claude(messages)
                turns += 1
                messages.append(assistant_message(reply))
                calls = tool_calls(reply)
                calling = bool(calls)
                if calls:
                    messages.append(user_message(await run_tools(calls, TOOLS)))
        return turns

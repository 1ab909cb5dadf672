"""A Workflow that pins its prompt and answers one question."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from agentkit import (
        AnyTool,
        ask_claude,
        assistant_message,
        run_tools,
        text_of,
        tool_calls,
        user_message,
    )
    from agentkit.prompts import pin_prompt
    from classroom.shop import find_order, search_handbook, track_shipment

TOOLS: list[AnyTool] = [find_order, track_shipment, search_handbook]


@workflow.defn
class Pinned:
    """Calls Claude with the prompt that was current when the run began."""

    @workflow.run
    async def run(self, question: str) -> tuple[str, str]:
        prompt = await pin_prompt()
        messages = [user_message(question)]
        while True:
            reply = await ask_claude(messages, prompt=prompt)
            messages.append(assistant_message(reply))
            calls = tool_calls(reply)
            if not calls:
                return prompt.label, text_of(reply)
            messages.append(user_message(await run_tools(calls, TOOLS)))

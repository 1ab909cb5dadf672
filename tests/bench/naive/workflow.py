"""The naive loop."""

from datetime import timedelta
from typing import Any

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from tests.bench.naive.activities import Request, create


@workflow.defn
class NaiveLoop:
    """Asks Claude, runs its tools one by one, asks again; the conversation is an argument."""

    @workflow.run
    async def run(self, questions: list[str]) -> int:
        """Answer questions, one after the other, in one conversation; count the turns."""
        messages: list[dict[str, Any]] = []
        turns = 0
        limit = timedelta(seconds=30)
        for question in questions:
            messages.append({"role": "user", "content": question})
            while True:
                reply = await workflow.execute_activity(
                    create, Request(messages), start_to_close_timeout=limit
                )
                turns += 1
                messages.append({"role": "assistant", "content": reply.to_dict()["content"]})
                calls = [block for block in reply.content if block.type == "tool_use"]
                if not calls:
                    break
                results = []
                for call in calls:
                    text = await workflow.execute_activity(
                        call.name, call.input, result_type=str, start_to_close_timeout=limit
                    )
                    results.append({"type": "tool_result", "tool_use_id": call.id, "content": text})
                messages.append({"role": "user", "content": results})
        return turns

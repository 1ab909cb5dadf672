"""The agent loop in its plainest form: one process, everything in memory."""

import asyncio
import sys

import anthropic

from agentkit.claude import default_model
from classroom.shop import find_order, refund, search_handbook, send_email

TOOLS = {t.name: t for t in (find_order, search_handbook, refund, send_email)}
SYSTEM = "You are the support desk of a small bookshop. Look things up before you act."


async def run(question: str) -> str:
    """Ask Claude, run the tools it asks for, send back the results, until it answers."""
    async with anthropic.AsyncAnthropic() as claude:
        messages = [{"role": "user", "content": question}]
        while True:
            reply = await claude.messages.create(
                model=default_model(),
                max_tokens=2000,
                system=SYSTEM,
                tools=[tool.schema() for tool in TOOLS.values()],
                messages=messages,
            )
            messages.append({"role": "assistant", "content": reply.content})
            if reply.stop_reason != "tool_use":
                return "".join(block.text for block in reply.content if block.type == "text")
            results = []
            for call in (block for block in reply.content if block.type == "tool_use"):
                print("→", call.name, call.input, flush=True)
                text = await TOOLS[call.name].call(call.input)
                results.append({"type": "tool_result", "tool_use_id": call.id, "content": text})
            messages.append({"role": "user", "content": results})


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")  # not every terminal has an arrow
    print("Claude:", asyncio.run(run(sys.argv[1])))

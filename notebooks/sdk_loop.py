"""The agent loop as the SDK brings it: one process, which calls, waits and remembers."""

import asyncio
import functools
import sys

import anthropic

from agentkit.claude import default_model
from classroom.shop import find_order, refund, search_handbook, send_email


def sdk_tool(tool):
    """Wrap one of the shop's tools for the SDK, which wants text back."""

    @functools.wraps(tool.function)
    async def call(**arguments):
        return await tool.call(arguments)

    return anthropic.beta_async_tool(call)


async def run(question: str) -> str:
    """Let the SDK call Claude, run the tools and retry; until there are no more calls."""
    async with anthropic.AsyncAnthropic() as claude:
        runner = claude.beta.messages.tool_runner(
            model=default_model(),
            max_tokens=1000,
            system="You are the support desk of a small bookshop. Look things up before you act.",
            tools=[sdk_tool(tool) for tool in (find_order, search_handbook, refund, send_email)],
            messages=[{"role": "user", "content": question}],
            thread=False,
        )
        final = await runner.until_done()
    return "".join(block.text for block in final.content if block.type == "text")


if __name__ == "__main__":
    sys.stdout.reconfigure(errors="replace")
    print(asyncio.run(run(sys.argv[1])))

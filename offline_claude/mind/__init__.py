"""The brain: from the request alone to the next thing to say. It is rules, not a model."""

from offline_claude.mind import thinking
from offline_claude.reply import Thought
from offline_claude.request import MessagesRequest, Sent

__all__ = ["think"]


def think(request: Sent | MessagesRequest) -> Thought:
    """Decide what to say next: the same request always gives the same thought.

    Args:
        request: A request that passed the rules.

    Returns:
        Words, and the tools to ask for.
    """
    if isinstance(request, Sent):
        choice = request.tool_choice
        request = MessagesRequest(
            model=request.model.id,
            max_tokens=request.body["max_tokens"],
            messages=request.said,
            system=request.system,
            tools=[tool for _, tool in request.own_tools],
            tool_choice=choice["type"],
            forced_tool=choice.get("name"),
            parallel=not choice.get("disable_parallel_tool_use", False),
            thinking=request.display,
            output_schema=request.output_schema,
        )
    return thinking.think(request)

"""Messages as data: what Claude said, which tools it asked for, what goes back.

Everything here is a pure function of its arguments, so Workflow code may call it. The
shapes are the Messages API's own (https://docs.anthropic.com/en/api/messages).
"""

# No `from __future__ import annotations` here: see agentkit/claude.py.

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, TypeVar, cast

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

if TYPE_CHECKING:
    # Only for the type checker: importing the SDK costs seconds of CPU, and a process that
    # starts a Workflow or draws a timeline has no use for it.
    from anthropic.types import ContentBlockParam, MessageParam, ToolParam, ToolResultBlockParam

    Content: TypeAlias = list[ContentBlockParam]
    Messages: TypeAlias = list[MessageParam]
    ToolSchemas: TypeAlias = list[ToolParam]
else:
    Content = Messages = ToolSchemas = list


class _AsSent:
    """Tells pydantic to carry a value across the boundary untouched."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.any_schema()


T = TypeVar("T")
Verbatim: TypeAlias = Annotated[T, _AsSent]
"""A value typed for the reader and the type checker, and kept exactly as the API sent it.

The API validates messages; validating them again here would drop fields that are newer
than the installed SDK, and with them thinking signatures that must go back unchanged.
"""


@dataclass(frozen=True)
class ToolCall:
    """One `tool_use` block: a tool that Claude asks for.

    Attributes:
        id: The block's id, which the result must carry back.
        name: The tool's name, as Claude wrote it; it need not exist.
        input: The arguments, as Claude wrote them; they need not fit.
    """

    id: str
    name: str
    input: Verbatim[dict[str, Any]]


def user_message(content: "str | Iterable[ToolResultBlockParam]") -> "MessageParam":
    """Build the user's next message: a question, or the results of all tools asked for.

    Args:
        content: Text, or one `tool_result` block for each `tool_use` of the message before.

    Returns:
        A message in the API's shape.
    """
    return {"role": "user", "content": content if isinstance(content, str) else list(content)}


def assistant_message(content: Content) -> "MessageParam":
    """Build the message that gives Claude's own words back to it.

    Args:
        content: All content blocks of a reply, verbatim, thinking included.

    Returns:
        A message in the API's shape.
    """
    return {"role": "assistant", "content": content}


def tool_calls(content: Content) -> list[ToolCall]:
    """Read the tools that a reply asks for, in the order asked.

    Args:
        content: The content blocks of a reply.

    Returns:
        One call for each `tool_use` block; empty when Claude asked for none.
    """
    blocks = cast("list[dict[str, Any]]", content)
    return [ToolCall(b["id"], b["name"], b["input"]) for b in blocks if b["type"] == "tool_use"]


def text_of(content: Content) -> str:
    """Read the words of a reply.

    Args:
        content: The content blocks of a reply.

    Returns:
        All its text blocks joined, not the first one only; "" when there are none.
    """
    blocks = cast("list[dict[str, Any]]", content)
    return "".join(b["text"] for b in blocks if b["type"] == "text")


def tool_result(call: ToolCall, text: str, *, is_error: bool = False) -> "ToolResultBlockParam":
    """Build the block that answers a tool call.

    Args:
        call: The call that is answered.
        text: What the tool returned, or in plain words why it failed.
        is_error: Whether the tool failed; Claude then corrects itself or explains.

    Returns:
        A `tool_result` block in the API's shape.
    """
    block: ToolResultBlockParam = {"type": "tool_result", "tool_use_id": call.id, "content": text}
    return {**block, "is_error": True} if is_error else block

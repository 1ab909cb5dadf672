"""Messages as data: a request, Claude's reply, the tools it asks for, their results.

Everything here is a pure function of its arguments, so Workflow code may call it. The
shapes are the Messages API's own (https://docs.anthropic.com/en/api/messages).
"""

# No `from __future__ import annotations` here, nor in any module whose dataclasses cross the
# boundary of a Workflow: pydantic reads them inside the sandbox, where it can't look up the
# names in annotations that are strings.

import hashlib
import json
import re
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
    """Tells pydantic to leave a value as it is."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.any_schema()


CUT_SHORT = ("max_tokens", "model_context_window_exceeded", "refusal")
"""Stop reasons of replies that end anywhere. Their calls don't run, and don't go back to Claude:
their arguments may be half of what was meant."""

_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
"""Unicode's Default_Ignorable_Code_Point as far as `str.isprintable` takes them, and a blank."""

MOST_NESTED = 100
"""How deep data from outside may be nested: a call's arguments, a reply, a person's decision. Some
twenty levels of our own lie around it in a payload, and pydantic reads 200 levels back."""

T = TypeVar("T")
Verbatim: TypeAlias = Annotated[T, _AsSent]
"""A value with a type for the reader, kept exactly as the API sent it: validating it here would
drop fields newer than the installed SDK, such as thinking signatures that must go back unchanged.
"""


@dataclass(frozen=True)
class PinnedPrompt:
    """The prompt version that a run keeps: its name, and its reference in the store."""

    name: str
    reference: str

    @property
    def label(self) -> str:
        """For people: the name and eight digits, such as `support@3f2a9c1b`."""
        return f"{self.name}@{self.reference.removeprefix('sha256:')[:8]}"


@dataclass(frozen=True)
class ClaudeRequest:
    """One Messages call, as Workflow history records it. It never holds a key.

    The fields are the arguments of `ask_claude`. What is None is up to the worker's Activity.
    """

    messages: Verbatim[Messages]
    prompt: PinnedPrompt | None = None
    max_tokens: int | None = None
    system: str | None = None
    tools: Verbatim[ToolSchemas | None] = None
    model: str | None = None


@dataclass(frozen=True)
class Usage:
    """The tokens of one call, as the API counts them: `input_tokens` excludes cached ones."""

    input_tokens: int
    output_tokens: int
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0

    @property
    def tokens_read(self) -> int:
        """All tokens read, those from and to a cache included."""
        return self.input_tokens + self.cache_read_input_tokens + self.cache_creation_input_tokens


@dataclass(frozen=True)
class ClaudeReply:
    """The reply to one Messages call.

    Attributes:
        content: All content blocks, fit to be sent back (`agentkit.replies`).
        stop_reason: Why Claude stopped: "end_turn", "tool_use", "max_tokens", "refusal", …
            (https://docs.anthropic.com/en/api/handling-stop-reasons); "empty" for an end without
            words.
        usage: The tokens it took.
        model: The model that answered.
        stop_details: The API's details of a refusal, in its own shape.
        turn: The number of messages before it in its conversation.
        among: Tells it from replies at the same turn of other conversations of its Workflow.
    """

    content: Verbatim[Content]
    stop_reason: str
    usage: Usage
    model: str
    stop_details: Verbatim[dict[str, Any] | None] = None
    turn: int = 0
    among: str = ""


@dataclass(frozen=True)
class ToolCall:
    """One `tool_use` block: a tool that Claude asks for.

    Attributes:
        id: The block's id, which the result must carry back.
        name: The tool's name, as Claude wrote it; it need not exist.
        input: The arguments, as Claude wrote them; they need not fit. Empty where they are kept.
        place: The block's place in the conversation, as `turn.position`: with it the call's
            idempotency key is its own, even where the model's side repeats an id.
        kept: The reference of arguments that are too long to carry, in the store of the tool's
            Activity; else "".
    """

    id: str
    name: str
    input: Verbatim[dict[str, Any]]
    place: str = ""
    kept: str = ""


def user_message(content: "str | Iterable[ToolResultBlockParam]") -> "MessageParam":
    """Build the user's next message: text, or a `tool_result` block for each tool asked for."""
    return {"role": "user", "content": content if isinstance(content, str) else list(content)}


def assistant_message(reply: ClaudeReply) -> "MessageParam":
    """Build the message that gives a reply back to Claude: all its blocks, thinking included.

    Of a reply that was cut with calls in it, it has the words only: no call of it runs, and the
    API wants a result for each.
    """
    content = reply.content
    if reply.stop_reason in CUT_SHORT and any(b["type"] == "tool_use" for b in content):
        content = [block for block in content if block["type"] == "text"]
    return {"role": "assistant", "content": content}


def tool_calls(reply: ClaudeReply) -> list[ToolCall]:
    """Read the tools to run for a reply, in the order asked; empty when there are none to run.

    A reply that was cut (`CUT_SHORT`) has none.
    """
    blocks = cast("list[dict[str, Any]]", reply.content)
    return [
        ToolCall(
            block["id"], block["name"], block["input"], f"{reply.turn}.{position}{reply.among}"
        )
        for position, block in enumerate(blocks)
        if block["type"] == "tool_use" and reply.stop_reason not in CUT_SHORT
    ]


def text_of(reply: ClaudeReply) -> str:
    """Read the words of a reply: all its text blocks joined, not only the first."""
    blocks = cast("list[dict[str, Any]]", reply.content)
    return "".join(b["text"] for b in blocks if b["type"] == "text")


def tool_result(
    call: ToolCall, content: str | list[dict[str, Any]] | dict[str, Any], *, is_error: bool = False
) -> "ToolResultBlockParam":
    """Build the block that answers a tool call.

    Args:
        call: The call.
        content: The tool's result as text or content blocks, or in plain words why it failed. A
            dictionary refers to a result in the store:
            `{"kept": reference, "characters": length, "preview": text}`.
        is_error: Whether the tool failed.
    """
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": call.id, "content": content}
    return cast("ToolResultBlockParam", {**block, "is_error": True} if is_error else block)


def is_deeper(value: object, levels: int = MOST_NESTED) -> bool:
    """Whether JSON data is nested more than so many levels deep; it looks no deeper than that."""
    if not isinstance(value, dict | list):
        return False
    inner = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(is_deeper(each, levels - 1) for each in inner)


def canonical_json(value: object) -> str:
    """Write JSON data in exactly one way: keys sorted, no spaces, ASCII.

    ASCII, because Claude may write half a surrogate pair, which UTF-8 can't hold.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def printable(text: str, *, newlines: bool = False) -> str:
    r"""Make a text safe to show: an invisible character becomes its JSON escape, such as `\u202e`.

    Invisible is what `str.isprintable` refuses, but for a space (terminal controls, directions,
    zero widths, odd spaces, unpaired surrogates), and what is blank by design. JSON stays the same
    JSON. HTML and Markdown need their own escapes as well.

    Not for what a Workflow records or compares: versions of Python know different characters.

    Args:
        text: The text.
        newlines: Whether line ends stay; by default the result is one line.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        char
        if (char.isprintable() and not _BLANK.match(char)) or (newlines and char == "\n")
        else json.dumps(char)[1:-1]
        for char in text
    )


def quoted(text: str, most: int = 200) -> str:
    """Mark words as someone else's, in one line: in quotes, as JSON, cut to `most` characters."""
    return json.dumps(text[:most] + "…" * (len(text) > most), ensure_ascii=False)


def sha256_reference(data: bytes) -> str:
    """Name data by its content: `sha256:` and 64 hexadecimal digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

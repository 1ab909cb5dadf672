"""The messages: their roles, their order, and the words in them."""

from __future__ import annotations

from offline_claude.errors import invalid
from offline_claude.request import NEWEST_VERSION, Block, Sent, blocks_of, message_of

_MOST_MESSAGES = 100_000


def there_are_messages(sent: Sent) -> None:
    """There are 1 to 100,000 messages, and the first is the user's."""
    if not sent.messages:
        raise invalid("messages: at least one message is required")
    if len(sent.messages) > _MOST_MESSAGES:
        raise invalid(f"messages: List should have at most {_MOST_MESSAGES} items after validation")
    if not sent.turns:
        system_messages_have_their_place(sent)
    if not sent.turns or sent.messages[0]["role"] == "assistant":
        raise invalid('messages: first message must use the "user" role')


def system_messages_have_their_place(sent: Sent) -> None:
    """A system message comes between a user's message and an assistant's."""
    anywhere = (
        "the directive-only form (content: [] with output_config) is accepted at any position"
    )
    messages = sent.messages
    for n in [n for n, message in enumerate(messages) if message["role"] == "system"]:
        if not sent.model.takes_system_messages:
            raise invalid("role 'system' is not supported on this model")
        content = messages[n].get("content")  # optional in a beta
        if messages[n].get("output_config") and not content:
            continue
        if not content:
            raise invalid(f"messages.{n}: system content must contain at least one block")
        if n == 0:
            raise invalid(
                "messages.0: use the top-level 'system' parameter for the initial system prompt; "
                f"{anywhere}"
            )
        before = blocks_of(messages[n - 1].get("content"))
        by_server = before and before[-1]["type"].endswith("_tool_result")
        if messages[n - 1]["role"] == "assistant" and not by_server:
            raise invalid(
                f"messages.{n}: role 'system' must follow a 'user' message or an 'assistant' "
                f"message ending in a server tool result; {anywhere}"
            )
        if [message["role"] for message in messages[n + 1 : n + 2]] == ["user"]:
            raise invalid(
                f"messages.{n}: role 'system' must precede an 'assistant' message or end the "
                f"array; {anywhere}"
            )
        if any(not block["text"].strip() for block in _texts(content)):
            raise invalid(f"messages.{n}: system text blocks must contain non-whitespace text")


def _texts(content: object) -> list[Block]:
    return [block for block in blocks_of(content) if block["type"] == "text"]


def messages_have_content(sent: Sent) -> None:
    """Every turn has content, except an assistant's last message."""
    for turn in sent.turns[: -1 if sent.turns[-1].role == "assistant" else None]:
        if turn.blocks and turn.role == "user":
            continue  # one of several merged messages may be empty
        for n in turn.messages:
            if turn.role == "user":
                raise invalid(f"messages.{n}: user messages must have non-empty content")
            if not sent.messages[n]["content"]:
                raise invalid(
                    f"messages.{n}: all messages must have non-empty content except for the "
                    "optional final assistant message"
                )


def texts_have_text(sent: Sent) -> None:
    """Text isn't empty or only white space."""
    of_the_system = {f"messages.{n}" for n, m in enumerate(sent.messages) if m["role"] == "system"}
    for path, block in sent.cacheable:
        if block.get("type") != "text" or block["text"].strip():
            continue
        if message_of(path) in of_the_system:
            continue  # refused in other words
        where = "system" if path.startswith("system") else "messages"
        empty = "contain non-whitespace text" if block["text"] else "be non-empty"
        raise invalid(f"{where}: text content blocks must {empty}")
    for message in sent.messages:
        text = message.get("content")
        if message["role"] != "system" and isinstance(text, str) and text and not text.strip():
            raise invalid("messages: text content blocks must contain non-whitespace text")


def blocks_stand_in_their_role(sent: Sent) -> None:
    """Tool results and media come from the user, thinking and tool calls from the assistant."""
    for turn in sent.turns:
        for path, block in turn.blocks:
            kind, message = block["type"], message_of(path)
            if turn.role == "user" and kind in ("thinking", "redacted_thinking"):
                raise invalid(
                    f"{message}.content: thinking blocks may only be in `assistant` messages"
                )
            by_server = kind.endswith("_tool_result") and kind != "mcp_tool_result"
            if turn.role == "user" and (kind in ("tool_use", "server_tool_use") or by_server):
                raise invalid(f"{message}: `{kind}` blocks can only be in `assistant` messages")
            if turn.role == "assistant" and kind == "tool_result":
                raise invalid(f"{message}: `{kind}` blocks can only be in `user` messages")
            newer = kind == "document" and sent.version >= NEWEST_VERSION
            if turn.role == "assistant" and (kind in ("image", "search_result") or newer):
                raise invalid(
                    f"{message}.content: '{kind}' blocks are not permitted within assistant turns."
                )


def ends_with_the_user(sent: Sent) -> None:
    """The assistant's message comes last only for older models, without trailing space."""
    last = sent.turns[-1]
    if last.role != "assistant" or not last.blocks or sent.messages[-1]["role"] == "system":
        return
    if last.blocks[-1][1]["type"].endswith("_tool_result"):
        return  # a turn that was paused for a server tool resumes
    if not sent.model.takes_prefill:
        raise invalid(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    text = last.blocks[-1][1].get("text", "")
    if text != text.rstrip():
        raise invalid("messages: final assistant content cannot end with trailing whitespace")

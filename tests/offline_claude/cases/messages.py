"""The messages: their roles, their order, and the words in them."""

from __future__ import annotations

from offline_claude.signature import sign
from tests.offline_claude.cases.parts import (
    ANYWHERE,
    HIT,
    OLD,
    PDF,
    PNG,
    SEARCHED,
    TEXT,
    image,
    refused,
    said,
    system,
    thought,
)
from tests.support.offline_server import HI, result, use, user

CASES = [
    refused(
        "there_are_messages",
        (
            "messages.0: use the top-level 'system' parameter for the initial system prompt"
            + ANYWHERE
        ),
        messages=[system("Be brief")],
    ),
    refused(
        "there_are_messages",
        'messages: first message must use the "user" role',
        messages=[{**system(""), "content": [], "output_config": {"effort": "low"}}],
        beta="mid-conversation-output-config-2026-07-01",
    ),
    refused("there_are_messages", "messages: at least one message is required", messages=[]),
    refused(
        "there_are_messages",
        'messages: first message must use the "user" role',
        messages=[use("a")],
    ),
    refused(
        "there_are_messages",
        "messages: List should have at most 100000 items after validation",
        messages=[HI] * 100_001,
    ),
    refused(
        "system_messages_have_their_place",
        (
            "messages.0: use the top-level 'system' parameter for the initial system prompt"
            + ANYWHERE
        ),
        messages=[system("Be brief"), HI],
        model="claude-opus-5-5",
    ),
    refused(
        "system_messages_have_their_place",
        "role 'system' is not supported on this model",
        messages=[HI, system("Be brief")],
        model=OLD,
    ),
    refused(
        "system_messages_have_their_place",
        "messages.1: system content must contain at least one block",
        messages=[HI, system("")],
    ),
    refused(
        "system_messages_have_their_place",
        (
            "messages.2: role 'system' must follow a 'user' message or an 'assistant' message "
            "ending in a server tool result" + ANYWHERE
        ),
        messages=[HI, said(TEXT), system("Be brief"), HI],
    ),
    refused(
        "system_messages_have_their_place",
        (
            "messages.1: role 'system' must precede an 'assistant' message or end the array"
            + ANYWHERE
        ),
        messages=[HI, system("Be brief"), HI],
    ),
    refused(
        "system_messages_have_their_place",
        "messages.1: system text blocks must contain non-whitespace text",
        messages=[HI, system(" ")],
    ),
    refused(
        "messages_have_content",
        "messages.0: user messages must have non-empty content",
        messages=[user("")],
    ),
    refused(
        "messages_have_content",
        (
            "messages.1: all messages must have non-empty content except for the optional final "
            "assistant message"
        ),
        messages=[HI, said(), HI],
    ),
    refused(
        "texts_have_text",
        "messages: text content blocks must be non-empty",
        messages=[user({"type": "text", "text": ""})],
    ),
    refused(
        "texts_have_text",
        "messages: text content blocks must contain non-whitespace text",
        messages=[user({"type": "text", "text": " "})],
    ),
    refused(
        "texts_have_text",
        "messages: text content blocks must contain non-whitespace text",
        messages=[user("\n")],
    ),
    refused(
        "texts_have_text",
        "system: text content blocks must be non-empty",
        system=[{"type": "text", "text": ""}],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.1.content: 'search_result' blocks are not permitted within assistant turns.",
        messages=[HI, said(HIT), HI],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.1: `tool_result` blocks can only be in `user` messages",
        messages=[HI, said(result("a")), HI],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.0: `tool_use` blocks can only be in `assistant` messages",
        messages=[{**use("a"), "role": "user"}],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.0.content: thinking blocks may only be in `assistant` messages",
        messages=[user(thought("Hm", sign("Hm")))],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.1.content: 'image' blocks are not permitted within assistant turns.",
        messages=[HI, said(image(PNG)), HI],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.1.content: 'document' blocks are not permitted within assistant turns.",
        messages=[HI, said(PDF), HI],
    ),
    refused(
        "blocks_stand_in_their_role",
        "messages.0: `web_search_tool_result` blocks can only be in `assistant` messages",
        messages=[user(SEARCHED)],
    ),
    refused(
        "ends_with_the_user",
        (
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        ),
        messages=[HI, {"role": "assistant", "content": "Well"}],
    ),
    refused(
        "ends_with_the_user",
        "messages: final assistant content cannot end with trailing whitespace",
        messages=[HI, {"role": "assistant", "content": "Well "}],
        model=OLD,
    ),
]

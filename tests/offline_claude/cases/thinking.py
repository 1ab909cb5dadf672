"""Thinking, effort, and the thinking blocks that come back."""

from __future__ import annotations

from offline_claude.signature import sign
from tests.offline_claude.cases.parts import (
    BUDGET,
    OLD,
    OPUS,
    TEXT,
    THINKING_DOCS,
    refused,
    said,
    thought,
)
from tests.support.offline_server import HI, SHOP, result, use, user

CASES = [
    refused(
        "thinking_suits_the_model",
        (
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" '
            'and "output_config.effort" to control thinking behavior.'
        ),
        thinking=BUDGET,
        max_tokens=2000,
    ),
    refused(
        "thinking_suits_the_model",
        (
            '"thinking.type.disabled" is not supported for this model. Use '
            '"thinking.type.between_tools" for the lowest thinking setting, or '
            '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        ),
        thinking={"type": "disabled"},
    ),
    refused(
        "thinking_suits_the_model",
        "adaptive thinking is not supported on this model",
        thinking={"type": "adaptive"},
        model=OLD,
    ),
    refused(
        "effort_suits_the_model",
        "This model does not support the effort parameter.",
        output_config={"effort": "low"},
        model=OLD,
    ),
    refused(
        "effort_suits_the_model",
        (
            "This model does not support effort level 'xhigh'. Supported levels: high, low, max, "
            "medium."
        ),
        output_config={"effort": "xhigh"},
        model=OPUS,
    ),
    refused(
        "effort_suits_the_model",
        (
            "output_config.effort 'max' is not supported when thinking is disabled on this model. "
            "Use effort 'high' or below, or enable thinking."
        ),
        output_config={"effort": "max"},
        model="claude-opus-5",
        thinking={"type": "disabled"},
    ),
    refused(
        "effort_suits_the_model",
        (
            "output_config.effort 'xhigh' is not supported when thinking is disabled on this "
            "model. Use effort 'high' or below, or enable thinking."
        ),
        output_config={"effort": "xhigh"},
        thinking={"type": "between_tools"},
    ),
    refused(
        "budget_leaves_room",
        "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024",
        thinking={"type": "enabled", "budget_tokens": 1000},
        model=OLD,
    ),
    refused(
        "budget_leaves_room",
        (
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            f"documentation at {THINKING_DOCS}#max-tokens-and-context-window-size"
        ),
        thinking=BUDGET,
        max_tokens=1024,
        model=OLD,
    ),
    refused(
        "thinking_goes_with_a_free_choice",
        "Thinking may not be enabled when tool_choice forces tool use.",
        thinking=BUDGET,
        max_tokens=2000,
        model=OLD,
        tools=SHOP,
        tool_choice={"type": "any"},
    ),
    refused(
        "thinking_goes_with_a_free_choice",
        (
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. "
            "Please consult our documentation at "
            "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
        ),
        thinking=BUDGET,
        max_tokens=2000,
        model=OLD,
        temperature=0,
        version="2023-06-01",
    ),
    refused(
        "thinking_starts_the_turn",
        (
            "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
            "`tool_use`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). "
            "We recommend you include thinking blocks from previous turns. To avoid this "
            f"requirement, disable `thinking`. Please consult our documentation at {THINKING_DOCS}"
        ),
        thinking=BUDGET,
        max_tokens=2000,
        model=OLD,
        messages=[HI, use("a"), user(result("a"))],
    ),
    refused(
        "thinking_is_unchanged",
        "messages.1.content.0: Invalid `signature` in `thinking` block",
        messages=[HI, said(thought("Hm", "bm9wZQ=="), TEXT), HI],
    ),
    refused(
        "thinking_is_unchanged",
        (
            "messages.1.content.0: `thinking` or `redacted_thinking` blocks in the latest "
            "assistant message cannot be modified. These blocks must remain as they were in the "
            "original response."
        ),
        messages=[HI, said(thought("Changed", sign("As it was")), TEXT), HI],
    ),
    refused(
        "thinking_is_unchanged",
        "messages.1.content.0: Invalid `data` in `redacted_thinking` block",
        messages=[HI, said({"type": "redacted_thinking", "data": "x"}, TEXT), HI],
    ),
]

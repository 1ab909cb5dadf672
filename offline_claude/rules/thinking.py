"""Thinking, effort, and the thinking blocks that come back."""

from __future__ import annotations

from offline_claude.errors import invalid
from offline_claude.request import Sent, message_of
from offline_claude.signature import is_signed

_DOCS = "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
_NEWER_DOCS = "https://platform.claude.com/docs/en/build-with-claude/extended-thinking"
_SMALLEST_BUDGET = 1_024


def thinking_suits_the_model(sent: Sent) -> None:
    """The model takes `thinking.type`: a budget, adaptive thinking, or none."""
    kind = sent.thinking.get("type")
    if kind is None or kind in sent.model.thinking:
        return
    if kind == "adaptive":
        raise invalid("adaptive thinking is not supported on this model")
    instead = '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
    if "adaptive" not in sent.model.thinking:
        instead = '"thinking.type.enabled" or "thinking.type.disabled".'
    elif "between_tools" in sent.model.thinking and kind == "disabled":
        instead = f'"thinking.type.between_tools" for the lowest thinking setting, or {instead}'
    raise invalid(f'"thinking.type.{kind}" is not supported for this model. Use {instead}')


def effort_suits_the_model(sent: Sent) -> None:
    """`effort` is only accepted by some models, and at its highest only with thinking."""
    effort = (sent.body.get("output_config") or {}).get("effort")
    if effort is None:
        return
    if not sent.model.efforts:
        raise invalid("This model does not support the effort parameter.")
    if effort not in sent.model.efforts:
        raise invalid(
            f"This model does not support effort level '{effort}'. Supported levels: "
            f"{', '.join(sorted(sent.model.efforts))}."
        )
    unthinking = sent.thinking.get("type") in sent.model.thinking_for_less_effort
    if effort in ("xhigh", "max") and unthinking:
        raise invalid(
            f"output_config.effort '{effort}' is not supported when thinking is disabled on "
            "this model. Use effort 'high' or below, or enable thinking."
        )


def budget_leaves_room(sent: Sent) -> None:
    """A thinking budget is at least 1,024 tokens, and less than `max_tokens`."""
    if (budget := sent.thinking.get("budget_tokens")) is None:
        return
    if budget < _SMALLEST_BUDGET:
        raise invalid(
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            f"{_SMALLEST_BUDGET}"
        )
    if "max_tokens" in sent.body and sent.body["max_tokens"] <= budget:
        raise invalid(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            f"documentation at {_DOCS}#max-tokens-and-context-window-size"
        )


def thinking_goes_with_a_free_choice(sent: Sent) -> None:
    """Thinking excludes forced tools and sampling parameters."""
    kind = sent.thinking.get("type")
    if kind == "enabled" and sent.tool_choice["type"] in ("any", "tool"):
        raise invalid("Thinking may not be enabled when tool_choice forces tool use.")
    if kind in ("enabled", "adaptive"):
        more = (
            "when thinking is enabled or in adaptive mode. Please consult our documentation at "
            f"{_NEWER_DOCS}"
        )
        if sent.body.get("temperature", 1) != 1:
            raise invalid(f"`temperature` may only be set to 1 {more}")
        if sent.body.get("top_p", 1) < 0.95:
            raise invalid(f"`top_p` must be greater than or equal to 0.95 or unset {more}")
        if "top_k" in sent.body:
            raise invalid(f"`top_k` must be unset {more}")


def thinking_starts_the_turn(sent: Sent) -> None:
    """With a thinking budget, the assistant's turn starts with its thinking."""
    edits = (sent.body.get("context_management") or {}).get("edits") or []
    cleared = any(edit["type"].startswith("clear_thinking") for edit in edits)
    if sent.thinking.get("type") != "enabled" or cleared:
        return
    asked = [
        n for n, t in enumerate(sent.turns) if t.role == "user" and not t.of_type("tool_result")
    ]
    after = sent.turns[asked[-1] + 1 :] if asked else []
    if not after or not after[0].blocks:
        return
    path, block = after[0].blocks[0]
    if block["type"] in ("thinking", "redacted_thinking"):
        return
    raise invalid(
        f"{path}.type: Expected `thinking` or `redacted_thinking`, but found `{block['type']}`. "
        "When `thinking` is enabled, a final `assistant` message must start with a thinking block "
        "(preceeding the lastmost set of `tool_use` and `tool_result` blocks). We recommend you "
        "include thinking blocks from previous turns. To avoid this requirement, disable "
        f"`thinking`. Please consult our documentation at {_DOCS}"
    )


def thinking_is_unchanged(sent: Sent) -> None:
    """Thinking blocks come back unchanged, as their signatures show."""
    for path, block in sent.blocks:
        if block["type"] == "redacted_thinking":
            raise invalid(f"{path}: Invalid `data` in `redacted_thinking` block")
        if block["type"] != "thinking" or is_signed(block["thinking"], block["signature"]):
            continue
        if is_signed("", block["signature"]) and message_of(path) == sent.latest_reply:
            raise invalid(
                f"{path}: `thinking` or `redacted_thinking` blocks in the latest assistant message "
                "cannot be modified. These blocks must remain as they were in the original "
                "response."
            )
        raise invalid(f"{path}: Invalid `signature` in `thinking` block")

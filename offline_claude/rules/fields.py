"""The fields of a request as a whole."""

from __future__ import annotations

import math
import re

from offline_claude.errors import ApiError, invalid
from offline_claude.models import find_model
from offline_claude.request import NEWEST_VERSION, Sent

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}")


def keeps_no_threads(sent: Sent) -> None:
    """Message threads are refused; the SDK then sends the whole conversation."""
    if sent.body.get("thread") is not None:
        raise ApiError(
            400,
            "thread: This server keeps no message threads. Send the full conversation "
            "without `thread`.",
            details={"error_code": "thread_unsupported_request"},
        )


def model_exists(sent: Sent) -> None:
    """The model exists; an unknown one is 404 `not_found_error`."""
    if not sent.body["model"]:
        raise invalid("model: String should have at least 1 character")
    find_model(sent.body["model"])


def max_tokens_within_cap(sent: Sent) -> None:
    """`max_tokens` is at most what the model writes; 0 only warms the prompt cache."""
    wanted, cap = sent.body["max_tokens"], sent.model.max_output_tokens
    if wanted < 0:
        raise invalid("max_tokens: must be greater than or equal to 0")
    if wanted > cap:
        raise invalid(
            f"max_tokens: {wanted} > {cap}, which is the maximum allowed number of output tokens "
            f"for {sent.model.snapshot}"
        )
    needs_words = {
        "stream": sent.body.get("stream"),
        "thinking": sent.thinking.get("type") == "enabled",
        "output_config.format": sent.output_schema is not None,
        "tool_choice": sent.tool_choice["type"] in ("any", "tool"),
    }
    if not wanted and any(needs_words.values()):
        which = next(name for name, given in needs_words.items() if given)
        raise invalid(f"max_tokens: must be greater than 0 when `{which}` is set")


def stop_sequences_have_text(sent: Sent) -> None:
    """A stop sequence isn't only white space, which would end almost every reply."""
    if any(not text.strip() for text in sent.body.get("stop_sequences") or []):
        raise invalid("stop_sequences: each stop sequence must contain non-whitespace")


def sampling_is_taken(sent: Sent) -> None:
    """Sampling parameters need an API version before 2026-10-21 and an older model."""
    given = [name for name in ("temperature", "top_p", "top_k") if name in sent.body]
    for name in given:
        value = sent.body[name]
        if sent.version >= NEWEST_VERSION:
            raise invalid(f"{name}: Extra inputs are not permitted")
        if name == "temperature" and value < 0:
            raise invalid(f"`temperature` cannot be set to {value} for this model")
        if name == "top_k" and value < 0:
            raise invalid("top_k: Input should be greater than or equal to 0")
        if name != "top_k" and not 0 <= value <= 1:
            raise invalid(f"{name}: range: 0..1")
        default = value >= {"temperature": 1, "top_p": 0.99}.get(name, math.inf)
        if not sent.model.takes_sampling and not default:
            raise invalid(f"`{name}` is deprecated for this model.")
    if {"temperature", "top_p"} <= set(given) and sent.model.takes_sampling:
        raise invalid(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )


def user_id_is_opaque(sent: Sent) -> None:
    """`metadata.user_id` is an opaque id, never an email address."""
    user_id = (sent.body.get("metadata") or {}).get("user_id") or ""
    if len(user_id) > 512:
        raise invalid("metadata.user_id: String should have at most 512 characters")
    if _EMAIL.search(user_id):
        raise invalid("metadata.user_id: user_id appears to contain an email address")


def geography_is_known(sent: Sent) -> None:
    """`inference_geo` is one of two places."""
    if sent.body.get("inference_geo") not in (None, "global", "us"):
        raise invalid("inference_geo: must be one of ['global', 'us']")


def container_has_its_tool(sent: Sent) -> None:
    """A container needs the code execution tool."""
    kinds = [str(tool.get("type")) for tool in sent.tools]
    if sent.body.get("container") and not any(k.startswith("code_execution") for k in kinds):
        raise invalid(
            "container: Container identifier can only be provided when using the code execution "
            "tool"
        )


def prompt_fits(sent: Sent) -> None:
    """The input fits the model's context window."""
    if (tokens := sent.input_tokens) > (most := sent.model.context_tokens):
        raise invalid(f"prompt is too long: {tokens} tokens > {most} maximum")

"""The fields of a request as a whole."""

from __future__ import annotations

from tests.offline_claude.cases.parts import OLD, refused
from tests.support.offline_server import MODEL, SHOP, user

CASES = [
    refused(
        "keeps_no_threads",
        (
            "thread: This server keeps no message threads. Send the full conversation without "
            "`thread`."
        ),
        thread={"type": "create"},
        beta="message-threads-2026-08-12",
    ),
    refused("model_exists", "model: claude-nope", model="claude-nope"),
    refused("model_exists", "model: String should have at least 1 character", model=""),
    refused(
        "max_tokens_within_cap", "max_tokens: must be greater than or equal to 0", max_tokens=-1
    ),
    refused(
        "max_tokens_within_cap",
        (
            "max_tokens: 128001 > 128000, which is the maximum allowed number of output tokens "
            f"for {MODEL}"
        ),
        max_tokens=128001,
    ),
    refused(
        "max_tokens_within_cap",
        (
            "max_tokens: 64001 > 64000, which is the maximum allowed number of output tokens for "
            "claude-haiku-4-5-20251001"
        ),
        max_tokens=64_001,
        model="claude-haiku-4-5",
    ),
    refused(
        "max_tokens_within_cap",
        "max_tokens: must be greater than 0 when `stream` is set",
        max_tokens=0,
        stream=True,
    ),
    refused(
        "max_tokens_within_cap",
        "max_tokens: must be greater than 0 when `tool_choice` is set",
        max_tokens=0,
        tools=SHOP,
        tool_choice={"type": "any"},
    ),
    refused(
        "stop_sequences_have_text",
        "stop_sequences: each stop sequence must contain non-whitespace",
        stop_sequences=["x", " "],
    ),
    refused(
        "sampling_is_taken",
        "top_k: Input should be greater than or equal to 0",
        top_k=-1,
        model=OLD,
        version="2023-06-01",
    ),
    refused("sampling_is_taken", "temperature: Extra inputs are not permitted", temperature=1),
    refused("sampling_is_taken", "top_k: Extra inputs are not permitted", top_k=3, model=OLD),
    refused(
        "sampling_is_taken",
        "temperature: range: 0..1",
        temperature=2,
        model=OLD,
        version="2023-06-01",
    ),
    refused(
        "sampling_is_taken",
        "`temperature` cannot be set to -1 for this model",
        temperature=-1,
        model=OLD,
        version="2023-06-01",
    ),
    refused(
        "sampling_is_taken",
        "`temperature` is deprecated for this model.",
        temperature=0,
        version="2023-06-01",
    ),
    refused(
        "sampling_is_taken",
        "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        temperature=0,
        top_p=0.5,
        model=OLD,
        version="2023-06-01",
    ),
    refused(
        "user_id_is_opaque",
        "metadata.user_id: String should have at most 512 characters",
        metadata={"user_id": "x" * 513},
    ),
    refused(
        "user_id_is_opaque",
        "metadata.user_id: user_id appears to contain an email address",
        metadata={"user_id": "ada@example.com"},
    ),
    refused(
        "geography_is_known", "inference_geo: must be one of ['global', 'us']", inference_geo="mars"
    ),
    refused(
        "container_has_its_tool",
        "container: Container identifier can only be provided when using the code execution tool",
        container="c1",
    ),
    refused(
        "prompt_fits",
        "prompt is too long: 225008 tokens > 200000 maximum",
        model=OLD,
        messages=[user("x" * 900_000)],
    ),
]

"""The models that the offline Claude answers for: the SDK's own list."""

from __future__ import annotations

import re
from typing import Any

from agentkit.classroom.offline.errors import ApiError

MODEL_IDS = (
    "claude-fable-5-2",
    "claude-mythos-5-2",
    "claude-haiku-5-5",
    "claude-sonnet-5-5",
    "claude-fable-5-1",
    "claude-opus-5-5",
    "claude-mythos-5-1",
    "claude-sonnet-5",
    "claude-fable-5",
    "claude-mythos-5",
    "claude-opus-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-mythos-preview",
    "claude-opus-4-6",
    "claude-sonnet-4-6",
    "claude-haiku-4-5",
    "claude-haiku-4-5-20251001",
    "claude-opus-4-5",
    "claude-opus-4-5-20251101",
    "claude-sonnet-4-5",
    "claude-sonnet-4-5-20250929",
)

_OLDER = re.compile(r"^claude-\w+-4-5(-|$)")


def max_output_tokens(model: str) -> int:
    """Look up the most tokens that a model writes in one reply.

    Args:
        model: A known model id.

    Returns:
        The cap on `max_tokens`.
    """
    return 64_000 if _OLDER.match(model) else 128_000


def supports_prefill(model: str) -> bool:
    """Tell whether a conversation may end with the assistant's words for the model to continue.

    Args:
        model: A known model id.

    Returns:
        True for the 4.5 models; newer ones refuse it.
    """
    return bool(_OLDER.match(model))


def model_info(model: str) -> dict[str, Any]:
    """Describe a model as `GET /v1/models/{id}` does.

    Args:
        model: A model id.

    Returns:
        The SDK's `ModelInfo`; dates are the epoch, which the API uses for "unknown".

    Raises:
        ApiError: 404, there is no such model.
    """
    if model not in MODEL_IDS:
        raise ApiError(404, f"model: {model}")
    return {
        "type": "model",
        "id": model,
        "display_name": model.replace("-", " ").title() + " (offline Claude)",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": 200_000,
        "max_tokens": max_output_tokens(model),
    }

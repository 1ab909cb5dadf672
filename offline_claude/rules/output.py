"""Structured output."""

from __future__ import annotations

from offline_claude.errors import invalid
from offline_claude.request import Sent
from offline_claude.schemas import schema_error, strictness_error


def output_schema_is_strict(sent: Sent) -> None:
    """The answer's schema can be enforced, and the answer hasn't been begun."""
    if (schema := sent.output_schema) is None:
        return
    if error := schema_error(schema) or strictness_error(schema):
        raise invalid(f"output_config.format.schema: {error}")
    if sent.turns[-1].role == "assistant" and sent.turns[-1].blocks:
        raise invalid("output_config.format: cannot be used with a prefilled assistant message")

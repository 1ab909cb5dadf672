"""Structured output."""

from __future__ import annotations

from tests.offline_claude.cases.parts import BLOCKED, OLD, STRICT, answer, refused
from tests.support.offline_server import HI

CASES = [
    refused(
        "output_schema_is_strict",
        f"output_config.format.schema: {BLOCKED[0]}",
        **answer({"type": "object"}),
    ),
    refused(
        "output_schema_is_strict",
        (
            "output_config.format.schema: For 'object' type, 'additionalProperties: true' is not "
            "supported."
        ),
        **answer({"type": "object", "additionalProperties": True}),
    ),
    refused(
        "output_schema_is_strict",
        (
            "output_config.format.schema: For 'array' type, 'minItems' values other than 0 or 1 "
            "are not supported (got: 2)"
        ),
        **answer({"type": "array", "items": {"type": "string"}, "minItems": 2}),
    ),
    refused(
        "output_schema_is_strict",
        (
            "output_config.format.schema: Invalid schema: Schema must have a 'type', 'anyOf', "
            "'oneOf', or 'allOf' field"
        ),
        **answer({}),
    ),
    refused(
        "output_schema_is_strict",
        "output_config.format: cannot be used with a prefilled assistant message",
        **answer(STRICT),
        model=OLD,
        messages=[HI, {"role": "assistant", "content": "{"}],
    ),
]

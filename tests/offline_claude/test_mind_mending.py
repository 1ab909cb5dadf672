"""Reactions to a tool's error: the call is corrected once, repeated, or explained."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.mind import converse, own

UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
WEATHER = own("get_weather", "Current weather", {"location": "string"}, unit=UNIT)
PAY = own("pay_invoice", "Pay an invoice", {"invoice_id": "integer"}, tip="number")


def failing(*errors: str) -> Any:
    """A tool that raises these errors, one a call, then the last one again."""
    left = list(errors)

    def run(*_: Any) -> str:
        raise ValueError(left.pop(0) if len(left) > 1 else left[0])

    return run


@pytest.mark.parametrize(
    ("error", "times", "last"),
    [
        ("Unknown location 'Pariss'. Did you mean Paris?", 2, {"location": "Paris"}),
        ("unit must be one of celsius, fahrenheit", 2, {"location": "Pariss", "unit": "celsius"}),
        ("Temporarily unavailable, please try again.", 2, {"location": "Pariss"}),
        ("request timed out", 2, {"location": "Pariss"}),
        ("The station does not exist.", 1, {"location": "Pariss"}),
    ],
)
def test_error_is_corrected_once_or_explained(error: str, times: int, last: dict[str, Any]) -> None:
    made, said = converse("Weather in Pariss?", [WEATHER], failing(error))
    assert len(made) == times
    assert made[-1] == ("get_weather", last)
    assert error in said


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        ("timed out", 1),
        ("The gateway timed out. Please try again.", 2),
        ("Timed out. Never retry this.", 1),
        ("The outcome is unknown: ask a person to look. Or try again.", 1),
    ],
)
def test_effect_is_repeated_only_when_its_error_asks_for_it(error: str, calls: int) -> None:
    made, said = converse("Please pay invoice 12345.", [PAY], failing(error))
    assert len(made) == calls
    assert error.split(".")[0] in said

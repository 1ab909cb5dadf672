"""Plots: what the eye sees, and the same in words."""

from __future__ import annotations

from xml.etree import ElementTree

from agentkit.history import Step
from classroom.show.plots import Gantt, Lines

SVG = "{http://www.w3.org/2000/svg}"
GROWN = {"re-sent <1>": [1.0, 4.0, 9.0, 16.0], "transcript": [1.0, 2.0]}


def step(number: int, activity: str, begin: float, end: float, state: str = "completed") -> Step:
    return Step(activity, number=number, state=state, scheduled_at=begin, ended_at=end)


def texts(html: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(html).iter(f"{SVG}text")]


def test_lines_as_text_are_a_table_of_the_same_numbers() -> None:
    lines = repr(Lines(GROWN, x="turn", y="history, MB")).splitlines()
    assert lines[0] == "history, MB"
    assert lines[1].split() == ["turn", "re-sent", "<1>", "transcript"]
    assert lines[-1].split() == ["4", "16.00", "ended"]


def test_a_plot_has_a_text_alternative_and_its_names_in_it() -> None:
    html = Lines(GROWN, x="turn", y="history, MB")._repr_html_()
    figure = ElementTree.fromstring(html)
    assert figure.get("role") == "img"
    assert "history, MB by turn" in str(figure.get("aria-label"))
    assert "transcript: 2.00 at turn 2" in str(figure.get("aria-label"))
    assert {"re-sent <1>", "transcript", "turn", "history, MB"} <= set(texts(html))


def test_the_same_data_draws_the_same_bytes() -> None:
    first, second = (Lines(GROWN, x="turn", y="MB")._repr_html_() for _ in range(2))
    assert first == second


def test_curves_differ_by_more_than_their_colour() -> None:
    html = Lines(GROWN, x="turn", y="MB")._repr_html_()
    assert "stroke-dasharray" in html


def test_nothing_to_draw_is_not_an_error() -> None:
    assert "<svg" in Lines({}, x="turn", y="MB")._repr_html_()
    assert repr(Gantt({})) == ""


def test_a_gantt_shows_each_step_of_each_run_in_text_and_as_a_picture() -> None:
    runs = {
        "one by one": [step(1, "call_claude", 10, 11), step(2, "tool.refund", 11, 13, "failed")],
        "at once": [step(1, "call_claude", 20, 21)],
    }
    gantt = Gantt(runs)
    assert gantt.seconds("one by one") == 3
    lines = repr(gantt).splitlines()
    assert lines[0] == "one by one: 2 steps in 3.0 s"
    assert lines[1].startswith("  1 call_claude")
    assert lines[2].endswith("█" * 40)
    assert lines[4] == "at once: 1 steps in 1.0 s"
    html = gantt._repr_html_()
    assert {"1 call_claude", "2 tool.refund", "at once: 1 steps in 1.0 s"} <= set(texts(html))
    assert "#cf222e" in html

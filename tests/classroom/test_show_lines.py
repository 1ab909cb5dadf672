"""Curves: what the eye sees, and the same in words."""

from __future__ import annotations

from xml.etree import ElementTree

from classroom.show.lines import Lines

GROWN = {"re-sent <1>": [1.0, 4.0, 9.0, 16.0], "transcript": [1.0, 2.0]}


def test_as_text_it_is_a_table_of_the_same_numbers() -> None:
    lines = repr(Lines(GROWN, x="turn", y="history, MB")).splitlines()
    assert lines[0] == "history, MB"
    assert lines[1].split() == ["turn", "re-sent", "<1>", "transcript"]
    assert lines[-1].split() == ["4", "16.00", "ended"]


def test_as_a_figure_it_says_in_words_what_it_shows() -> None:
    figure = ElementTree.fromstring(Lines(GROWN, x="turn", y="history, MB")._repr_html_())
    assert figure.get("role") == "img"
    assert "transcript: 2.00 at turn 2" in str(figure.get("aria-label"))
    assert "history, MB by turn" in str(figure.get("aria-label"))


def test_each_curve_is_told_apart_by_more_than_its_colour() -> None:
    figure = ElementTree.fromstring(Lines(GROWN, x="turn", y="MB")._repr_html_())
    curves = figure.findall("polyline")
    assert len({curve.get("stroke-dasharray") for curve in curves}) == len(curves) == 2


def test_higher_values_are_drawn_higher_and_within_the_figure() -> None:
    figure = ElementTree.fromstring(Lines(GROWN, x="turn", y="MB")._repr_html_())
    points = str(figure.findall("polyline")[0].get("points")).split()
    heights = [float(point.split(",")[1]) for point in points]
    assert heights == sorted(heights, reverse=True)
    assert all(0 <= height <= 300 for height in heights)


def test_nothing_to_draw_is_no_error() -> None:
    assert Lines({}, x="turn", y="MB")._repr_html_().startswith("<svg")

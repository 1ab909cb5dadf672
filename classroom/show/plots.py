"""Plots of one's own data: SVG by matplotlib in a notebook, text everywhere else."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agentkit.history import Step
from agentkit.messages import printable
from classroom.show.markup import Html, markup
from classroom.show.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CLAUDE, _TOOL, _FAILED = "#8250df", "#0969da", "#cf222e"
_DASHES = ("-", "--", ":", "-.", (0, (1, 4)))  # curves differ by more than their colour
_TEXT_COLUMNS, _TEXT_ROWS = 60, 6


class Lines:
    """One curve for each name, over 1, 2, 3 and so on.

    Args:
        curves: Name → values, the first at 1. Curves may differ in length.
        x: What is counted along the bottom, such as "turn".
        y: What the values are, with their unit, such as "history, MB".
    """

    def __init__(self, curves: Mapping[str, Sequence[float]], *, x: str, y: str) -> None:
        self.curves = {name: list(values) for name, values in curves.items() if values}
        self.x, self.y = x, y

    def __repr__(self) -> str:
        longest = max((len(values) for values in self.curves.values()), default=1)
        places = sorted({max(1, round(longest * n / _TEXT_ROWS)) for n in range(1, _TEXT_ROWS + 1)})
        rows = [
            {self.x: place}
            | {
                name: f"{values[place - 1]:.2f}" if place <= len(values) else "ended"
                for name, values in self.curves.items()
            }
            for place in places
        ]
        return f"{printable(self.y)}\n{Table(rows)!r}"

    def _repr_html_(self) -> str:
        figure, axes = _figure(height=3.2)
        for number, (name, values) in enumerate(self.curves.items()):
            dashes = _DASHES[number % len(_DASHES)]
            axes.plot(range(1, len(values) + 1), values, linestyle=dashes, label=name)
        axes.set(xlabel=self.x, ylabel=self.y)
        axes.grid(alpha=0.3)
        if self.curves:
            axes.legend(frameon=False)
        ends = ", ".join(
            f"{name}: {values[-1]:.2f} at {self.x} {len(values)}"
            for name, values in self.curves.items()
        )
        return _as_html(figure, f"{self.y} by {self.x}. {ends}.")


class Gantt:
    """Bars from the moment a step was scheduled to the moment its result was recorded.

    Args:
        runs: Name of a run → its steps, from `steps`.
    """

    def __init__(self, runs: Mapping[str, Sequence[Step]]) -> None:
        self.runs = {name: [s for s in run if s.ended_at] for name, run in runs.items()}

    def seconds(self, name: str) -> float:
        """Return how long a run took, from its first step to the end of its last."""
        return max((self._span(name, step)[1] for step in self.runs[name]), default=0.0)

    def _span(self, name: str, step: Step) -> tuple[float, float]:
        start = self.runs[name][0].scheduled_at
        return step.scheduled_at - start, (step.ended_at or start) - start

    def _title(self, name: str) -> str:
        return f"{name}: {len(self.runs[name])} steps in {self.seconds(name):.1f} s"

    def __repr__(self) -> str:
        longest = max(map(self.seconds, self.runs), default=0) or 1
        lines = []
        for name, steps in self.runs.items():
            lines += ["", self._title(name)]
            for step in steps:
                begin, end = (round(_TEXT_COLUMNS * t / longest) for t in self._span(name, step))
                bar = " " * begin + "█" * max(1, end - begin)
                lines.append(f"{step.number:>3} {step.activity:<22} {bar}")
        return "\n".join(map(printable, lines[1:]))

    def _repr_html_(self) -> str:
        rows = [(name, step) for name, steps in self.runs.items() for step in steps]
        figure, axes = _figure(height=0.6 + 0.16 * (len(rows) + len(self.runs)))
        labels: list[str] = []
        for name, steps in self.runs.items():
            labels.append(self._title(name))
            for step in steps:
                begin, end = self._span(name, step)
                axes.barh(len(labels), end - begin, left=begin, height=0.7, color=_colour(step))
                labels.append(f"{step.number} {step.activity}")
        axes.set_yticks(range(len(labels)), labels, fontsize=7)
        axes.set(xlabel="seconds")
        axes.invert_yaxis()
        return _as_html(figure, "; ".join(map(self._title, self.runs)))


def _colour(step: Step) -> str:
    if step.state != "completed":
        return _FAILED
    return _CLAUDE if step.activity == "call_claude" else _TOOL


def _figure(height: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure  # here: the import takes half a second

    figure = Figure(figsize=(7, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _as_html(figure: Figure, alternative: str) -> str:
    """Render a figure as inline SVG, with its text alternative."""
    import matplotlib
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a name with dollar signs is a name
    drawn = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "agentkit"}):
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    _, _, svg = drawn.getvalue().partition("<svg")
    return markup(
        '<figure role="img" aria-label="{}" style="margin:0">{}</figure>',
        alternative,
        Html("<svg" + printable(svg, newlines=True)),
    )

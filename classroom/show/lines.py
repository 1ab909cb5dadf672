"""Curves on one scale: SVG in a notebook, a table of the same numbers everywhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from classroom.show.table import Table

# Told apart by dashes as well as by colour.
_STYLES = (
    ("#cf222e", ""),
    ("#bf8700", "7 3"),
    ("#0969da", "2 3"),
    ("#1a7f37", "9 3 2 3"),
    ("#8250df", "1 4"),
)
_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 640, 300, 64, 36, 12, 150
_ROWS = 6


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
        self.longest = max((len(values) for values in self.curves.values()), default=1)
        self.highest = max((max(values) for values in self.curves.values()), default=0) or 1

    def __repr__(self) -> str:
        places = sorted({max(1, round(self.longest * n / _ROWS)) for n in range(1, _ROWS + 1)})
        rows = [
            {self.x: place}
            | {
                name: f"{values[place - 1]:.2f}" if place <= len(values) else "ended"
                for name, values in self.curves.items()
            }
            for place in places
        ]
        return f"{self.y}\n{Table(rows)!r}"

    def _repr_html_(self) -> str:
        ends = ", ".join(
            f"{name}: {values[-1]:.2f} at {self.x} {len(values)}"
            for name, values in self.curves.items()
        )
        label = escape(f"{self.y} by {self.x}. {ends}.")
        drawn = "".join(self._grid() + self._curves())
        return (
            f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
            f'style="max-width:{_WIDTH}px;font:12px sans-serif" fill="currentColor">'
            f"<title>{label}</title>{drawn}</svg>"
        )

    def _at(self, place: float, value: float) -> tuple[float, float]:
        across = (place - 1) / max(self.longest - 1, 1)
        return (
            _LEFT + across * (_WIDTH - _LEFT - _RIGHT),
            _HEIGHT - _BOTTOM - value / self.highest * (_HEIGHT - _BOTTOM - _TOP),
        )

    def _grid(self) -> list[str]:
        drawn = []
        for n in range(5):
            value = self.highest * n / 4
            left, height = self._at(1, value)
            right, _ = self._at(self.longest, value)
            drawn.append(
                f'<line x1="{left:.0f}" x2="{right:.0f}" y1="{height:.0f}" y2="{height:.0f}" '
                'stroke="currentColor" stroke-opacity="0.2"/>'
                f'<text x="{left - 6:.0f}" y="{height + 4:.0f}" text-anchor="end">'
                f"{value:.3g}</text>"
            )
        for place in (1, self.longest):
            across, _ = self._at(place, 0)
            drawn.append(
                f'<text x="{across:.0f}" y="{_HEIGHT - 20}" text-anchor="middle">{place}</text>'
            )
        middle, _ = self._at((1 + self.longest) / 2, 0)
        words = f"{escape(self.x)} · {escape(self.y)}"
        drawn.append(
            f'<text x="{middle:.0f}" y="{_HEIGHT - 4}" text-anchor="middle">{words}</text>'
        )
        return drawn

    def _curves(self) -> list[str]:
        drawn = []
        for n, (name, values) in enumerate(self.curves.items()):
            colour, dashes = _STYLES[n % len(_STYLES)]
            points = [self._at(place, value) for place, value in enumerate(values, 1)]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            style = f'stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"'
            height = _TOP + 10 + 18 * n
            begin = _WIDTH - _RIGHT + 12
            drawn.append(
                f'<polyline points="{path}" fill="none" {style}/>'
                f'<path d="M{begin} {height - 4}h26" {style}/>'
                f'<text x="{begin + 32}" y="{height}">{escape(name)}</text>'
            )
        return drawn

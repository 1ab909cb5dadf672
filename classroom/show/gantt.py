"""Runs side by side on one scale of time: what ran when, drawn from event histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from agentkit.history import Step

_CLAUDE, _TOOL, _FAILED = "#8250df", "#0969da", "#cf222e"
_COLUMNS = 60


class Gantt:
    """Bars from the moment a step was scheduled to the moment its result was recorded.

    Args:
        runs: Name of a run → its steps, from `steps`.
    """

    def __init__(self, runs: Mapping[str, Sequence[Step]]) -> None:
        self.runs = {name: [s for s in run if s.ended_at] for name, run in runs.items()}
        self.longest = max((self.seconds(name) for name in self.runs), default=0) or 1

    def seconds(self, name: str) -> float:
        """Tell how long a run took, from its first step to the end of its last."""
        return max((self._span(name, step)[1] for step in self.runs[name]), default=0.0)

    def _span(self, name: str, step: Step) -> tuple[float, float]:
        start = self.runs[name][0].scheduled_at
        return step.scheduled_at - start, (step.ended_at or start) - start

    def __repr__(self) -> str:
        return "\n\n".join(self._as_text(name) for name in self.runs)

    def _as_text(self, name: str) -> str:
        lines = [f"{name}: {self.seconds(name):.1f} s"]
        for step in self.runs[name]:
            begin, end = (round(_COLUMNS * t / self.longest) for t in self._span(name, step))
            bar = " " * begin + "█" * max(1, end - begin)
            lines.append(f"{step.number:>3} {step.activity:<22} {bar}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return "".join(self._as_html(name) for name in self.runs)

    def _as_html(self, name: str) -> str:
        rows = [self._row(name, step) for step in self.runs[name]]
        label = f"{name}: {len(rows)} steps in {self.seconds(name):.1f} s"
        return (
            f'<figure role="img" aria-label="{escape(label)}" style="margin:8px 0">'
            f'<figcaption style="font-weight:600">{escape(label)}</figcaption>{"".join(rows)}'
            "</figure>"
        )

    def _row(self, name: str, step: Step) -> str:
        begin, end = (100 * t / self.longest for t in self._span(name, step))
        colour = _CLAUDE if step.activity == "call_claude" else _TOOL
        if step.state != "completed":
            colour = _FAILED
        bar = (
            f"margin-left:{begin:.2f}%;width:{max(end - begin, 0.4):.2f}%;"
            f"background:{colour};height:11px;border-radius:2px"
        )
        return (
            '<div style="display:flex;align-items:center;font-size:12px;line-height:15px">'
            f'<span style="flex:0 0 170px">{step.number} {escape(step.activity)}</span>'
            f'<span style="flex:1"><span style="display:block;{bar}"></span></span></div>'
        )

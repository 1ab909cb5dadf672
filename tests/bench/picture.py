"""The comparison as a picture: an SVG that reads well, and that a diff can read too."""

from __future__ import annotations

from html import escape

from tests.bench.results import Results, Row

_WIDTH, _LEFT, _BAR, _LINE = 760, 20, 620, 76

_STYLE = """<style>
text { font: 13px sans-serif; fill: #222 } .what { font-weight: bold } .naive { fill: #b5b5b5 }
.ours { fill: #1f6f5c } rect.page { fill: #fff }
</style>"""


def bars(results: Results) -> list[Row]:
    """Choose the rows that can be drawn: those with two numbers of which less is better."""
    return [row for each in results.values() for row in each.rows if row.bars]


def svg(results: Results) -> str:
    """Draw a pair of bars for each row; the longer of the two always has the same length.

    Args:
        results: What was measured.

    Returns:
        An SVG document with a title and a description for those who don't see it.
    """
    rows = bars(results)
    height = _LINE * len(rows) + 34
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title text">',
        '<title id="title">The naive loop and agentkit, measured in one run; shorter is better'
        "</title>",
        f'<desc id="text">{escape(description(results))}</desc>',
        _STYLE,
        f'<rect class="page" width="{_WIDTH}" height="{height}"/>',
        '<rect class="naive" x="20" y="10" width="12" height="12"/><text x="38" y="21">naive loop'
        '</text><rect class="ours" x="130" y="10" width="12" height="12"/>'
        '<text x="148" y="21">agentkit (shorter is better)</text>',
    ]
    for number, row in enumerate(rows):
        top = 34 + number * _LINE
        lines.append(f'<text class="what" x="{_LEFT}" y="{top + 20}">{escape(row.what)}</text>')
        for offset, kind, value, text in (
            (28, "naive", (row.bars or (0, 0))[0], row.naive),
            (48, "ours", (row.bars or (0, 0))[1], row.ours),
        ):
            long = max(1, round(_BAR * value / max(row.bars or (1, 1))))
            lines.append(
                f'<rect class="{kind}" x="{_LEFT}" y="{top + offset}" width="{long}" '
                f'height="16"/><text x="{_LEFT + long + 8}" y="{top + offset + 13}">'
                f"{escape(text.partition(' (')[0])}</text>"
            )
    return "\n".join([*lines, "</svg>", ""])


def description(results: Results) -> str:
    """Say in words what the picture shows."""
    return "; ".join(
        f"{row.what}: naive loop {row.naive.partition(' (')[0]}, "
        f"agentkit {row.ours.partition(' (')[0]}"
        for row in bars(results)
    )

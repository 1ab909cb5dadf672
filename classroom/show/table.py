"""Rows as a table: HTML in a notebook, aligned text everywhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from agentkit.messages import printable
from classroom.show.markup import markup


class Table:
    """A table to look at; the last expression of a cell shows it.

    Args:
        rows: One mapping a row.
        columns: The columns to show, in order; by default all of the first row.

    Raises:
        ValueError: A column is in none of the rows.
    """

    def __init__(
        self, rows: Iterable[Mapping[str, object]], columns: Sequence[str] | None = None
    ) -> None:
        self.rows = [dict(row) for row in rows]
        self.columns = list(columns or (self.rows[0] if self.rows else ()))
        known = dict.fromkeys(name for row in self.rows for name in row)
        unknown = [c for c in self.columns if self.rows and c not in known]
        if unknown:
            raise ValueError(f"No column {', '.join(unknown)}. Columns: {', '.join(known)}.")

    def _cells(self) -> list[list[str]]:
        return [[printable(str(row.get(c, ""))) for c in self.columns] for row in self.rows]

    def __repr__(self) -> str:
        if not self.rows:
            return "(no rows)"
        lines = [[*map(printable, self.columns)], *self._cells()]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        rule = ["─" * w for w in widths]
        return "\n".join(
            "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
            for line in (lines[0], rule, *lines[1:])
        )

    def _repr_html_(self) -> str:
        if not self.rows:
            return markup("<em>(no rows)</em>")
        head = [markup("<th scope='col' style='text-align:left'>{}</th>", c) for c in self.columns]
        body = [
            markup("<tr>{}</tr>", [markup("<td style='text-align:left'>{}</td>", c) for c in row])
            for row in self._cells()
        ]
        return markup(
            "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
            head,
            body,
        )

"""What has been measured: in tests/bench/results.json, in docs/measured.md, and as a picture."""

from __future__ import annotations

import json
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

import psutil
from pydantic import TypeAdapter

from classroom.machine import dev_server
from tests.bench.spread import Spread, gain

COLUMNS = ("what", "naive loop", "agentkit", "times better", "goal")


@dataclass(frozen=True)
class Row:
    """One line of the comparison.

    Attributes:
        what: What was measured.
        naive: What the naive loop came to, as text.
        ours: What agentkit came to, as text.
        gain: How many times better ours is; under 1, the naive loop is. "" where there is none.
        goal: What design and issue ask for; "" for nothing.
        bars: Both as numbers, for the picture; less is better.
    """

    what: str
    naive: str
    ours: str
    gain: str = ""
    goal: str = ""
    bars: tuple[float, float] | None = None


def compare(
    what: str, naive: Spread, ours: Spread, unit: str, goal: str = "", digits: int = 1
) -> Row:
    """Make a row of two sets of samples, of which less is better.

    Args:
        what: What was measured.
        naive: Of the naive loop.
        ours: Of agentkit.
        unit: Their unit.
        goal: What is asked for.
        digits: After the point.
    """
    return Row(
        what,
        naive.text(unit, digits),
        ours.text(unit, digits),
        gain(naive, ours),
        goal,
        (naive.median, ours.median),
    )


@dataclass(frozen=True)
class Table:
    """A table of its own.

    Attributes:
        title: What it shows.
        columns: The heads.
        rows: As many texts each.
        note: One or two sentences below it; "" for none.
    """

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""

    def markdown(self) -> str:
        """Write it in Markdown."""
        lines = [f"### {self.title}", "", *_lines(self.columns, self.rows)]
        return "\n".join([*lines, "", self.note] if self.note else lines)


@dataclass(frozen=True)
class Measured:
    """What one part has found.

    Attributes:
        rows: For the comparison.
        tables: Of its own.
        seconds: How long it took.
        day: When it was, as 2026-01-31.
        machine: Where it was, and with which versions.
    """

    rows: list[Row] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    seconds: float = 0
    day: str = ""
    machine: str = ""


Results = dict[str, Measured]

_STORED = TypeAdapter(Results)


def load(file: Path) -> Results:
    """Read what was measured before; nothing, if there is no file."""
    return _STORED.validate_json(file.read_bytes()) if file.exists() else {}


def save(file: Path, results: Results) -> None:
    """Keep what was measured.

    Args:
        file: Where; its folder is made if need be.
        results: What, by part.
    """
    file.parent.mkdir(exist_ok=True)
    plain = {name: asdict(each) for name, each in results.items()}
    file.write_text(json.dumps(plain, indent=1, ensure_ascii=False) + "\n", encoding="utf8")


def this_machine() -> str:
    """Name the processor, cores, memory, and the versions that matter, in one sentence."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        found = re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.MULTILINE)
        model = found[1] if found else model
    memory = psutil.virtual_memory().total / 2**30
    told = subprocess.run([dev_server.binary(), "--version"], capture_output=True, text=True)
    server = re.search(r"Server (\S+?),?\s", told.stdout)
    return (
        f"{model}, {psutil.cpu_count()} cores, {memory:.0f} GB, {platform.system()}; "
        f"Python {platform.python_version()}, temporalio {version('temporalio')}, "
        f"Temporal server {server[1] if server else 'unknown'}, anthropic {version('anthropic')}"
    )


def markdown(results: Results) -> str:
    """Write everything that was measured.

    Args:
        results: What, by part.

    Returns:
        The comparison, the tables of the parts, and where, when and how long.
    """
    rows = [
        [row.what, row.naive, row.ours, row.gain, row.goal]
        for each in results.values()
        for row in each.rows
    ]
    machines = sorted({each.machine for each in results.values()})
    days = sorted({each.day for each in results.values()})
    times = ", ".join(f"{name} {each.seconds:,.0f} s" for name, each in results.items())
    return "\n\n".join(
        [
            "\n".join(_lines(COLUMNS, rows)),
            "A median comes with its range in brackets: 5th to 95th percentile, or least to most "
            "of fewer than twenty. Where *times better* is under 1, the naive loop is better.",
            *(table.markdown() for each in results.values() for table in each.tables),
            f"*Measured {' to '.join(days)} on {' / '.join(machines)}. It took: {times}.*",
        ]
    )


def summary(results: Results) -> str:
    """Write the README's short table: the rows that can be drawn, without ranges.

    Args:
        results: What was measured, by part.
    """
    rows = [
        [row.what, row.naive.partition(" (")[0], row.ours.partition(" (")[0]]
        for each in results.values()
        for row in each.rows
        if row.bars
    ]
    return "\n".join(_lines(["median", "naive loop", "agentkit"], rows))


def replace_section(page: str, text: str, section: str) -> str:
    """Replace what stands between a section's two markers.

    Args:
        page: The text of a Markdown file that has the markers.
        text: What goes between them.
        section: The section's name, as the markers have it.

    Raises:
        ValueError: The markers are missing.
    """
    begin, end = f"<!-- {section}:begin -->", f"<!-- {section}:end -->"
    before, found, rest = page.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"The page has no {begin} with {end} after it.")
    return f"{before}{begin}\n{text}\n{end}{after}"


def _lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(each)} |" for each in (columns, ["---"] * len(columns), *rows)]

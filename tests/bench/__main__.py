"""Measure and publish: `make bench`, or `python -m tests.bench [--turns N] [PART …]`.

Without a name it measures all parts but those of `ON_REQUEST`; the others keep what was measured
before.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date
from functools import partial

from agentkit.client import print_anything
from classroom.machine import processes
from tests.bench.newcomer import CHECKOUT
from tests.bench.parts import ON_REQUEST, PARTS, TURNS, long_runs
from tests.bench.picture import description, svg
from tests.bench.results import (
    Measured,
    Results,
    load,
    markdown,
    replace_section,
    save,
    summary,
    this_machine,
)

RESULTS = CHECKOUT / "tests" / "bench" / "results.json"
PICTURE = CHECKOUT / "docs" / "measured.svg"
PAGE = CHECKOUT / "docs" / "measured.md"
README = CHECKOUT / "README.md"


async def measure(part: Callable[[], Awaitable[Measured]]) -> Measured:
    """Run one part, and note when and where.

    Args:
        part: One of `PARTS`.
    """
    began = time.monotonic()
    found = await part()
    seconds, day = time.monotonic() - began, date.today().isoformat()
    return replace(found, seconds=round(seconds), day=day, machine=this_machine())


def block(results: Results) -> str:
    """Write the benchmark's section of docs/measured.md.

    Args:
        results: What was measured.
    """
    shown = f"![{description(results)}]({PICTURE.name})"
    return f"{shown}\n\n{markdown(results)}"


def publish(results: Results) -> None:
    """Store the results, draw them, and write them into docs/measured.md and the README.

    Args:
        results: What was measured, of all parts.
    """
    save(RESULTS, results)
    PICTURE.write_text(svg(results), encoding="utf8")
    for page, text, section in (
        (PAGE, block(results), "bench"),
        (README, summary(results), "measured"),
    ):
        page.write_text(replace_section(page.read_text("utf8"), text, section), encoding="utf8")


def main() -> None:
    """Measure, print and publish; what was started is stopped."""
    print_anything()
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--turns", type=int, default=TURNS, help="of the long run")
    asked = parser.parse_args()
    unknown = set(asked.parts) - set(PARTS)
    if unknown:
        parser.error(f"There is no part {', '.join(sorted(unknown))}: choose of {', '.join(PARTS)}")
    parts: dict[str, Callable[[], Awaitable[Measured]]] = {
        **PARTS,
        "long_runs": partial(long_runs, asked.turns),
    }
    before = {process.pid for process in processes.everything()}
    try:
        for name in asked.parts or [each for each in PARTS if each not in ON_REQUEST]:
            print(f"{name} …", file=sys.stderr)
            measured = asyncio.run(measure(parts[name]))
            known = {**load(RESULTS), name: measured}
            publish({each: known[each] for each in PARTS if each in known})
    finally:
        for process in processes.everything():
            if process.pid not in before:
                process.stop()
    print(markdown(load(RESULTS)))


if __name__ == "__main__":
    main()

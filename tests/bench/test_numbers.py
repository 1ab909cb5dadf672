"""The benchmark's arithmetic, and the shape of what it has published."""

from __future__ import annotations

import random
import re
import statistics
from pathlib import Path
from xml.etree import ElementTree

import pytest

from offline_claude.call_log import Call
from tests.bench.__main__ import PAGE, PICTURE, README, RESULTS, block
from tests.bench.crowds import _added
from tests.bench.parts import PARTS
from tests.bench.picture import bars, svg
from tests.bench.results import (
    COLUMNS,
    Measured,
    Row,
    Table,
    compare,
    load,
    markdown,
    replace_section,
    save,
    summary,
)
from tests.bench.spread import Spread, gain, percentile, spread


def test_added_time_is_that_of_turns_with_a_tool() -> None:
    turns: list[tuple[float, tuple[str, ...]]] = [(0, ("a",)), (3, ()), (5, ("a",)), (9, ())]
    calls = [
        Call(seq=n, started_at=began, finished_at=began + 1, tools=tools, question="Agent 1")
        for n, (began, tools) in enumerate(turns)
    ]
    assert _added(calls) == [2, 3]


BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
NUMBER = re.compile(r"^-?[\d,]+(\.\d+)?$")


def test_percentiles_are_those_of_the_standard_library() -> None:
    samples = [random.Random(7).expovariate(1) for _ in range(101)]
    cuts = statistics.quantiles(samples, n=100, method="inclusive")
    for percent in (5, 50, 95):
        assert percentile(samples, percent) == pytest.approx(cuts[percent - 1])
    assert percentile([3.0], 95) == 3.0
    assert [percentile([1, 2], p) for p in (0, 50, 100)] == [1, 1.5, 2]


def test_few_samples_show_their_extremes_and_many_their_percentiles() -> None:
    assert spread([5, 1, 3]) == Spread(3, 1, 5, 3)
    many = spread([float(n) for n in range(101)])
    assert (many.low, many.median, many.high, many.count) == (5, 50, 95, 101)
    with pytest.raises(ValueError, match="no sample"):
        spread([])


def test_a_spread_reads_as_a_median_with_its_range() -> None:
    assert spread([1.25, 1.5, 1750]).text("s") == "1.5 s (1.2 to 1,750.0, n = 3)"
    assert spread([2]).text("ms", 0) == "2 ms"


def test_a_gain_says_what_chance_could_have_made_of_it() -> None:
    assert gain(Spread(30, 28, 33, 3), Spread(2, 1.5, 3, 20)) == "15 (9.3 to 22)"
    assert gain(Spread(1, 1, 1, 1), Spread(2, 2, 2, 1)) == "0.50"


def test_a_row_that_is_slower_says_so() -> None:
    assert float(compare("x", spread([1]), spread([4]), "s").gain) < 1


def results() -> dict[str, Measured]:
    fast = compare("a <row>", spread([30, 31, 32]), spread([2, 2.5]), "s", "≤ 2.5 s")
    plain = Row("another", "–", "1.1", goal="≤ 1.2")
    table = Table("Steps", ["step", "seconds"], [["clone", "0.1"]], "A note.")
    return {"tools": Measured([fast, plain], [table], 12.3, "2026-01-31", "a machine")}


def test_results_are_kept_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "bench" / "results.json"
    assert load(file) == {}
    save(file, results())
    assert load(file) == results()


def test_results_go_between_the_markers_and_nowhere_else() -> None:
    page = f"before\n{BEGIN}\nold\n{END}\nafter"
    assert replace_section(page, "new", "bench") == f"before\n{BEGIN}\nnew\n{END}\nafter"
    for broken in ("", BEGIN, END):
        with pytest.raises(ValueError, match="no <!-- bench:begin -->"):
            replace_section(broken, "new", "bench")


def test_the_text_holds_rows_tables_machine_day_and_time() -> None:
    text = markdown(results())
    assert "| a <row> | 31.0 s (30.0 to 32.0, n = 3) | 2.2 s (2.0 to 2.5, n = 2) |" in text
    assert "### Steps\n\n| step | seconds |\n| --- | --- |\n| clone | 0.1 |\n\nA note." in text
    assert "2026-01-31 on a machine. It took: tools 12 s." in text


def test_the_picture_is_a_picture_and_has_words() -> None:
    picture = ElementTree.fromstring(svg(results()))
    texts = {each.tag.rpartition("}")[2]: each.text for each in picture}
    assert "shorter is better" in (texts["title"] or "")
    assert texts["desc"] == "a <row>: naive loop 31.0 s, agentkit 2.2 s"
    naive, ours = picture.findall("{*}rect[@height='16']")
    assert int(naive.attrib["width"]) > 10 * int(ours.attrib["width"])


# What is committed.


def test_pages_and_picture_are_what_the_command_makes_of_its_results() -> None:
    kept = load(RESULTS)
    for page, text, section in ((PAGE, block(kept), "bench"), (README, summary(kept), "measured")):
        found = page.read_text(encoding="utf8")
        assert replace_section(found, text, section) == found, "run: make bench PARTS=…"
    assert PICTURE.read_text(encoding="utf8") == svg(kept)


def test_every_part_has_been_measured_and_says_where_when_and_how_long() -> None:
    kept = load(RESULTS)
    assert list(kept) == list(PARTS)
    for each in kept.values():
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", each.day)
        assert re.search(
            r"\d+ cores, \d+ GB.*Python 3\.\d+.*temporalio.*server.*anthropic", each.machine
        )
        assert each.seconds > 0


def test_rows_have_numbers_where_numbers_belong() -> None:
    kept = load(RESULTS)
    for row in (row for each in kept.values() for row in each.rows):
        assert not row.gain or NUMBER.match(row.gain.partition(" ")[0]), row
        if row.bars:
            assert all(NUMBER.match(text.partition(" ")[0]) for text in (row.naive, row.ours)), row
            assert min(row.bars) > 0
    for table in (table for each in kept.values() for table in each.tables):
        assert {len(row) for row in table.rows} == {len(table.columns)}
        assert all(re.match(r"[\d,]", row[-1]) for row in table.rows)


def test_the_readme_compares_what_the_design_asks_for() -> None:
    text = markdown(load(RESULTS))
    assert text.startswith(f"| {' | '.join(COLUMNS)} |")
    for what in (
        "SIGKILL to the next model call",
        "ten tools of 1 s",
        "history per turn, first turns",
        "history per turn, last turns",
        "on disk for each byte said",
        "own time per turn at 10 KB of tool results, first turns",
        "own time per turn at 10 KB of tool results, last turns",
        "fresh clone to the first answer",
        "all notebooks",
        "### Many agents at once",
    ):
        assert what in text, what
    assert len(bars(load(RESULTS))) >= 4

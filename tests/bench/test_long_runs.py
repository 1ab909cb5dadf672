"""The comparison of long runs, small: what it says must be so."""

from __future__ import annotations

from offline_claude import OfflineClaude
from tests.bench.long_runs import bench


async def test_the_four_ways_to_carry_a_conversation_differ_as_the_lesson_says(
    claude: OfflineClaude,
) -> None:
    async with bench(history_limit=3_000_000) as scratch:
        inline = await scratch.run("inline", 20)
        window = await scratch.run("window", 12, tokens=12_000)
        external = await scratch.run("external", 12)
        transcript = await scratch.run("transcript", 12, tokens=12_000)
    assert inline.outcome.startswith("terminated: Workflow history size exceeds limit")
    assert inline.per_turn(5) > 150_000
    assert 20_000 < window.per_turn(8) < 80_000
    assert external.per_turn(8) < 3_000 < external.kept / 100
    assert external.kept > 8 * external.said
    assert transcript.outcome == "completed"
    assert transcript.per_turn(8) <= 3_000
    assert transcript.kept <= 1.2 * transcript.said
    assert len(transcript.own_seconds) >= 23


async def test_nothing_is_left_of_a_bench(claude: OfflineClaude) -> None:
    from classroom.machine import processes

    async with bench() as scratch:
        folder = scratch.folder
        assert folder.exists()
    assert not folder.exists()
    assert not [each for each in processes.everything() if each.name.endswith("-bench")]

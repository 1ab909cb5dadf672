"""Every exercise's check, tried with right solutions and wrong ones: as learners write them."""

from __future__ import annotations

import ast
import inspect
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import nbformat
import pytest

from classroom.workers import stop_all

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


class Exercise:
    """An exercise of a notebook.

    Args:
        name: The notebook's name.
        needs: Ids of the cells that its check relies on.
        stub: The id of the cell that the learner changes.
        check: The id of the cell that defines the check and runs it.
        solution: The id of the folded cell.
    """

    def __init__(self, name: str, needs: str, stub: str, check: str, solution: str) -> None:
        stored = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)  # type: ignore[no-untyped-call]
        self.cells: dict[str, str] = {cell.id: cell.source for cell in stored.cells}
        self.needs, self.check = needs.split(), self.cells[check]
        self.stub = self.cells[stub]
        self.solution = self.cells[solution].replace("print(await check())", "")
        self.names: dict[str, Any] = {"__name__": name}

    async def prepare(self) -> None:
        """Run the cells that the check needs."""
        for cell in self.needs:
            await self.run(self.cells[cell])

    async def verdict(self, solution: str) -> str:
        """What the check prints about a solution."""
        await self.run(solution)
        with redirect_stdout(StringIO()) as printed:
            await self.run(self.check)
        return printed.getvalue()

    async def run(self, source: str) -> None:
        """Run a cell as IPython would, but for its magics."""
        lines = [line for line in source.splitlines() if not line.startswith(("%", "!"))]
        code = compile("\n".join(lines), "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, self.names)
        if inspect.iscoroutine(running):
            await running


@dataclass(frozen=True)
class Tried:
    """Changes of the folded solution, each a text and what takes its place."""

    exercise: tuple[str, str, str, str, str]
    right: list[tuple[str, str]]
    wrong: list[tuple[str, str]]


_REFUSED = """            if reply.stop_reason == "refusal":
                reply = await ask_claude(
                    self.messages, model="claude-opus-5-5", **CLAUDE_LIMITS
                )
                self.spent.add(reply)
"""

TRIED = [
    Tried(
        ("00_setup", "c07 c11", "c20", "c21", "c23"),
        right=[
            (
                "    except anthropic.OverloadedError:\n",
                "    except anthropic.APIStatusError as err:\n"
                "        if err.status_code != 529:\n            raise\n",
            ),
            ("await claude.messages", "await claude.with_options(max_retries=2).messages"),
        ],
        wrong=[
            ("except anthropic.OverloadedError", "except anthropic.APIError"),
            ('return "We can\'t answer just now. Please try again in a few minutes."', 'return ""'),
            ("await claude.messages", "await claude.with_options(max_retries=9).messages"),
        ],
    ),
    Tried(
        ("01_plain_loop", "c03 c07 c16 c18", "c32", "c34", "c36"),
        right=[
            ("for _ in range(max_turns):", "while (max_turns := max_turns - 1) >= 0:"),
            (
                "        results = []\n",
                "        if _ + 1 == max_turns:\n            break\n        results = []\n",
            ),
        ],
        wrong=[
            ("range(max_turns)", "range(9)"),
            ("range(max_turns)", "range(max_turns + 1)"),
            ("range(max_turns)", "range(max_turns - 1)"),
            ('result |= {"content": str(err), "is_error": True}', "return str(err)"),
        ],
    ),
    Tried(
        ("04_failing_well", "c02 c13 c14", "c65", "c66", "c68"),
        right=[
            (
                _REFUSED,
                """            for other in ("claude-opus-5-5",):
                if reply.stop_reason != "refusal":
                    break
                reply = await ask_claude(self.messages, model=other, **CLAUDE_LIMITS)
                self.spent.add(reply)
""",
            ),
            ("self.messages, model", "list(self.messages), max_tokens=2000, model"),
        ],
        wrong=[
            ("if reply.stop", "while reply.stop"),
            (_REFUSED, _REFUSED.rpartition("                self")[0]),
            ('model="claude-opus-5-5", ', ""),
        ],
    ),
    Tried(
        (
            "07_replay_and_prompts",
            "cell-07-001 cell-07-003 cell-07-004 cell-07-006 cell-07-008 cell-07-012 cell-07-014"
            " cell-07-018 cell-07-021 in-flight-change in-flight-deploy",
            "cell-07-079",
            "cell-07-080",
            "cell-07-082",
        ),
        right=[
            ("pauses", "self.pauses"),
            ("if pauses:", "if pauses is True:"),
        ],
        wrong=[
            ("if pauses:", 'if workflow.patched("later"):'),
            ("if pauses:", "if True:"),
            ("if pauses:", "if False:"),
        ],
    ),
    Tried(
        (
            "08_long_running_agents",
            "c08-01 c08-48 c08-70",
            "c08-68",
            "c08-71",
            "c08-73",
        ),
        right=[
            ("self.steps == queue.steps_per_run", "self.steps >= 12"),
            ("self.steps == queue.steps_per_run", "(self.steps and queue.answered == 3)"),
        ],
        wrong=[
            (" or self.steps == queue.steps_per_run", ""),
            ("self.steps == queue.steps_per_run", "queue.answered == 6"),
            ("is_continue_as_new_suggested()", "is_continue_as_new_suggested"),
        ],
    ),
]


@pytest.mark.timeout(600)  # some checks start a worker for each of eight solutions
@pytest.mark.parametrize("tried", TRIED, ids=lambda tried: tried.exercise[0])
async def test_check_accepts_right_solutions_and_no_wrong_one(
    tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(NOTEBOOKS)
    monkeypatch.syspath_prepend(str(NOTEBOOKS))
    exercise = Exercise(*tried.exercise)
    await exercise.prepare()
    try:
        assert (await exercise.verdict(exercise.stub)).startswith("Not yet")
        assert (await exercise.verdict(exercise.solution)).startswith("Solved")
        for verdict, changes in (("Solved", tried.right), ("Not yet", tried.wrong)):
            for old, new in changes:
                assert old in exercise.solution
                found = await exercise.verdict(exercise.solution.replace(old, new))
                assert found.startswith(verdict), (new, found)
    finally:
        stop_all()
        if "claude" in exercise.names:
            await exercise.names["claude"].close()

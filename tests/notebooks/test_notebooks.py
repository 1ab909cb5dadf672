"""What every notebook owes its reader, and CI. nbval compares the outputs; this is the rest."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from classroom.recipes import Recipe, list_recipes
from tests.notebooks.test_derived_files import derived_files
from tests.notebooks.tidy import WIDGET_VIEW

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WRITEFILE = re.compile(r"%%writefile (\S+)\n")


def read(path: Path) -> NotebookNode:
    """A notebook as it is stored."""
    stored: NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    return stored


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request: pytest.FixtureRequest) -> NotebookNode:
    """Each notebook as it is stored."""
    return read(request.param)


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    return "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")


def tags(cell: NotebookNode) -> list[str]:
    return list(cell.metadata.get("tags", []))


def test_the_course_has_its_first_notebooks() -> None:
    expected = [
        "00_setup",
        "01_plain_loop",
        "02_durable_loop",
        "03_kill_the_worker",
        "04_failing_well",
    ]
    assert [path.stem for path in NOTEBOOKS][: len(expected)] == expected


def test_every_code_cell_was_run_in_order(notebook: NotebookNode) -> None:
    # nbval silently skips a cell that was never run.
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_error_is_stored_unless_its_cell_says_so(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        if "raises-exception" not in tags(cell):
            assert not [o for o in cell.outputs if o.output_type == "error"], cell.source


def test_a_cell_whose_output_is_ignored_is_one_line_or_asserts_what_must_hold(
    notebook: NotebookNode,
) -> None:
    for cell in code(notebook):
        if "nbval-ignore-output" in tags(cell):
            assert len(cell.source.splitlines()) == 1 or "assert " in cell.source, cell.source
            assert cell.outputs, "an ignored output must still be there to be read"
        assert "nbval-skip" not in tags(cell)


def test_cells_avoid_what_breaks_replay_ci_or_a_stage(notebook: NotebookNode) -> None:
    forbidden = ("input(", "nest_asyncio", "time.sleep(", "asyncio.sleep(", "sandboxed=False")
    for cell in code(notebook):
        assert not [word for word in forbidden if word in cell.source], cell.source


def test_the_reader_is_told_what_to_expect(notebook: NotebookNode) -> None:
    text = prose(notebook)
    assert re.match(r"# \d\d · \S", text)
    for part in ("**Question:**", "minutes:**", "you can\n", "redict", "## Exercise"):
        assert part in text, part
    summary = text.split("## In three lines")[1].split("**")[0]
    assert len(re.findall(r"(?m)^- ", summary)) == 3


def test_the_exercise_has_a_check_and_a_folded_solution(notebook: NotebookNode) -> None:
    outputs = ["".join(o.get("text", "") for o in cell.outputs) for cell in code(notebook)]
    assert any(text.startswith("Not yet") for text in outputs)
    assert any(text.startswith("Solved") for text in outputs)
    folded = [c for c in code(notebook) if c.metadata.get("jupyter", {}).get("source_hidden")]
    assert len(folded) == 1


def test_nothing_of_the_machine_it_ran_on_is_stored(notebook: NotebookNode) -> None:
    stored = "".join(str(cell.outputs) for cell in code(notebook))
    assert not re.search(r"/(home|Users|root|work|tmp|private|mnt)/", stored)
    # One lesson shows a whole idempotency key, which ends in an id of Claude's.
    assert not re.search(r"sk-ant-|(?<!:)toolu_|msg_\w{10}", stored)


def test_no_widget_view_is_stored_whose_model_is_gone(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        assert all(WIDGET_VIEW not in output.get("data", {}) for output in cell.outputs)


def test_metadata_holds_no_widget_state_and_no_timings(notebook: NotebookNode) -> None:
    assert set(notebook.metadata) == {"kernelspec"}, "make outputs"
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags", "jupyter"}, "make outputs"


def test_links_between_notebooks_lead_somewhere(notebook: NotebookNode) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]+)\)", prose(notebook)):
        assert (ROOT / "notebooks" / target).exists(), target


def test_what_a_cell_writes_is_the_committed_file(notebook: NotebookNode) -> None:
    for cell in code(notebook):
        found = WRITEFILE.match(cell.source)
        if found and "{" not in found[1]:
            file = ROOT / "notebooks" / found[1]
            assert cell.source[found.end() :].rstrip("\n") == file.read_text().rstrip("\n"), file


@pytest.mark.parametrize("recipe", list_recipes(), ids=lambda recipe: recipe.name)
def test_a_lesson_that_leaves_a_recipe_says_how_to_take_it_home(recipe: Recipe) -> None:
    workflow = f"%%writefile recipes/{recipe.name}/workflow.py\n"
    (lesson,) = (p for p in NOTEBOOKS if any(c.source.startswith(workflow) for c in code(read(p))))
    assert f"agentkit copy {recipe.name} ~/" in prose(read(lesson))


def test_the_first_recipe_is_copied_and_its_tests_pass_there() -> None:
    (cell,) = (c for c in code(read(NOTEBOOKS[2])) if "copy_and_test(" in c.source)
    told = "".join(output.text for output in cell.outputs).splitlines()
    assert len(told) >= 6
    assert all(line.startswith("passed  ") for line in told)


def test_every_recipe_file_is_written_by_a_cell() -> None:
    cells = [c.source for path in NOTEBOOKS for c in code(read(path))]
    written = {found[1] for source in cells if (found := WRITEFILE.match(source))}
    written |= derived_files()
    files = sorted((ROOT / "notebooks" / "recipes").glob("*/*.py"))
    assert len(files) >= 5
    for file in files:
        assert str(file.relative_to(ROOT / "notebooks")) in written

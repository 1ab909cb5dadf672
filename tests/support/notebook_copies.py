"""Each notebook runs in a copy of the repository, so that notebooks can run side by side.

A lesson writes recipe files next to itself, and its workers import them: two lessons in one folder
would pull files away under each other's feet. nbval compares the outputs as ever.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbFile

from classroom.machine.home import home

ROOT = Path(__file__).resolve().parents[2]
_LEFT_OUT = shutil.ignore_patterns(".*", "build", "*.egg-info")


def copied_repository(name: str) -> Path:
    """Copy the repository for a notebook of this name; a copy made earlier is replaced."""
    # Beside the home, whose every file a test searches for keys.
    tree = home().with_name(f"{home().name}-trees") / name
    shutil.rmtree(tree, ignore_errors=True)
    # Bytecode is copied along: it stays valid, because the sources keep their times.
    return Path(shutil.copytree(ROOT, tree, ignore=_LEFT_OUT))


class CopiedNotebook(IPyNbFile):  # type: ignore[misc]
    """A notebook whose kernel, and whatever that starts, has a copy of the repository."""

    def setup(self) -> None:
        """Copy the repository and start the kernel there."""
        tree = copied_repository(self.path.stem)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PYTHONPATH", str(tree))
            patch.setenv("PYTHON_COLORS", "0")  # 3.13 colours tracebacks
            # Whoever has warnings on sees in a cell's output what the course has left open. Not
            # all warnings: from 3.12 on IPython's own `!` warns of forks.
            patch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
            self.kernel = RunningKernel(
                self.nb.metadata.kernelspec.name,
                cwd=str(tree / "notebooks"),
                startup_timeout=self.config.option.nbval_kernel_startup_timeout,
            )
        self.setup_sanitize_files()


class NotebookCopies:
    """A pytest plugin; hooks in tests/conftest.py aren't called for files in notebooks/."""

    @pytest.hookimpl(wrapper=True)
    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> Generator[None, Iterable[Any], list[Any]]:
        """Put copied notebooks in the place of nbval's."""
        found = yield
        return [
            CopiedNotebook.from_parent(parent, path=file_path)
            if isinstance(each, IPyNbFile)
            else each
            for each in found
        ]

"""Drop stored widget views: without a live kernel they show an error where the text would do.

`python -m tests.notebooks.tidy NOTEBOOK …`, as the last step of `make outputs`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def main() -> None:
    """Rewrite the notebooks that are named on the command line."""
    for name in sys.argv[1:]:
        notebook = nbformat.read(name, as_version=4)  # type: ignore[no-untyped-call]
        for cell in notebook.cells:
            for output in cell.get("outputs", []):
                output.get("data", {}).pop(WIDGET_VIEW, None)
        text = nbformat.writes(notebook)  # type: ignore[no-untyped-call]
        Path(name).write_text(text + "\n", encoding="utf8")


if __name__ == "__main__":
    main()

"""Pages for readers: what they name exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
PAGES = [
    *REPO.glob("*.md"),
    *(REPO / "docs").glob("*.md"),
    *(REPO / "notebooks").rglob("README.md"),
]
LINK = re.compile(r"\[([^\]]+)\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
REPORT = re.compile(r"[\w.-]+/[\w.-]+#\d+")
MISTAKES = REPO / "docs" / "mistakes.md"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPO)))
def test_every_link_leads_somewhere(page: Path) -> None:
    links = [target for _, target in LINK.findall(page.read_text("utf8"))]
    local = [target for target in links if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_every_mistake_names_its_report_and_a_test_that_exists() -> None:
    rows = re.findall(r"^\| (?!---|what people).+", MISTAKES.read_text("utf8"), re.MULTILINE)
    held = [row.split(" | ") for row in rows if row.count(" | ") == 4]
    assert len(held) > 25
    for _, _, reported, here, tests in held:
        assert LINK.search(here)
        for name, url in LINK.findall(reported):
            assert REPORT.fullmatch(name)
            assert url == f"https://github.com/{name.replace('#', '/issues/')}"
        assert LINK.search(reported) or reported in ("*examples*", "*found here*")
        named = LINK.findall(tests)
        assert named
        for name, target in named:
            assert f"def {name}(" in (MISTAKES.parent / target).read_text("utf8"), name

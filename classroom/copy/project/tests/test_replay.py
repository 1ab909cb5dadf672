"""Recorded runs, against today's code: would runs that are in flight survive its deployment?

tests/golden/ holds one that the recipe was recorded with. Add your own: save what
`temporal workflow show --workflow-id ID --output json` prints as a file there. When the code is
meant to decide otherwise, guard the change with `workflow.patched`, or replace the file once no
such run is open any more.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from agentkit import AgentPlugin
from agentkit.testing import load, replay, replay_every_prefix
from classroom.copy.project.tests.golden.tools import RECORDED
from classroom.copy.project.tests.test_sandbox import WORKFLOWS
from recipes.durable_loop import tools

HISTORIES = sorted((Path(__file__).parent / "golden").glob("*.json"))


@pytest.fixture(autouse=True)
def tools_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the tools that recorded runs have called, where tools.py hasn't got them any more.

    workflow.py is imported for each replay, and takes TOOLS from here.
    """
    names = {each.name for each in tools.TOOLS}
    gone = [each for each in RECORDED if each.name not in names]
    monkeypatch.setattr(tools, "TOOLS", [*tools.TOOLS, *gone])


@pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)
async def test_the_code_decides_today_as_it_did(history: Path) -> None:
    await replay(load(history), WORKFLOWS, AgentPlugin(tools.TOOLS))


@pytest.mark.parametrize("history", HISTORIES, ids=lambda file: file.stem)
async def test_another_worker_could_have_taken_over_at_every_step(history: Path) -> None:
    assert await replay_every_prefix(load(history), WORKFLOWS, AgentPlugin(tools.TOOLS)) >= 5

"""`begin`, the first cell of every notebook."""

from __future__ import annotations

import pytest

from classroom.lesson import begin
from classroom.machine import dev_server, processes, which_claude
from classroom.machine.home import ClassroomError


async def test_a_lesson_that_needs_the_offline_claude_says_so_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AGENTKIT_OFFLINE")
    monkeypatch.delenv("AGENTKIT_EMBEDDED_CLAUDE", raising=False)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    started: list[str] = []
    monkeypatch.setattr(dev_server, "ensure", lambda: started.append("server"))
    monkeypatch.setattr(which_claude, "ensure", lambda: started.append("claude"))
    before = processes.everything()
    with pytest.raises(ClassroomError, match=r"names 127\.0\.0\.1\. Run `%env AGENTKIT_OFFLINE=1`"):
        await begin(needs="offline")
    assert (started, processes.everything()) == ([], before)


async def test_the_way_out_that_the_message_names_leads_to_the_offline_claude(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AGENTKIT_OFFLINE", "1")
    assert which_claude.own_claude() is None

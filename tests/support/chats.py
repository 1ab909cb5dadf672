"""Conversations made up for tests: turns with tools, pauses and long results."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

Message = dict[str, Any]


def user(text: str) -> Message:
    return {"role": "user", "content": text}


def says(text: str) -> Message:
    return {"role": "assistant", "content": [{"type": "text", "text": text}]}


def asks(*ids: str) -> Message:
    blocks = [{"type": "tool_use", "id": i, "name": "find_order", "input": {}} for i in ids]
    return {"role": "assistant", "content": blocks}


def results(*ids: str, text: str = "{}") -> Message:
    blocks = [{"type": "tool_result", "tool_use_id": i, "content": text} for i in ids]
    return {"role": "user", "content": blocks}


def chat(exchanges: int, result: str = "x" * 400) -> list[Message]:
    """A question, a tool, its result and an answer, many times over."""
    messages = []
    for n in range(exchanges):
        messages += [user(f"Question {n}"), asks(f"t{n}"), results(f"t{n}", text=result)]
        messages.append(says(f"Answer {n}"))
    return messages


@st.composite
def chats(draw: st.DrawFn) -> list[Message]:
    """Any conversation that the API would take."""
    messages: list[Message] = []
    number = 0
    for _ in range(draw(st.integers(1, 12))):
        messages.append(user("q" * draw(st.integers(1, 200))))
        if draw(st.booleans()):
            messages.append(user("and another word"))
        for _ in range(draw(st.integers(0, 4))):
            if draw(st.booleans()):
                messages.append(says("one moment"))  # a pause: Claude goes on by itself
            count = draw(st.integers(1, 3))
            ids = [f"t{number + n}" for n in range(count)]
            number += count
            messages += [asks(*ids), results(*ids, text="r" * draw(st.integers(0, 4000)))]
        messages.append(says("a" * draw(st.integers(1, 200))))
    return messages


def faults(messages: Sequence[Message]) -> list[str]:
    """What the API would refuse: results without their call, calls without their result."""
    found = []
    if not messages or messages[0]["role"] != "user":
        found.append("it doesn't begin with the user")
    open_ids: list[str] = []
    for n, message in enumerate(messages):
        content = message["content"]
        blocks = [] if isinstance(content, str) else content
        answered = [b["tool_use_id"] for b in blocks if b["type"] == "tool_result"]
        if sorted(answered) != sorted(open_ids):
            found.append(f"message {n} answers {answered}, and open are {open_ids}")
        open_ids = [b["id"] for b in blocks if b["type"] == "tool_use"]
    return found


def size(messages: Sequence[Message]) -> int:
    """The bytes of a conversation as the API gets it."""
    return sum(len(json.dumps(each).encode()) for each in messages)

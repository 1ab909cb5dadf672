"""Conversations with the mind alone: no server, tools that are told what to return."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from jsonschema import Draft202012Validator

from offline_claude.mind import think
from offline_claude.reply import Thought
from offline_claude.request import Sent
from tests.support.offline_server import MODEL

Call = tuple[str, dict[str, Any]]
Tool = dict[str, Any]


def own(name: str, about: str, required: dict[str, Any], **optional: Any) -> Tool:
    """A tool as a learner writes it; a property is a type, or a whole schema."""
    every = {**required, **optional}
    properties = {k: {"type": v} if isinstance(v, str) else v for k, v in every.items()}
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return {"name": name, "description": about, "input_schema": schema}


def texts() -> dict[str, Any]:
    return {"type": "array", "items": {"type": "string"}}


def decide(messages: list[dict[str, Any]], tools: list[Tool] | None = None, **more: Any) -> Thought:
    """The next thought in a conversation."""
    body = {"model": MODEL, "max_tokens": 999, "messages": messages, "tools": tools or [], **more}
    return think(Sent(body))


def ask(*told: str | list[dict[str, Any]], tools: list[Tool] | None = None, **more: Any) -> Thought:
    """The thought after what the user and the assistant say in turn."""
    roles = ["user", "assistant"] * len(told)
    messages = [{"role": r, "content": t} for r, t in zip(roles, told, strict=False)]
    return decide(messages, tools, **more)


def converse(
    questions: str | list[str],
    tools: list[Tool],
    run: Callable[[str, dict[str, Any]], Any] = lambda *_: {},
    **more: Any,
) -> tuple[list[Call], str]:
    """Every call that is asked for, and the last answer; `run` may raise what a tool raises."""
    schemas = {t["name"]: t["input_schema"] for t in tools}
    messages: list[dict[str, Any]] = []
    made: list[Call] = []
    thought = Thought("")
    for question in [questions] if isinstance(questions, str) else questions:
        messages.append({"role": "user", "content": question})
        for _ in range(12):
            thought = decide(messages, tools, **more)
            if not thought.calls:
                break
            said, found = [], []
            for name, arguments in thought.calls:
                Draft202012Validator(schemas[name]).validate(arguments)
                made.append((name, arguments))
                use = f"call_{len(made)}"
                said.append({"type": "tool_use", "id": use, "name": name, "input": arguments})
                result: dict[str, Any] = {"type": "tool_result", "tool_use_id": use}
                try:
                    value = run(name, arguments)
                    result["content"] = value if isinstance(value, str) else json.dumps(value)
                except ValueError as err:
                    result |= {"content": str(err), "is_error": True}
                found.append(result)
            messages += [{"role": "assistant", "content": said}, {"role": "user", "content": found}]
        else:
            raise AssertionError(f"no answer to {question!r}")
        messages.append({"role": "assistant", "content": thought.text})
    return made, thought.text

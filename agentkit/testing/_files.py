"""A history as a file: JSON that replays and whose diff a person can read."""

from __future__ import annotations

import base64
import json
from typing import Any

from temporalio.client import WorkflowHistory

_NOISE = frozenset({"taskId", "identity", "requestId", "meteringMetadata", "workerVersion"})
"""Fields that Workflow code can't see and that differ between any two runs."""

_JSON = base64.b64encode(b"json/plain").decode()


def to_file_text(history: WorkflowHistory) -> str:
    """Convert a history to a file's text.

    Run ids and times stay: Workflow code sees them, and they seed its random numbers.
    """
    tidy = json.loads(history.to_json(), object_hook=_tidy)
    return json.dumps(tidy, indent=1, ensure_ascii=False) + "\n"


def from_file_text(text: str) -> WorkflowHistory:
    """Read a history from the text of `to_file_text`, the Web UI or the CLI."""
    stored = _as_sent(json.loads(text))
    try:
        started = stored["events"][0]["workflowExecutionStartedEventAttributes"]
    except (LookupError, TypeError):
        raise ValueError("This isn't a history: its first event doesn't start a run.") from None
    return WorkflowHistory.from_json(started.get("workflowId") or "a-run", stored)


def _tidy(node: dict[str, Any]) -> dict[str, Any]:
    """Drop the noise, and decode JSON payloads where that loses no byte."""
    if node.get("metadata") == {"encoding": _JSON} and set(node) == {"metadata", "data"}:
        data = base64.b64decode(node["data"])
        value = json.loads(data)
        return {"json": value} if _encoded(value) == data else node
    return {key: value for key, value in node.items() if key not in _NOISE}


def _as_sent(node: Any) -> Any:
    if isinstance(node, list):
        return [_as_sent(each) for each in node]
    if not isinstance(node, dict):
        return node
    if set(node) == {"json"}:
        data = base64.b64encode(_encoded(node["json"])).decode()
        return {"metadata": {"encoding": _JSON}, "data": data}
    return {key: _as_sent(value) for key, value in node.items()}


def _encoded(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()

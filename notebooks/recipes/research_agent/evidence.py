"""What this run's own searches have found: the only things that a report may rest on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from agentkit import ToolCall

PLAN = "plan_research"


@dataclass
class Evidence:
    """Sources by id, what they state by subject, and which searches found something."""

    sources: dict[str, str] = field(default_factory=dict)
    states: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    draft: str = ""  # the id of the call that submits the newest draft

    def record_result(self, call: ToolCall, result: Mapping[str, Any]) -> None:
        """Record a tool's result: a plan, or rows that can be cited, whatever the tool."""
        if result.get("is_error"):
            return
        if call.name == PLAN:
            self.asked += planned(call.input)
        if not isinstance(found := parse(result["content"]), list):
            return
        rows = [row for row in found if isinstance(row, dict) and {"source", "text"} <= row.keys()]
        queries = [value for value in call.input.values() if isinstance(value, str)]
        self.asked += queries
        self.answered.update(queries if rows else [])
        for row in rows:
            self.sources[str(row["source"])] = str(row["text"])
            states = row.get("states")
            for subject, value in states.items() if isinstance(states, dict) else ():
                self.states.setdefault(subject, {})[str(row["source"])] = value

    @property
    def unanswered(self) -> list[str]:
        """The queries that were planned or made and found nothing."""
        return [query for query in dict.fromkeys(self.asked) if query not in self.answered]

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Yield each subject with two sources that state different things about it."""
        for subject, values in self.states.items():
            for one, other in combinations(values, 2):
                if values[one] != values[other]:
                    yield subject, one, other


def planned(arguments: Mapping[str, Any]) -> list[str]:
    """List the queries of a plan; one of another shape has none, as an error would hang the run."""
    try:
        return [str(search["query"]) for search in arguments["searches"]]
    except (LookupError, TypeError):
        return []


def parse(content: object) -> Any:
    """Parse a result as JSON; None if it is plain words, or JSON that was cut."""
    try:
        return json.loads(str(content))
    except (ValueError, RecursionError):
        return None

"""What this run's own searches have found: the only things that a report may rest on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from pydantic_core import from_json

from agentkit import ToolCall

PLAN = "plan_research"

# This is Workflow code, which may take 2 seconds: the work has bounds, and no pair is compared.
MOST_SOURCES, MOST_STATES, MOST_QUERIES = 1000, 20, 1000


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
            self.asked = [*self.asked, *planned(call.input)][:MOST_QUERIES]
        if not isinstance(found := parse(result["content"]), list):
            return
        rows = [row for row in found if isinstance(row, dict) and {"source", "text"} <= row.keys()]
        queries = [value for value in call.input.values() if isinstance(value, str)]
        self.asked = [*self.asked, *queries][:MOST_QUERIES]
        self.answered.update(queries if rows else [])
        for row in rows[: MOST_SOURCES - len(self.sources)]:
            self.sources[str(row["source"])] = str(row["text"])
            states = row.get("states")
            states = states if isinstance(states, dict) else {}
            for subject, value in islice(states.items(), MOST_STATES):
                self.states.setdefault(subject, {})[str(row["source"])] = str(value)

    @property
    def unanswered(self) -> list[str]:
        """The queries that were planned or made and found nothing."""
        return [query for query in dict.fromkeys(self.asked) if query not in self.answered]

    def contradictions(self) -> Iterator[tuple[str, str, str]]:
        """Yield each source with one that states something else on the same subject."""
        for subject, values in self.states.items():
            first, *later = values
            differing = [source for source in later if values[source] != values[first]]
            for source in later if differing else ():
                agrees = values[source] == values[first]
                yield (subject, source, differing[0]) if agrees else (subject, first, source)


def planned(arguments: Mapping[str, Any]) -> list[str]:
    """List the queries of a plan; one of another shape has none, as an error would hang the run."""
    try:
        return [str(search["query"]) for search in arguments["searches"]]
    except (LookupError, TypeError):
        return []


def parse(content: object) -> Any:
    """Parse a result as JSON; None if it is plain words, or JSON that was cut."""
    try:
        return from_json(str(content))  # unlike json, it raises no RecursionError
    except ValueError:
        return None

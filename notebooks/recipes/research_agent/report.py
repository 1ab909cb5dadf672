"""A report as data: what Claude hands in, what a supervisor reads, what is stored."""

from dataclasses import asdict, dataclass, field, replace

from agentkit import Spent, ToolCall

PUBLISH = "publish_report"


@dataclass(frozen=True)
class Citation:
    """A source by its id, and the words that it is cited for, exactly as it has them."""

    source: str
    quote: str


@dataclass(frozen=True)
class Paragraph:
    """Something that the report says, and where that comes from."""

    text: str
    citations: list[Citation]


@dataclass(frozen=True)
class Report:
    """What was found out, what is in doubt, what was not found, and what all that has cost."""

    title: str
    paragraphs: list[Paragraph]
    disagreements: list[Paragraph] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)
    cost: Spent = field(default_factory=Spent)

    @property
    def all(self) -> list[Paragraph]:
        """Everything that has to be cited."""
        return [*self.paragraphs, *self.disagreements]


def with_cost(call: ToolCall, cost: Spent) -> ToolCall:
    """Enter into a draft what the run has cost, whatever Claude has put there."""
    if call.name != PUBLISH or not isinstance(call.input, dict):
        return call
    return replace(call, input={**call.input, "cost": asdict(cost)})

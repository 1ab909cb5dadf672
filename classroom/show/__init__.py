"""Displays for notebooks: tables, transcripts, the timeline of a run."""

from agentkit.history import Step
from agentkit.history import activities_of as steps
from classroom.show.table import Table
from classroom.show.timeline import attempts, table, timeline, until
from classroom.show.transcript import transcript

__all__ = ["Step", "Table", "attempts", "steps", "table", "timeline", "transcript", "until"]

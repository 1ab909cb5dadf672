"""What people look at: tables, transcripts, the timeline of a run; the panel has its own module."""

from classroom.show.table import Table
from classroom.show.timeline import Step, attempts, steps, table, timeline, until
from classroom.show.transcript import transcript

__all__ = ["Step", "Table", "attempts", "steps", "table", "timeline", "transcript", "until"]

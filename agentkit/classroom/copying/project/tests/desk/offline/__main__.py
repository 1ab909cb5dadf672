"""Run the stand-in by itself: `python -m tests.desk.offline`."""

from agentkit.classroom.offline import serve

serve(0)

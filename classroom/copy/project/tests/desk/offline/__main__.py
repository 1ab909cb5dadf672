"""Run the stand-in by itself: `python -m tests.desk.offline`."""

from offline_claude import serve

serve(0)

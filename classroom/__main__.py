"""`.venv/bin/agentkit …`; see `classroom.cli`."""

from classroom.cli import main

main()

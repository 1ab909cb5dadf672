"""`python -m agentkit …`; see `agentkit.cli`."""

from agentkit.cli import main

main()

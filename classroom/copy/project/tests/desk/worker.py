"""The agent's worker with the bookshop's tools: `python -m tests.desk.worker`.

The bookshop's module takes the place of tools.py before anything imports it. The Workflow
sandbox passes it on from here, so Workflow code has the same tools. Everything else is yours.
"""

from __future__ import annotations

import importlib
import sys

from agentkit import run_main
from classroom.copy.project.tests.desk import tools

if __name__ == "__main__":
    sys.modules["recipes.durable_loop.tools"] = tools
    run_main(importlib.import_module("recipes.durable_loop.worker").main())

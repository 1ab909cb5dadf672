"""Try the agent on this machine: `make run`, or `.venv/bin/python run.py ["QUESTION" [ID]]`.

What isn't there is started, and stopped at the end: Temporal's development server if Temporal's
address is on this machine and nothing listens there, a stand-in for Claude if there is no key,
and a worker. A run that was broken off goes on when it is given its ID again.
"""

from __future__ import annotations

import subprocess
import sys
import time

from classroom.copy.project.local.running import Running, running

EXAMPLE = "@EXAMPLE@"


def main() -> int:
    """Start what is missing, start the run, and wait until it has ended."""
    with running("recipes.durable_loop.worker", EXAMPLE) as this:
        return wait_for_answer(this)


def wait_for_answer(this: Running) -> int:
    """Have start.py print the answer; without a worker there would be none."""
    command = [sys.executable, "-m", "recipes.durable_loop.start", this.run_id, this.question]
    with subprocess.Popen(command, env=this.env) as start:
        try:
            while start.poll() is None:
                this.check_worker()
                time.sleep(0.1)
        finally:
            start.terminate()
    return start.returncode


if __name__ == "__main__":
    sys.exit(main())

"""A worker that sends itself SIGKILL at a point named in its arguments.

`python dying_worker.py durable_loop before tool.refund 1` is a worker of that recipe. It dies
when the first call of that Activity has reached it and the tool has not run; `after` dies when
the tool has run and the server has not heard of it.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
from typing import Any

from temporalio import activity
from temporalio.worker import (
    ActivityInboundInterceptor,
    ExecuteActivityInput,
    Interceptor,
    Worker,
)

from agentkit import AgentPlugin, connect, run_main, run_until_signalled


class Dying(Interceptor):
    """Counts calls of one Activity, and ends the process at the chosen one."""

    def __init__(self, when: str, activity_type: str, number: int) -> None:
        self.when, self.activity_type, self.left = when, activity_type, number

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Dying(next, self)


class _Dying(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, point: Dying) -> None:
        super().__init__(next)
        self.point = point

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        mine = activity.info().activity_type == self.point.activity_type
        if mine:
            self.point.left -= 1
        if mine and self.point.left == 0 and self.point.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = await super().execute_activity(input)
        if mine and self.point.left == 0 and self.point.when == "after":
            os.kill(os.getpid(), signal.SIGKILL)
        return result


async def main() -> None:
    """Poll until the point is reached."""
    recipe, when, activity_type, number = sys.argv[1:]
    tools, worker, workflow = (
        importlib.import_module(f"recipes.{recipe}.{name}")
        for name in ("tools", "worker", "workflow")
    )
    agent = getattr(workflow, recipe.title().replace("_", ""))
    client = await connect(AgentPlugin(tools.TOOLS))
    point = Dying(when, activity_type, int(number))
    await run_until_signalled(
        Worker(client, task_queue=worker.TASK_QUEUE, workflows=[agent], interceptors=[point])
    )


if __name__ == "__main__":
    run_main(main())

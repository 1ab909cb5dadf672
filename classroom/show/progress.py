"""The progress of a long run: a bar with the same in words, and a count of its runs."""

from __future__ import annotations

import asyncio
from typing import Any

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle
from temporalio.service import RPCError

from classroom.show.markup import markup

_EVERY_SECONDS = 0.2


async def follow(
    run: WorkflowHandle[Any, Any], *, total: int, until: int | None = None, timeout: float = 90
) -> str:
    """Show how far a run has come, until it has ended or has come far enough.

    Args:
        run: A run whose Query `progress` gives `tickets`, `turns` and `runs`.
        total: How many tickets there are.
        until: When to stop watching, in tickets; by default at the end.
        timeout: Seconds to watch.

    Returns:
        The last of the progress in words.

    Raises:
        TimeoutError: It didn't get there.
    """
    bar = _Bar(total)
    async with asyncio.timeout(timeout):
        while True:
            status = (await run.describe()).status
            try:
                seen = await run.query("progress")
            except RPCError:
                # Nobody answers while the worker is down, or between two runs.
                await asyncio.sleep(_EVERY_SECONDS)
                continue
            bar.show(seen)
            ended = status not in (
                WorkflowExecutionStatus.RUNNING,
                WorkflowExecutionStatus.CONTINUED_AS_NEW,
            )
            if ended or (until is not None and seen["tickets"] >= until):
                return bar.words
            await asyncio.sleep(_EVERY_SECONDS)


class _Bar:
    """The bar and its words; in a notebook, one widget that is updated in place."""

    def __init__(self, total: int) -> None:
        import ipywidgets
        from IPython.display import display

        self.total = total
        self.words = ""
        self._bar = ipywidgets.IntProgress(max=total, description="tickets")
        self._text = ipywidgets.HTML()
        display(ipywidgets.HBox([self._bar, self._text]))  # type: ignore[no-untyped-call]

    def show(self, seen: dict[str, Any]) -> None:
        self.words = (
            f"{seen['tickets']} of {self.total} tickets, {seen['turns']} turns, run {seen['runs']}"
        )
        self._bar.value = seen["tickets"]
        self._text.value = markup('<span role="status" aria-live="polite">{}</span>', self.words)


async def runs_until_over(
    client: Client, run: WorkflowHandle[Any, Any], *, most: int, timeout: float = 60
) -> int:
    """Count the runs of a Workflow that continues as new, until it has ended or has had too many.

    Args:
        client: A connected client.
        run: The Workflow.
        most: Stop when there are more.
        timeout: Seconds to wait.

    Returns:
        How many runs the server has begun.

    Raises:
        TimeoutError: It did neither.
    """
    async with asyncio.timeout(timeout):
        while True:
            ended = (await run.describe()).status != WorkflowExecutionStatus.RUNNING
            found = [each async for each in client.list_workflows(f'WorkflowId = "{run.id}"')]
            if ended or len(found) > most:
                return len(found)
            await asyncio.sleep(_EVERY_SECONDS)

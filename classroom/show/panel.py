"""A panel for the stage: start, kill and restart a worker, with its live status.

Its buttons call the very functions that plain cells call.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import ipywidgets

from classroom.machine.home import ClassroomError
from classroom.show.markup import markup
from classroom.workers import WorkerProcess

_COLOURS = {"running": "#1a7f37", "not started": "#57606a"}


class WorkerPanel(ipywidgets.HBox):  # type: ignore[misc]
    """Three buttons and a status line for one worker process.

    Args:
        worker: The worker to drive; cells may go on using it, the panel follows.
    """

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.start_button = self._button("Start", "play", "success", worker.start)
        self.kill_button = self._button("Kill (SIGKILL)", "bolt", "danger", worker.kill)
        self.restart_button = self._button("Restart", "refresh", "", worker.restart)
        self.status = ipywidgets.HTML()
        self._problem = ""
        self.refresh()
        super().__init__(
            [self.start_button, self.kill_button, self.restart_button, self.status],
            layout=ipywidgets.Layout(align_items="center"),
        )
        self._watching = asyncio.get_running_loop().create_task(self._watch())

    def refresh(self) -> None:
        """Show the worker's status as it is now."""
        status, alive = self.worker.status, self.worker.alive
        pid = f" · pid {self.worker.pid}" if alive else ""
        colour = _COLOURS.get(status, "#cf222e")
        html = markup(
            '<span role="status" aria-live="polite" style="margin-left:12px">'
            '<b style="color:{}">●</b> {}: <b>{}</b>{} {}</span>',
            colour,
            self.worker.name,
            status,
            pid,
            self._problem,
        )
        if html != self.status.value:
            self.status.value = html
            self.start_button.disabled, self.kill_button.disabled = alive, not alive

    def close(self) -> None:
        """Take the panel away; the worker stays as it is."""
        self._watching.cancel()
        super().close()

    def _button(
        self, label: str, icon: str, style: str, action: Callable[[], object]
    ) -> ipywidgets.Button:
        button = ipywidgets.Button(description=label, icon=icon, button_style=style)

        def press(_: ipywidgets.Button) -> None:
            self._problem = ""
            try:
                action()
            except ClassroomError as err:
                self._problem = str(err)
            self.refresh()

        button.on_click(press)
        return button

    async def _watch(self) -> None:
        while True:
            self.refresh()
            await asyncio.sleep(0.5)

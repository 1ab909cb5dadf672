"""The first cell of every notebook: everything up, everything as it was at the start."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from temporalio.client import Client
from temporalio.service import RPCError

from agentkit import AgentPlugin, connect
from agentkit.client import host_of
from classroom import shop, workers
from classroom.machine import dev_server, which_claude
from classroom.machine.home import ClassroomError
from classroom.machine.which_claude import ClaudeInUse, OwnClaude


@dataclass(frozen=True)
class Lesson:
    """The parts that a notebook works with.

    Attributes:
        client: Connected to Temporal, with `AgentPlugin`.
        claude: The Claude that answers: call log and faults if it is the offline one.
        server: The embedded Temporal server; None when the user brought one.
    """

    client: Client
    claude: ClaudeInUse
    server: dev_server.DevServer | None

    @property
    def web_ui(self) -> str:
        """The address of Temporal's Web UI, or "off"."""
        return self.server.ui_url or "off" if self.server else "the one of your own Temporal server"

    def __str__(self) -> str:
        if isinstance(self.claude, OwnClaude):
            claude = f"{self.claude.host}, as your environment says"
        else:
            claude = "offline, a stand-in on this machine and not a model"
        if self.server is None:
            temporal = f"{host_of(self.client.service_client.config.target_host)}, your own"
        else:
            temporal = f"embedded, {self.server.web_ui}"
        note = f"\n{self.server.note}" if self.server and self.server.note else ""
        return f"Claude:   {claude}\nTemporal: {temporal}\nShop:     as on the first day{note}"


async def begin(*, needs: Literal["any", "offline"] = "any") -> Lesson:
    """Start or adopt what lessons need, and clear away what earlier ones left.

    Leftover workers are stopped, runs that were never finished are ended (on the embedded
    server only), the shop and the offline Claude are put back.

    Args:
        needs: Which Claude the lesson's cells work with: "any" by default, or "offline" for a
            lesson that orders faults of it or reads its call log.

    Returns:
        The lesson, which prints as three lines that say what is in use.

    Raises:
        ClassroomError: Something is in the way, or the environment names another Claude than the
            lesson needs; nothing was started or ended then. The message says what to do.
    """
    own = which_claude.own_claude()
    if needs == "offline" and own is not None:
        raise ClassroomError(
            f"This lesson orders faults of the offline Claude, and your environment names "
            f"{own.host}. Run `%env AGENTKIT_OFFLINE=1` in a cell, then this cell again: it uses "
            "the offline Claude in this notebook alone, and calls cost nothing."
        )
    server = await dev_server.ensure() if dev_server.own_server() is None else None
    claude = await which_claude.ensure()
    workers.stop_all()
    client = await connect(AgentPlugin())
    if server is not None:
        async for run in client.list_workflows('ExecutionStatus = "Running"'):
            handle = client.get_workflow_handle(run.id, run_id=run.run_id)
            with suppress(RPCError):  # it ended by itself in the meantime
                await handle.terminate(reason="left over from an earlier lesson")
    claude.reset()
    shop.reset()
    return Lesson(client, claude, server)

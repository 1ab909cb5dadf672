"""Lanes: each has all that a case needs, so that several cases run side by side.

Each has a Temporal server and an offline Claude of its own, because cases kill the one and count
the calls of the other, and because a recipe's task queue has one name only.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row
from temporalio.client import Client

from classroom import shop as bookshop
from classroom.machine import ports
from offline_claude import OfflineClaude
from offline_claude.errors import OfflineClaudeError
from tests.crash.campaign.nursery import PYTHON, ROOT, Child, Nursery
from tests.crash.campaign.server import Server
from tests.crash.campaign.trees import BANK

TABLES = ("refunds", "emails", "pickups", "answers", "reports", "ledger")
"""What effects leave behind."""


@dataclass(frozen=True)
class World:
    """A shop, a store and an inbox for one case.

    Attributes:
        folder: Where they are.
        bank: The address of a schema in PostgreSQL, for the scenario "bank".
    """

    folder: Path
    bank: str

    @property
    def store(self) -> Path:
        """The file of transcripts and long results."""
        return self.folder / "store.db"

    def env(self) -> dict[str, str]:
        """The environment of a worker."""
        return {
            "SHOP_DB": str(self.folder / "shop.db"),
            "AGENTKIT_STORE": str(self.store),
            "BANK": self.bank,
            "APPROVAL_INBOX": str(self.folder / "inbox.jsonl"),
            "AGENTKIT_HOME": str(self.folder),
            "SHOP_CARRIER_SECONDS": "0.2",
        }

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Read the rows that effects wrote, straight from the files and from PostgreSQL."""
        with closing(sqlite3.connect(self.folder / "shop.db", timeout=10)) as db:
            db.row_factory = sqlite3.Row
            found = {
                table: [dict(row) for row in db.execute(f"select * from {table}")]
                for table in TABLES
            }
        with psycopg.connect(self.bank, row_factory=dict_row) as bank:
            found["refunds"] += bank.execute("select * from refunds")
            if bank.execute("select to_regclass('ledger') as found").fetchone() != {"found": None}:
                found["ledger"] += bank.execute("select * from ledger")
        files = sorted((self.folder / "reports").glob("*"))
        found["files"] = [{"name": each.name, "text": each.read_text()} for each in files]
        return found


class Lane:
    """One lane; `async with` it.

    Args:
        nursery: Where processes come from.
        folder: Where its files are.
        bank: The address of a PostgreSQL server.
    """

    client: Client
    claude: OfflineClaude

    def __init__(self, nursery: Nursery, folder: Path, bank: str) -> None:
        self.nursery, self.folder, self._bank = nursery, folder, bank
        folder.mkdir(parents=True)
        self.server = Server(nursery, folder)
        self._worlds = itertools.count(1)
        self._children: list[Child] = []
        self._shop = folder / "shop.db"

    async def __aenter__(self) -> Lane:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SHOP_DB", str(self._shop))
            bookshop.connect().close()
        port, token = ports.free_port(0), secrets.token_urlsafe()
        self._offline = await self.nursery.spawn(
            "offline Claude",
            [*PYTHON, "offline_claude", "--port", str(port)],
            cwd=self.folder,
            path=[ROOT],
            log=self.folder / "claude.log",
            env={"OFFLINE_CLAUDE_TOKEN": token},
        )
        self.claude = OfflineClaude(f"http://127.0.0.1:{port}", token)
        await self.server.start()
        self.client = await self.server.connect()
        async with asyncio.timeout(60):
            while not await self._claude_answers():
                await asyncio.sleep(0.05)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.clear()
        await self._offline.kill()
        await self.server.kill()

    def world(self) -> World:
        """Make a new world."""
        folder = self.folder / f"case-{next(self._worlds)}"
        folder.mkdir()
        shutil.copy(self._shop, folder / "shop.db")
        schema = f"{self.folder.name}_{folder.name}".replace("-", "_")
        bank = f"{self._bank} options=-csearch_path={schema}"
        with psycopg.connect(bank) as db:
            db.execute(f"create schema {schema}")
            db.execute("create table refunds (order_id integer, amount numeric)")
        return World(folder, bank)

    async def worker(
        self,
        recipe: str,
        module: str,
        tree: Path,
        world: World,
        number: int,
        point: dict[str, Any] | None,
        *,
        parked: bool = False,
        trace: bool = False,
    ) -> Child:
        """Start a worker of a recipe.

        Args:
            recipe: The recipe's name.
            module: The worker's module.
            tree: The code it runs: a folder with `agentkit/` and `notebooks/recipes/`.
            world: What it works on.
            number: Which worker of the case it is.
            point: Where it dies or waits; None for nowhere.
            parked: Whether it waits for `begin()` once it has imported everything.
            trace: Whether it writes down what it does.
        """
        files = {
            name: str(world.folder / f"{name}-{number}") for name in ("reached", "go", "trace")
        }
        plan = {**files, "point": point, "trace": files["trace"] if trace else None}
        notebooks = tree / "notebooks"
        child = await self.nursery.spawn(
            f"worker {number} of {recipe}",
            [*PYTHON, module],
            cwd=notebooks,
            path=[notebooks, tree, tree / BANK, ROOT],
            log=world.folder / f"worker-{number}.log",
            env={
                "TEMPORAL_ADDRESS": self.server.address,
                "TEMPORAL_NAMESPACE": "default",
                "ANTHROPIC_BASE_URL": self.claude.url,
                "ANTHROPIC_API_KEY": "offline",
                **world.env(),
            },
            plan=plan,
            early=["agentkit.approvals", "agentkit.transcript"] if parked else [],
            gate=world.folder / f"begin-{number}" if parked else None,
        )
        self._children.append(child)
        return child

    async def clear(self) -> None:
        """Kill the workers that are left of a case."""
        for child in self._children:
            await child.kill()
        self._children.clear()

    async def _claude_answers(self) -> bool:
        if not self._offline.alive:
            raise RuntimeError(f"The offline Claude ended:\n{self._offline.log_tail()}")
        try:
            await asyncio.to_thread(self.claude.calls)
        except OfflineClaudeError:
            return False
        return True

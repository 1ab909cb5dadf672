"""Databases in which people have their effects, each with every way into it that `once` takes."""

from __future__ import annotations

import inspect
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite
import psycopg
import sqlalchemy as sa
from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from agentkit.idempotency import once


async def now(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


@dataclass(frozen=True)
class Place:
    """A file or a server in which a test has its tables."""

    file: Path
    server: str

    def url(self, dialect: str, *, asynchronous: bool = False) -> sa.URL:
        if dialect == "sqlite":
            driver = "sqlite+aiosqlite" if asynchronous else "sqlite"
            return sa.URL.create(driver, database=str(self.file))
        known = dict(part.split("=") for part in self.server.split())
        return sa.URL.create(
            "postgresql+psycopg",
            username=known["user"],
            database=known["dbname"],
            query={"host": known["host"]},
        )


@dataclass
class Opened:
    """An open connection or session, with what a test does to it.

    Attributes:
        db: What is open.
        way: Its name in `WAYS`.
    """

    db: Any
    way: str

    @property
    def dialect(self) -> str:
        return WAYS[self.way][0]

    async def execute(self, sql: str) -> Any:
        alchemy = type(self.db).__module__.startswith("sqlalchemy")
        return await now(self.db.execute(sa.text(sql) if alchemy else sql))

    async def pay(self, amount: int = 5, **options: Any) -> dict[str, Any]:
        """Pay through `once`."""

        def effect() -> Any:
            paid: dict[str, Any] = {"paid": amount}
            done = self.execute(f"insert into payments values ({amount})")
            if inspect.iscoroutinefunction(self.db.commit):
                return _then(done, paid)
            try:
                done.send(None)
            except StopIteration:
                return paid
            raise AssertionError("a blocking driver has waited")

        paid: dict[str, Any] = await now(once(self.db, effect, **options))
        return paid


async def _then(first: Any, result: dict[str, Any]) -> dict[str, Any]:
    await first
    return result


@asynccontextmanager
async def _psycopg(place: Place, **options: Any) -> AsyncIterator[Any]:
    with psycopg.connect(place.server, **options) as db:
        yield db


@asynccontextmanager
async def _isolated(place: Place, level: int) -> AsyncIterator[Any]:
    with psycopg.connect(place.server) as db:
        db.isolation_level = psycopg.IsolationLevel(level)
        yield db


@asynccontextmanager
async def _psycopg_async(place: Place, **options: Any) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(place.server, **options) as db:
        yield db


@asynccontextmanager
async def _sqlite3(place: Place, **options: Any) -> AsyncIterator[Any]:
    db = sqlite3.connect(place.file, **options)
    try:
        yield db
    finally:
        db.close()


@asynccontextmanager
async def _aiosqlite(place: Place, **options: Any) -> AsyncIterator[Any]:
    async with aiosqlite.connect(place.file, **options) as db:
        yield db


@asynccontextmanager
async def _alchemy(place: Place, dialect: str, kind: str, **options: Any) -> AsyncIterator[Any]:
    engine = sa.create_engine(place.url(dialect), poolclass=NullPool, **options)
    try:
        if kind == "connection":
            with engine.connect() as connection:
                yield connection
        elif kind == "scoped":
            scoped = scoped_session(sessionmaker(engine))
            yield scoped
            scoped.remove()
        else:
            with Session(engine) as session:
                yield session
    finally:
        engine.dispose()


@asynccontextmanager
async def _alchemy_async(
    place: Place, dialect: str, kind: str, **options: Any
) -> AsyncIterator[Any]:
    url = place.url(dialect, asynchronous=True)
    engine = create_async_engine(url, poolclass=NullPool, **options)
    opened: AsyncConnection | AsyncSession
    try:
        async with AsyncExitStack() as stack:
            made = engine.connect() if kind == "connection" else AsyncSession(engine)
            opened = await stack.enter_async_context(made)
            yield opened
    finally:
        await engine.dispose()


def _alchemies(dialect: str) -> dict[str, tuple[str, Callable[[Place], Any]]]:
    name = f"sqlalchemy {dialect}"
    return {
        f"{name} session": (dialect, lambda p: _alchemy(p, dialect, "session")),
        f"{name} scoped": (dialect, lambda p: _alchemy(p, dialect, "scoped")),
        f"{name} connection": (dialect, lambda p: _alchemy(p, dialect, "connection")),
        f"{name} async session": (dialect, lambda p: _alchemy_async(p, dialect, "session")),
        f"{name} async connection": (dialect, lambda p: _alchemy_async(p, dialect, "connection")),
        f"{name} serializable": (
            dialect,
            lambda p: _alchemy(p, dialect, "session", isolation_level="SERIALIZABLE"),
        ),
    }


WAYS: dict[str, tuple[str, Callable[[Place], Any]]] = {
    "sqlite3": ("sqlite", _sqlite3),
    "sqlite3 autocommit": ("sqlite", lambda p: _sqlite3(p, isolation_level=None)),
    "sqlite3 immediate": ("sqlite", lambda p: _sqlite3(p, isolation_level="IMMEDIATE")),
    "aiosqlite": ("sqlite", _aiosqlite),
    "psycopg": ("postgresql", _psycopg),
    "psycopg autocommit": ("postgresql", lambda p: _psycopg(p, autocommit=True)),
    "psycopg dict rows": ("postgresql", lambda p: _psycopg(p, row_factory=dict_row)),
    "psycopg READ_UNCOMMITTED": ("postgresql", lambda p: _isolated(p, 1)),
    "psycopg REPEATABLE_READ": ("postgresql", lambda p: _isolated(p, 3)),
    "psycopg SERIALIZABLE": ("postgresql", lambda p: _isolated(p, 4)),
    "psycopg async": ("postgresql", _psycopg_async),
    "psycopg async autocommit": ("postgresql", lambda p: _psycopg_async(p, autocommit=True)),
    **_alchemies("sqlite"),
    **_alchemies("postgresql"),
    "sqlalchemy sqlite AUTOCOMMIT": (
        "sqlite",
        lambda p: _alchemy(p, "sqlite", "session", isolation_level="AUTOCOMMIT"),
    ),
}
"""Ways into a database that keep the promise: name to dialect and what opens it."""

if sys.version_info >= (3, 12):
    WAYS["sqlite3 autocommit=True"] = ("sqlite", lambda p: _sqlite3(p, autocommit=True))


def autocommit_session(place: Place) -> Any:
    """A session that PostgreSQL gives no transaction: `once` must refuse it."""
    return _alchemy(place, "postgresql", "session", isolation_level="AUTOCOMMIT")

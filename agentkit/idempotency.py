"""Effects that happen once, however often they are called.

Temporal calls an Activity *at least* once: if a worker dies between its effect and its report
to the server, another attempt follows. So each tool call carries a key that is the same on every
attempt and no other call's. The promise holds for a target that honours the key:

- a database in which `once` keeps its ledger: SQLite or PostgreSQL;
- a provider that takes an idempotency key, in one line:
  `httpx.post(url, json=order, headers={"Idempotency-Key": idempotency_key()})`
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import inspect
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Hashable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NamedTuple, Protocol, TypeVar, overload
from weakref import WeakKeyDictionary

from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryRequest
from temporalio.exceptions import ApplicationError

from agentkit.messages import canonical_json
from agentkit.tools import ToolError

T = TypeVar("T")
Effect = Callable[[], dict[str, Any]]
AsyncEffect = Callable[[], dict[str, Any] | Awaitable[dict[str, Any]]]

LONGEST_KEY = 255
"""The longest key that providers take, in characters (https://docs.stripe.com/api/idempotent_requests)."""


@dataclass
class _Call:
    key: str
    tool: str
    words: str
    done: set[str] = field(default_factory=set)


_call: ContextVar[_Call | None] = ContextVar("agentkit_tool_call", default=None)


def idempotency_key(name: str = "") -> str | None:
    """Read the key of the tool call that is running; None outside a durable run.

    It is `first_execution_run_id:turn.position:tool_use_id`, the same on every attempt and
    across continue-as-new: at most 255 printable ASCII characters, as an HTTP header takes them.
    Where a Workflow has several conversations, or continues as new, more follows the position.

    Args:
        name: Names one of several effects of one call, so that each has a key of its own.
    """
    call = _call.get()
    if call is None:
        return None
    return make_key(call.key, name) if name else call.key


def make_key(*parts: str) -> str:
    """Join parts to a key; what is too long for a header, or not ASCII, is replaced by its hash."""
    key = ":".join(part for part in parts if part)
    if len(key) <= LONGEST_KEY and re.fullmatch("[!-~]*", key):
        return key
    digest = hashlib.sha256(key.encode("utf8", "surrogatepass")).hexdigest()
    return f"{key.partition(':')[0][:100]}:sha256:{digest}"


class Caller(NamedTuple):
    """The Workflow that has scheduled an Activity, by the server's word.

    Attributes:
        first_run: The id of its first run, which continue-as-new and a reset don't change.
        was_reset: Whether this run repeats a part of another one.
    """

    first_run: str
    was_reset: bool = False


async def prove_key(key: str, *parts: str) -> Caller:
    """Check, in an async Activity, that a key is one of the Workflow that has scheduled it.

    The key is an argument, and anyone who reaches the namespace can schedule the Activity with
    any argument. Only the server knows which run has scheduled it.

    Args:
        key: The key.
        *parts: What `make_key` has joined to the first run's id.

    Raises:
        ApplicationError: The key is another run's; no retry can help, and nothing has happened.
    """
    info = activity.info()
    caller = Caller(info.workflow_run_id or "")
    if caller.first_run and key != make_key(caller.first_run, *parts):
        # Not the first run of its Workflow: its first event names that.
        found = await activity.client().workflow_service.get_workflow_execution_history(
            GetWorkflowExecutionHistoryRequest(
                namespace=info.namespace,
                execution=WorkflowExecution(
                    workflow_id=info.workflow_id or "", run_id=caller.first_run
                ),
                maximum_page_size=1,
            ),
            retry=True,
            timeout=timedelta(seconds=10),
        )
        started = found.history.events[0].workflow_execution_started_event_attributes
        was_reset = started.original_execution_run_id != caller.first_run
        caller = Caller(started.first_execution_run_id, was_reset)
    if not caller.first_run or key != make_key(caller.first_run, *parts):
        raise ApplicationError(
            "Not run, and nothing has happened: the idempotency key isn't one of the Workflow that "
            "asks for it.",
            type="NotAuthorized",
            non_retryable=True,
        )
    return caller


_places: WeakKeyDictionary[asyncio.AbstractEventLoop, Counter[Hashable]] = WeakKeyDictionary()


def tell_apart(place: Hashable) -> str:
    """Tell what happens at this place from what else does, in all runs of a Workflow.

    Call it from Workflow code. With the answer in the keys of a conversation's calls, equal calls
    of two conversations are two effects, even where the model's side repeats an id.

    Returns:
        "" for the first at this place in the first run of a Workflow, so that most keys stay short.
    """
    met = _places.setdefault(asyncio.get_running_loop(), Counter())
    met[place] += 1
    before = workflow.info().continued_run_id
    return (f"@{before}" if before else "") + (f"+{met[place] - 1}" if met[place] > 1 else "")


@contextmanager
def use_idempotency_key(
    key: str | None, tool: str = "", arguments: object = None
) -> Iterator[None]:
    """Set the key for the code inside the block, and for the tasks it starts.

    Args:
        key: The key of one call; None for none.
        tool: What is called. `once` then refuses the key when it comes back with another tool or
            other arguments, and a second effect without a name of its own.
        arguments: The call's arguments, as JSON data.
    """
    words = f"{tool} {canonical_json(arguments)}" if tool else ""
    token = _call.set(None if key is None else _Call(key, tool, words))
    try:
        yield
    finally:
        _call.reset(token)


class _Blocking(Protocol):
    def commit(self) -> None: ...


class _Asynchronous(Protocol):
    def commit(self) -> Coroutine[Any, Any, None]: ...


@overload
def once(
    db: _Asynchronous, effect: AsyncEffect, *, name: str = ""
) -> Awaitable[dict[str, Any]]: ...


@overload
def once(db: _Blocking, effect: Effect, *, name: str = "") -> dict[str, Any]: ...


def once(db: Any, effect: AsyncEffect, *, name: str = "") -> Any:
    """Run an effect and record it in the ledger, in one transaction; or return its first result.

    The row of the ledger is written first, so that of two attempts at once the second waits for
    the first. Without a key (see `idempotency_key`) the effect runs every time.

    Args:
        db: The connection that the effect writes to, with no transaction open: of sqlite3,
            aiosqlite or psycopg 3, or a session or connection of SQLAlchemy on SQLite or
            PostgreSQL. With an async one, `await` what `once` returns.
        effect: Writes its rows through `db`, without committing, and returns its result as
            a JSON object. If it raises, nothing is written and the key stays free.
        name: Names one of several effects of one call.

    Returns:
        The result of the effect's only run, as JSON gives it back.

    Raises:
        ToolError: The key is another call's; nothing has happened.
        RuntimeError: A transaction is open; the effect has ended the transaction itself, now or
            in an earlier attempt; or it is the second effect of this call and has no name.
        TypeError: There is no ledger for such a database.
    """
    database = _Database(db)
    running = _once(database, effect, name)
    if database.is_async:
        return running
    try:
        running.send(None)  # with a blocking driver there is nothing to wait for
    except StopIteration as done:
        return done.value
    running.close()
    raise TypeError("once() can't wait for an async effect in a blocking transaction")


async def _once(db: _Database, effect: AsyncEffect, name: str) -> dict[str, Any]:
    if db.in_transaction():
        raise RuntimeError("once() opens its own transaction: commit or roll back before it")
    async with db.transaction():
        await db.make_ledger()
    call, key = _call.get(), idempotency_key(name)
    if call and call.tool and name in call.done:
        raise RuntimeError(
            f"{call.tool} has had an effect in this call; give the next one a name of its own: "
            "once(db, effect, name=...)"
        )
    async with db.transaction():
        try:
            await db.execute("savepoint agentkit_effect")
        except Exception as err:
            why = "once() needs a transaction; does this connection commit each statement?"
            raise RuntimeError(why) from err
        if call is None or key is None or await db.claim(key, call.words):
            result = json.dumps(await _now(effect()))
            try:
                await db.execute("release savepoint agentkit_effect")
            except Exception as err:
                raise RuntimeError(_ENDED) from err
            await db.execute("update ledger set result = :r where key = :key", r=result, key=key)
        else:
            result = await db.first_result(key, call.words)
    if call:
        call.done.add(name)
    found: dict[str, Any] = json.loads(result)
    return found


class _Database:
    """Uses all drivers in one way: what has to be awaited with some, is awaited."""

    def __init__(self, db: Any) -> None:
        modules = [each.__module__.partition(".")[0] for each in type(db).__mro__]
        self._library = next((each for each in modules if each in _LIBRARIES), "")
        dialect = {"psycopg": "postgresql"}.get(self._library, "sqlite")
        if self._library == "sqlalchemy":
            db = getattr(db, "registry", lambda: db)()  # what a scoped session stands for
            self._bind = db.get_bind() if hasattr(db, "get_bind") else db
            dialect = self._bind.dialect.name
        if not (self._library and dialect in _LEDGERS and hasattr(db, "rollback")):
            raise TypeError(
                "once() takes a connection of sqlite3, aiosqlite or psycopg 3, or a session or "
                f"connection of SQLAlchemy on SQLite or PostgreSQL, not {type(db).__qualname__}"
                + (f" on {dialect}" if self._library == "sqlalchemy" else "")
            )
        self._db, self._dialect = db, dialect
        self.is_async = inspect.iscoroutinefunction(db.commit)

    def in_transaction(self) -> bool:
        if self._library == "psycopg":
            return bool(self._db.info.transaction_status)
        if self._library == "sqlalchemy":
            # A session of a connection on which somebody else has begun would never commit.
            begun = getattr(self._bind, "in_transaction", bool)
            return bool(self._db.in_transaction() or begun())
        return bool(self._db.in_transaction)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """Commit at the end of the block, roll back if it raises."""
        async with AsyncExitStack() as stack:
            if self._library in ("psycopg", "sqlalchemy"):
                begin = self._db.transaction if self._library == "psycopg" else self._db.begin
                enter = stack.enter_async_context if self.is_async else stack.enter_context
                await _now(enter(begin()))
            if self._dialect != "sqlite":
                yield
                return
            # The outermost savepoint is a transaction in SQLite, whether or not its driver is
            # in one of the modes that begin and commit by themselves.
            await self.execute("savepoint agentkit_once")
            try:
                yield
                await self.execute("release savepoint agentkit_once")
            except BaseException:
                with suppress(Exception):  # there is none if the effect has ended it
                    await self.execute("rollback to savepoint agentkit_once")
                    await self.execute("release savepoint agentkit_once")
                raise

    async def execute(self, sql: str, **values: object) -> tuple[int, Any]:
        """Run a statement; return the number of rows that it has changed, and its first row."""
        if self._library == "sqlalchemy":
            text = importlib.import_module("sqlalchemy").text
            found = await _now(self._db.execute(text(sql), values))
            return found.rowcount, found.fetchone() if found.returns_rows else None
        cursor = await _now(self._db.cursor())
        cursor.row_factory = None
        if self._library == "psycopg":
            cursor.row_factory = lambda _: tuple
            sql = re.sub(r":(\w+)", r"%(\1)s", sql)
        await _now(cursor.execute(sql, values))
        return cursor.rowcount, await _now(cursor.fetchone()) if cursor.description else None

    async def make_ledger(self) -> None:
        if self._dialect == "postgresql":
            _, (there,) = await self.execute("select to_regclass('ledger') is not null")
            if there:  # whoever may not create tables may still use this one
                return
            # Two who create one table at the same time get an error.
            await self.execute(f"select pg_advisory_xact_lock({0x6C6564676572})")
        await self.execute(_LEDGERS[self._dialect])
        if self._dialect == "sqlite":
            columns = "select group_concat(name) from pragma_table_info('ledger')"
            _, (old,) = await self.execute(f"select ({columns}) = 'key,result,created_at'")
            if old:  # made by an older version
                await self.execute("alter table ledger add column call text not null default ''")

    async def claim(self, key: str, words: str) -> bool:
        """Write the key's row; False if it has one. Waits for another attempt under way."""
        claim = "insert into ledger (key, call, result) values (:key, :words, '')"
        count, _ = await self.execute(f"{claim} on conflict do nothing", key=key, words=words)
        return count == 1

    async def first_result(self, key: str, words: str) -> Any:
        find = "select result, call, call in ('', :words) from ledger where key = :key"
        _, (result, call, same) = await self.execute(find, key=key, words=words)
        if not same:
            belongs = f"the idempotency key {key} belongs to another call"
            raise ToolError(f"Nothing happened: {belongs}: {str(call)[:300]}")
        if not result:
            raise RuntimeError(_ENDED)
        return result


async def _now(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


_ENDED = (
    "The effect has ended the transaction of once(), now or in an earlier attempt. It may have "
    "happened; it must neither commit nor roll back itself."
)

_LIBRARIES = ("sqlite3", "aiosqlite", "psycopg", "sqlalchemy")

_LEDGERS = {
    "sqlite": """create table if not exists ledger (
        key        text primary key,
        call       text not null default '',
        result     text not null,
        created_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
    ) without rowid""",
    "postgresql": """create table if not exists ledger (
        key        text primary key,
        call       text not null default '',
        result     text not null,
        created_at timestamptz not null default now()
    )""",
}

"""Workflows that take, return or schedule what Temporal can't carry."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

from agentkit import ask_claude, text_of, user_message
from agentkit.activity_options import activity_options
from agentkit.limits import history_is_full

OPTIONS = activity_options(attempt=timedelta(seconds=10), total=timedelta(seconds=30), attempts=3)


@dataclass(frozen=True)
class Order:
    """Something with types."""

    item: str
    count: int = 1


@dataclass
class Log:
    """What reached a Workflow."""

    said: list[Any] = field(default_factory=list)


@activity.defn
async def returns(kind: str) -> Any:
    """Return what can't be returned."""
    return ODD[kind]


@activity.defn
async def takes(value: Any) -> int:
    """Take anything."""
    return len(str(value))


@activity.defn
async def misdescribed(value: Any) -> Any:
    """Return something else than a Workflow takes it for."""
    return value


ODD: dict[str, Any] = {
    "large": "x" * 2_100_000,
    "surrogate": {"rows": [{"name": "ok"}, {"name": "half \ud800"}]},
    "object": {"rows": [object()]},
    "nan": {"rows": [1.5, float("nan")]},
    "bytes": {"rows": [b"\xff"]},
}


@workflow.defn
class TakesOrder:
    """Takes one typed argument, in `__init__` too; can be spoken to until it is over."""

    @workflow.init
    def __init__(self, order: Order) -> None:
        self.order, self.log, self.over = order, Log(), False

    @workflow.run
    async def run(self, order: Order) -> Log:
        await workflow.wait_condition(lambda: self.over)
        await workflow.wait_condition(workflow.all_handlers_finished)
        return self.log

    @workflow.signal
    async def change(self, order: Order) -> None:
        self.log.said.append(order)

    @workflow.signal
    def end(self) -> None:
        self.over = True

    @workflow.update
    async def replace(self, order: Order) -> str:
        self.log.said.append(order)
        return order.item

    @workflow.update
    async def odd(self, kind: str) -> Any:
        return ODD[kind]

    @workflow.query
    def item(self, suffix: str = "") -> str:
        return self.order.item + suffix


@dataclass(frozen=True)
class BiggerOrder:
    """An order of a later deploy, with a field that earlier ones lack."""

    item: str
    price: float


@workflow.defn(name="TakesOrder")
class TakesBiggerOrder:
    """A later deploy, which can't read what runs in flight were started with."""

    @workflow.init
    def __init__(self, order: BiggerOrder) -> None:
        self.order = order

    @workflow.run
    async def run(self, order: BiggerOrder) -> Log:
        return Log()


@workflow.defn(name="TakesOrder")
class TakesTwo:
    """A later deploy, which takes another argument."""

    @workflow.init
    def __init__(self, order: Order, customer: str) -> None:
        self.order = order

    @workflow.run
    async def run(self, order: Order, customer: str) -> Log:
        return Log()


@workflow.defn
class TakesOrderInRunOnly:
    """The same without an `__init__` of its own."""

    @workflow.run
    async def run(self, order: Order) -> str:
        return order.item


@workflow.defn
class Passes:
    """Passes what can't be carried, in one of the ways in which a Workflow passes values."""

    @workflow.run
    async def run(self, how: str, kind: str) -> Any:
        if how == "returned":
            return ODD[kind]
        if how == "continued":
            workflow.continue_as_new(args=[how, ODD[kind]])
        if how == "result":
            return await workflow.execute_activity(returns, kind, **OPTIONS)
        return await workflow.execute_activity(takes, ODD[kind], **OPTIONS)


@workflow.defn
class Misreads:
    """Takes an Activity's result for an Order."""

    @workflow.run
    async def run(self, value: Any) -> str:
        order = await workflow.execute_activity("misdescribed", value, result_type=Order, **OPTIONS)
        return str(order.item)


@workflow.defn
class OwnMistake:
    """Raises a TypeError of its own."""

    @workflow.run
    async def run(self) -> int:
        return len(5)  # type: ignore[arg-type]


@workflow.defn
class AsksThree:
    """Asks Claude three large questions at once, and an Activity of its own beside them."""

    @workflow.run
    async def run(self, size: int) -> list[str]:
        asked = [ask_claude([user_message(f"Hello {n} " + "x" * size)]) for n in range(3)]
        own = workflow.execute_activity(takes, "y" * size, **OPTIONS)
        *replies, length = await asyncio.gather(*asked, own)
        return [*(text_of(reply)[:5] for reply in replies), str(length)]


@workflow.defn
class Fills:
    """Runs Activities until its history is full, or forever."""

    @workflow.run
    async def run(self, look: bool) -> int:
        turns = 0
        while not (look and history_is_full()):
            turns += 1
            await workflow.execute_activity(takes, "x" * 10_000, **OPTIONS)
        return turns


WORKFLOWS = [
    TakesOrder,
    TakesOrderInRunOnly,
    Passes,
    Misreads,
    OwnMistake,
    AsksThree,
    Fills,
]
ACTIVITIES = [returns, takes, misdescribed]

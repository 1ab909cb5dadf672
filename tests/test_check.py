"""`make check` runs the tests that start no server, and nobody marks them by hand."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from temporalio.client import Client

from classroom.machine import dev_server
from classroom.workers import WorkerProcess
from tests.support.agents import desk
from tests.support.servers import reaches_a_starter


async def by_a_helper() -> None:
    async with desk():
        pass


async def by_a_module() -> None:
    await dev_server.ensure()


def by_a_class() -> None:
    WorkerProcess("durable_loop")


def by_itself() -> None:
    with subprocess.Popen([sys.executable]):
        pass


def not_at_all() -> None:
    asyncio.run(asyncio.sleep(0))
    subprocess.run([sys.executable], check=True)


@pytest.mark.parametrize("test", [by_a_helper, by_a_module, by_a_class, by_itself])
def test_whatever_starts_a_process_that_serves_is_found(test: object) -> None:
    assert reaches_a_starter(test)


def test_what_starts_none_is_left_alone() -> None:
    assert not reaches_a_starter(not_at_all)


@pytest.mark.usefixtures("claude")
def test_fixtures_count(request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("server")


async def test_annotations_do_not_count(request: pytest.FixtureRequest) -> None:
    connected: Client | None = None
    assert connected is None
    assert request.node.get_closest_marker("server") is None

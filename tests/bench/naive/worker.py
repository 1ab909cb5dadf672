"""The naive loop's worker process: `python -m tests.bench.naive.worker`."""

import asyncio
import os

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Worker

from tests.bench.naive.activities import create, run_any_tool
from tests.bench.naive.workflow import NaiveLoop


async def main() -> None:
    """Poll with the settings that a Worker has when nobody sets any."""
    client = await Client.connect(
        os.environ["TEMPORAL_ADDRESS"], data_converter=pydantic_data_converter
    )
    worker = Worker(
        client, task_queue="naive", workflows=[NaiveLoop], activities=[create, run_any_tool]
    )
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main())

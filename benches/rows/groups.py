"""Many tasks awaited together."""

import asyncio

from harness.row import Row
from harness.timed import Timed

GATHERED = 1000
GROUPED = 100


async def nothing() -> None:
    """A coroutine that ends at once."""


async def gather(count: int) -> None:
    """Gathers a thousand coroutines that yield once."""
    for _ in range(count // GATHERED):
        await asyncio.gather(*[asyncio.sleep(0) for _ in range(GATHERED)])


async def task_groups(count: int) -> None:
    """Runs groups of a hundred empty coroutines."""
    for _ in range(count // GROUPED):
        async with asyncio.TaskGroup() as group:
            for _ in range(GROUPED):
                group.create_task(nothing())


ROWS: tuple[Row, ...] = (
    Timed(
        name="gather_1000",
        what="gather of 1000 asyncio.sleep(0)",
        unit="child",
        count=40_000,
        batch=GATHERED,
        body=gather,
    ),
    Timed(
        name="task_group_100",
        what="TaskGroup of 100 empty coroutines",
        unit="child",
        count=60_000,
        batch=GROUPED,
        body=task_groups,
    ),
)

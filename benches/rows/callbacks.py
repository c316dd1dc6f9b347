"""`call_soon`, alone and in batches."""

import asyncio
from itertools import repeat

from harness.row import Row
from harness.timed import Timed

BATCH = 1000


def nothing() -> None:
    """An empty callback."""


def two_arguments(_first: int, _second: str) -> None:
    """An empty callback that takes two arguments."""


async def chain(count: int) -> None:
    """Each callback schedules the next, so that every turn of the loop runs one."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def step() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_soon(step)
        else:
            done.set_result(None)

    loop.call_soon(step)
    await done


async def batches(count: int) -> None:
    """A thousand callbacks in every turn."""
    loop = asyncio.get_running_loop()
    for _ in range(count // BATCH):
        for _ in range(BATCH):
            loop.call_soon(nothing)
        await asyncio.sleep(0)


async def batches_with_arguments(count: int) -> None:
    """A thousand callbacks with two arguments in every turn."""
    loop = asyncio.get_running_loop()
    for _ in range(count // BATCH):
        for _ in range(BATCH):
            loop.call_soon(two_arguments, 1, "two")
        await asyncio.sleep(0)


def bare_calls(count: int) -> None:
    """Calls an empty function."""
    for _ in repeat(None, count):
        nothing()


def bare_calls_with_arguments(count: int) -> None:
    """Calls an empty function with two arguments."""
    for _ in repeat(None, count):
        two_arguments(1, "two")


ROWS: tuple[Row, ...] = (
    Timed(
        name="call_soon_chain",
        what="each callback schedules the next; limit: bare calls",
        unit="callback",
        count=150_000,
        body=chain,
        limit=bare_calls,
    ),
    Timed(
        name="call_soon_batch",
        what="1000 callbacks a turn; limit: bare calls",
        unit="callback",
        count=300_000,
        batch=BATCH,
        body=batches,
        limit=bare_calls,
    ),
    Timed(
        name="call_soon_batch_args",
        what="1000 callbacks with two arguments a turn; limit: bare calls",
        unit="callback",
        count=300_000,
        batch=BATCH,
        body=batches_with_arguments,
        limit=bare_calls_with_arguments,
    ),
)

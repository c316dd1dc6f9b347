"""Tasks that only step, tasks that are made and awaited, and deep chains of coroutines."""

import asyncio
from itertools import repeat

from harness.row import Row
from harness.timed import Timed

TASKS = 100
DEPTH = 50


async def nothing() -> None:
    """A coroutine that ends at once."""


async def steps(count: int) -> None:
    """One task that yields to the loop again and again."""
    for _ in range(count):
        await asyncio.sleep(0)


async def steps_of_many(count: int) -> None:
    """A hundred tasks that take turns."""
    tasks = [asyncio.create_task(steps(count // TASKS)) for _ in range(TASKS)]
    for task in tasks:
        await task


async def create_and_await(count: int) -> None:
    """Makes a task and waits for it."""
    for _ in range(count):
        await asyncio.create_task(nothing())


async def seen_by_all_tasks() -> None:
    """Proves that stock `asyncio.all_tasks` sees a pending task, and no longer when it is done."""
    task = asyncio.create_task(nothing())
    if task not in asyncio.all_tasks():
        raise RuntimeError("asyncio.all_tasks() does not see a pending task")
    await task
    if task in asyncio.all_tasks():
        raise RuntimeError("asyncio.all_tasks() sees a task that is done")


async def deep(depth: int, count: int) -> None:
    """Awaits itself `depth` times; the innermost yields to the loop."""
    if depth:
        await deep(depth - 1, count)
    else:
        await steps(count)


async def deep_chain(count: int) -> None:
    """One task whose every step passes through fifty coroutines."""
    await deep(DEPTH, count)


def bare_steps(count: int) -> None:
    """Sends into a coroutine that yields, with no loop."""
    send = steps(count).send
    for _ in repeat(None, count):
        send(None)


def bare_deep_steps(count: int) -> None:
    """The same through fifty coroutines."""
    send = deep(DEPTH, count).send
    for _ in repeat(None, count):
        send(None)


ROWS: tuple[Row, ...] = (
    Timed(
        name="sleep0",
        what="asyncio.sleep(0) in one task; limit: bare send",
        unit="step",
        count=100_000,
        body=steps,
        limit=bare_steps,
    ),
    Timed(
        name="sleep0_100_tasks",
        what="asyncio.sleep(0) in 100 tasks; limit: bare send",
        unit="step",
        count=200_000,
        batch=TASKS,
        body=steps_of_many,
        limit=bare_steps,
    ),
    Timed(
        name="create_task_await",
        what="await asyncio.create_task of an empty coroutine, seen by all_tasks",
        unit="task",
        count=50_000,
        body=create_and_await,
        check=seen_by_all_tasks,
    ),
    Timed(
        name="deep_await",
        what="asyncio.sleep(0) through 50 coroutines; limit: bare send",
        unit="step",
        count=60_000,
        body=deep_chain,
        limit=bare_deep_steps,
    ),
)

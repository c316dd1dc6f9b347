"""What pending tasks and timers weigh, coroutine and frame included."""

import asyncio

from harness.held import Held
from harness.row import Row

MANY = 100_000


def nothing() -> None:
    """A callback that is never called."""


async def wait_for_own_future() -> None:
    """Waits for what never comes."""
    await asyncio.get_running_loop().create_future()


async def tasks_on_futures(slots: list[object]) -> None:
    """Tasks that each wait for a future."""
    for index in range(len(slots)):
        slots[index] = asyncio.create_task(wait_for_own_future())
    await asyncio.sleep(0)


async def tasks_asleep(slots: list[object]) -> None:
    """Tasks that sleep for an hour."""
    for index in range(len(slots)):
        slots[index] = asyncio.create_task(asyncio.sleep(3600))
    await asyncio.sleep(0)


async def timers(slots: list[object]) -> None:
    """Timers that are due in an hour, and whose handles are kept."""
    loop = asyncio.get_running_loop()
    for index in range(len(slots)):
        slots[index] = loop.call_later(3600, nothing)
    await asyncio.sleep(0)


ROWS: tuple[Row, ...] = (
    Held(
        name="memory_task_waiting",
        what="a task that awaits a future of its own",
        unit="task",
        count=MANY,
        hold=tasks_on_futures,
    ),
    Held(
        name="memory_task_asleep",
        what="a task in asyncio.sleep(3600)",
        unit="task",
        count=MANY,
        hold=tasks_asleep,
    ),
    Held(
        name="memory_timer",
        what="a timer due in an hour, its handle kept",
        unit="timer",
        count=MANY,
        hold=timers,
    ),
)

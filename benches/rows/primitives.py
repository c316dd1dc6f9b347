"""Two tasks that meet in a queue, at events, at a lock."""

import asyncio

from harness.row import Row
from harness.timed import Timed


async def queue(count: int) -> None:
    """A producer and a consumer with room for one item between them."""
    channel: asyncio.Queue[int] = asyncio.Queue(1)

    async def produce() -> None:
        for number in range(count):
            await channel.put(number)

    producer = asyncio.create_task(produce())
    for _ in range(count):
        await channel.get()
    await producer


async def event(count: int) -> None:
    """Two tasks that wake each other through events."""
    events = (asyncio.Event(), asyncio.Event())

    async def alternate(seat: int) -> None:
        for _ in range(count // 2):
            await events[seat].wait()
            events[seat].clear()
            events[1 - seat].set()

    tasks = [asyncio.create_task(alternate(seat)) for seat in (0, 1)]
    events[0].set()
    for task in tasks:
        await task


async def lock(count: int) -> None:
    """Two tasks that keep a lock across a step, so that the other always has to wait."""
    gate = asyncio.Lock()

    async def enter() -> None:
        for _ in range(count // 2):
            async with gate:
                await asyncio.sleep(0)

    tasks = [asyncio.create_task(enter()) for _ in range(2)]
    for task in tasks:
        await task


ROWS: tuple[Row, ...] = (
    Timed(
        name="queue_handoff",
        what="Queue(1) between two tasks",
        unit="item",
        count=40_000,
        body=queue,
    ),
    Timed(
        name="event_handoff",
        what="two tasks wake each other through Event",
        unit="hop",
        count=50_000,
        batch=2,
        body=event,
    ),
    Timed(
        name="lock_contended",
        what="Lock kept by two tasks across asyncio.sleep(0)",
        unit="acquire",
        count=40_000,
        batch=2,
        body=lock,
    ),
)

"""Futures made by `loop.create_future`."""

import asyncio

from harness.row import Row
from harness.timed import Timed


async def player(
    loop: asyncio.AbstractEventLoop, table: list[asyncio.Future[None]], seat: int, hops: int
) -> None:
    """Waits for its own future, renews it, and resolves the other player's."""
    for _ in range(hops):
        await table[seat]
        table[seat] = loop.create_future()
        table[1 - seat].set_result(None)


async def ping_pong(count: int) -> None:
    """Two tasks wake each other."""
    loop = asyncio.get_running_loop()
    table: list[asyncio.Future[None]] = [loop.create_future(), loop.create_future()]
    tasks = [loop.create_task(player(loop, table, seat, count // 2)) for seat in (0, 1)]
    table[0].set_result(None)
    for task in tasks:
        await task


async def wakeup(count: int) -> None:
    """A callback resolves the future that the task waits for."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        future: asyncio.Future[None] = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future


async def await_done(count: int) -> None:
    """Awaits a future that has its result."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    for _ in range(count):
        await future


ROWS: tuple[Row, ...] = (
    Timed(
        name="future_ping_pong",
        what="two tasks wake each other through futures",
        unit="hop",
        count=80_000,
        batch=2,
        body=ping_pong,
    ),
    Timed(
        name="future_wakeup",
        what="call_soon(future.set_result), await future",
        unit="wakeup",
        count=60_000,
        body=wakeup,
    ),
    Timed(
        name="future_await_done",
        what="await of a future that has its result",
        unit="await",
        count=2_000_000,
        body=await_done,
    ),
)

"""Timeouts that do not strike."""

import asyncio

from harness.row import Row
from harness.timed import Timed


async def timeout(count: int) -> None:
    """Yields once under a timeout."""
    for _ in range(count):
        async with asyncio.timeout(60):
            await asyncio.sleep(0)


async def wait_for(count: int) -> None:
    """Waits for a future that a callback resolves."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        future: asyncio.Future[None] = loop.create_future()
        loop.call_soon(future.set_result, None)
        await asyncio.wait_for(future, 60)


ROWS: tuple[Row, ...] = (
    Timed(
        name="timeout",
        what="asyncio.timeout(60) around asyncio.sleep(0)",
        unit="timeout",
        count=30_000,
        body=timeout,
    ),
    Timed(
        name="wait_for",
        what="wait_for(future, 60), resolved by call_soon",
        unit="wait",
        count=20_000,
        body=wait_for,
    ),
)

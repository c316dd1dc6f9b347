"""Tasks that are cancelled while they wait."""

import asyncio
from contextlib import suppress

from harness.row import Row
from harness.timed import Timed


async def wait_forever() -> None:
    """Waits for what never comes."""
    await asyncio.get_running_loop().create_future()


async def cancel(count: int) -> None:
    """Makes a task, lets it begin to wait, cancels and awaits it."""
    for _ in range(count):
        task = asyncio.create_task(wait_forever())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        if not task.cancelled():
            raise RuntimeError("a cancelled task is not cancelled")


ROWS: tuple[Row, ...] = (
    Timed(
        name="cancel_await",
        what="create a waiting task, cancel it, await it",
        unit="task",
        count=25_000,
        body=cancel,
    ),
)

"""`run_in_executor`."""

import asyncio

from harness.row import Row
from harness.timed import Timed


def nothing() -> None:
    """An empty function."""


async def round_trip(count: int) -> None:
    """Awaits an empty function in the default executor."""
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.run_in_executor(None, nothing)


ROWS: tuple[Row, ...] = (
    Timed(
        name="executor_round_trip",
        what="await run_in_executor of an empty function",
        unit="round trip",
        count=4_000,
        body=round_trip,
    ),
)

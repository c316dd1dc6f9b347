"""`call_later`: chained, cancelled at once, and in large numbers."""

import asyncio

from harness.row import Row
from harness.timed import Timed

TURN = 100
MANY = 200_000


def nothing() -> None:
    """An empty callback."""


async def chain(count: int) -> None:
    """Each callback schedules the next with a delay of zero."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def step() -> None:
        nonlocal left
        left -= 1
        if left:
            loop.call_later(0, step)
        else:
            done.set_result(None)

    loop.call_later(0, step)
    await done


async def cancelled_at_once(count: int) -> None:
    """Arms a distant timer and cancels it, as a timeout that is not needed does.

    The loop gets a turn after every hundred, in which stock asyncio sweeps its heap.
    """
    loop = asyncio.get_running_loop()
    for _ in range(count // TURN):
        for _ in range(TURN):
            loop.call_later(60, nothing).cancel()
        await asyncio.sleep(0)


async def many_run(count: int) -> None:
    """Creates timers due within 10 ms, in scattered order, and waits for the last.

    Creating them takes longer than that, so the wait is work, not idle time.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def due() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)

    for number in range(count):
        loop.call_later(number * 7919 % 10_000 * 1e-6, due)
    await done


async def many_cancelled(count: int) -> None:
    """Creates distant timers in scattered order, cancels all, and lets the loop sweep."""
    loop = asyncio.get_running_loop()
    handles = [
        loop.call_later(60 + number * 7919 % 10_000 * 1e-3, nothing) for number in range(count)
    ]
    for handle in handles:
        handle.cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


ROWS: tuple[Row, ...] = (
    Timed(
        name="call_later_zero_chain",
        what="each callback schedules the next by call_later(0)",
        unit="callback",
        count=100_000,
        body=chain,
    ),
    Timed(
        name="call_later_cancel",
        what="call_later(60).cancel(), a turn every 100",
        unit="timer",
        count=100_000,
        batch=TURN,
        body=cancelled_at_once,
    ),
    Timed(
        name="timers_many_run",
        what="timers due within 10 ms created, all run",
        unit="timer",
        count=MANY,
        quick_divisor=4,
        body=many_run,
    ),
    Timed(
        name="timers_many_cancelled",
        what="timers due in a minute created, all cancelled",
        unit="timer",
        count=MANY,
        quick_divisor=4,
        body=many_cancelled,
    ),
)

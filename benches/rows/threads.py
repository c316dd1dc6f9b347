"""`call_soon_threadsafe` from another thread."""

import asyncio
import threading

from harness.row import Row
from harness.timed import Timed


async def flood(count: int) -> None:
    """Another thread schedules as fast as it can."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = count

    def arrive() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set_result(None)

    def send() -> None:
        for _ in range(count):
            loop.call_soon_threadsafe(arrive)

    thread = threading.Thread(target=send)
    thread.start()
    await done
    thread.join()


async def round_trip(count: int) -> None:
    """Another thread schedules one callback and waits until it has run, again and again."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    answer = threading.Lock()
    answer.acquire()

    def ask() -> None:
        for _ in range(count):
            loop.call_soon_threadsafe(answer.release)
            answer.acquire()
        loop.call_soon_threadsafe(done.set_result, None)

    thread = threading.Thread(target=ask)
    thread.start()
    await done
    thread.join()


ROWS: tuple[Row, ...] = (
    Timed(
        name="threadsafe_flood",
        what="another thread calls call_soon_threadsafe without pause",
        unit="callback",
        count=50_000,
        body=flood,
    ),
    Timed(
        name="threadsafe_round_trip",
        what="another thread calls call_soon_threadsafe and waits for the callback",
        unit="round trip",
        count=10_000,
        body=round_trip,
    ),
)

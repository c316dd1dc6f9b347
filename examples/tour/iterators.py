"""``async for`` and ``async with``: loops and blocks that may wait, in four ways each.

A plain ``for`` cannot wait for its next item, nor a plain ``with`` for its end. These can, and
others run meanwhile: a ticker counts what happens beside the first loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from types import TracebackType

import options


class Countdown:
    """An asynchronous iterator by hand: ``__anext__`` waits, then gives an item or ends."""

    def __init__(self, start: int) -> None:
        self._next = start

    def __aiter__(self) -> Countdown:
        return self

    async def __anext__(self) -> int:
        if self._next == 0:
            raise StopAsyncIteration
        await asyncio.sleep(0)
        self._next -= 1
        return self._next + 1


async def countdown(start: int) -> AsyncGenerator[int, None]:
    """Be the same as a generator; what has to happen at its end stands in ``finally``."""
    try:
        for number in range(start, 0, -1):
            await asyncio.sleep(0)
            yield number
    finally:
        await asyncio.sleep(0)
        print("  the generator is closed")


async def tick(ticks: list[int]) -> None:
    """Count the turns in which somebody else waits."""
    while True:
        ticks.append(len(ticks))
        await asyncio.sleep(0)


async def iterating() -> None:
    """Loop over an object, a generator that is left early, a comprehension, a stream."""
    ticks: list[int] = []
    ticker = asyncio.create_task(tick(ticks))
    print("by hand:", [number async for number in Countdown(3)])
    print("others ran meanwhile:", len(ticks) > 1)
    ticker.cancel()

    print("a generator, left early:")
    # Without aclosing the generator's end would come some time, not here.
    async with aclosing(countdown(3)) as numbers:
        async for number in numbers:
            print(" ", number)
            if number == 2:
                break

    print("comprehension:", {n: n * n async for n in Countdown(4) if n % 2 == 0})

    reader = asyncio.StreamReader()
    asyncio.get_running_loop().call_soon(reader.feed_data, b"one\ntwo\nthr")
    asyncio.get_running_loop().call_later(0.01, reader.feed_data, b"ee\n")
    asyncio.get_running_loop().call_later(0.02, reader.feed_eof)
    print("lines of a stream:", [line.decode().strip() async for line in reader])


class Connection:
    """An asynchronous context manager by hand: both ends wait, and one error stays inside."""

    async def __aenter__(self) -> Connection:
        await asyncio.sleep(0)
        print("  connected")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        await asyncio.sleep(0)
        print("  disconnected after", "all went well" if kind is None else kind.__name__)
        return kind is not None and issubclass(kind, ConnectionError)


@asynccontextmanager
async def transaction(log: list[str]) -> AsyncIterator[list[str]]:
    """Be one as a generator: what is before ``yield`` enters, what is after it leaves."""
    log.append("begin")
    try:
        yield log
    except BaseException:
        await asyncio.sleep(0)
        log.append("roll back")
        raise
    log.append("commit")


async def within_lock(lock: asyncio.Lock, name: str, trail: list[str]) -> None:
    """Enter and leave a lock's block with a wait inside: nobody comes between."""
    async with lock:
        trail.append(f"{name} in")
        await asyncio.sleep(0)
        trail.append(f"{name} out")


async def managing() -> None:
    """Enter blocks by an object, a generator, a lock, a deadline."""
    print("context manager by hand:")
    async with Connection():
        print("  working")
    async with Connection():
        raise ConnectionResetError("stays inside")

    log: list[str] = []
    async with transaction(log):
        log.append("work")
    try:
        async with transaction(log):
            raise ValueError("goes on outside")
    except ValueError as error:
        log.append(str(error))
    print("as a generator:", log)

    lock, trail = asyncio.Lock(), list[str]()
    await asyncio.gather(*(within_lock(lock, name, trail) for name in "ab"))
    print("lock:", trail)

    try:
        async with asyncio.timeout(0.01):
            await asyncio.Event().wait()
    except TimeoutError:
        print("deadline: passed")


def main() -> None:
    """Run both parts on the chosen loop."""
    arguments = options.parser("async for and async with.").parse_args()
    with options.runner(arguments) as runner:
        runner.run(iterating())
        runner.run(managing())


if __name__ == "__main__":
    main()

"""`as_completed` on bare coroutines, inside of a running loop and outside."""

import asyncio
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from typing import Any

from . import events
from .coroutines import coroutine, iscoroutine


def as_completed(
    fs: Iterable[Any],
    *,
    loop: asyncio.AbstractEventLoop | None = None,
    timeout: float | None = None,
) -> Iterator[Any]:
    """Iterate over coroutines, each of which waits for the next result of all.

    fs: futures and coroutines. loop: where the coroutines run; by default what `get_event_loop`
    gives. timeout: in seconds, for all of them; what is waited for after it raises TimeoutError.

    Raises TypeError for a single future or coroutine. Follows ``asyncio.as_completed`` of Python
    3.9, in that the loop need not be running yet.
    """
    if asyncio.isfuture(fs) or iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    race = _Race(list(dict.fromkeys(fs)), loop, timeout)
    return (race.next() for _ in range(race.size))


class _Race:
    """Who is done, in order, and who waits for it."""

    def __init__(
        self, fs: list[Any], loop: asyncio.AbstractEventLoop | None, timeout: float | None
    ) -> None:
        from .tasks import ensure_future

        self._loop = events.get_event_loop() if loop is None else loop
        self._done: deque[asyncio.Future[Any] | None] = deque()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._running = {ensure_future(f, loop=self._loop) for f in fs}
        self.size = len(self._running)
        for future in self._running:
            future.add_done_callback(self._finished)
        if timeout is not None and self._running:
            self._timer = self._loop.call_later(timeout, self._time_out)

    @coroutine
    def next(self) -> Generator[Any, Any, Any]:
        """Wait for the next one; its result, or its exception."""
        while not self._done:
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                yield from waiter
            except BaseException:
                # Whoever was woken and cannot go on leaves its turn to the next.
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                elif self._done:
                    self._wake_one()
                raise
        future = self._done.popleft()
        if future is None:
            raise TimeoutError
        return future.result()

    def _finished(self, future: "asyncio.Future[Any]") -> None:
        if future not in self._running:
            return
        self._running.remove(future)
        self._done.append(future)
        self._wake_one()
        if not self._running and self._timer is not None:
            self._timer.cancel()

    def _time_out(self) -> None:
        for future in self._running:
            future.remove_done_callback(self._finished)
            self._done.append(None)
            self._wake_one()
        self._running.clear()

    def _wake_one(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

"""A loop under test whose clock a test's script drives.

CPython's tests of tasks and timers run on `utils.TestLoop`: a BaseEventLoop with a
generator that gets every deadline when the turn that set it is over, and answers by how
much time moves on. Here the same script drives a subclass of the loop under test. Only
the clock and the timers are replaced; callbacks, tasks and everything else are the
loop's own, and due timers enter through its `call_soon`.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable, Generator
from contextvars import Context
from typing import TYPE_CHECKING, Any

CLOCK_RESOLUTION = 1e-9

if TYPE_CHECKING:
    _LoopUnderTest = asyncio.AbstractEventLoop
else:
    _LoopUnderTest = object

Script = Callable[[], Generator[float | None, float, None]]


class Timetable:
    """The pending timers of one loop, and the script that moves its time."""

    def __init__(self, script: Script | None) -> None:
        self.now = 0.0
        self._checked = script is not None
        self._script = (script or _no_script)()
        next(self._script)
        self._pending: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._unreported: list[float] = []
        self._order = itertools.count()

    def add(self, handle: asyncio.TimerHandle) -> None:
        heapq.heappush(self._pending, (handle.when(), next(self._order), handle))
        self._unreported.append(handle.when())

    def report(self) -> None:
        """Tells the script the new deadlines; its answers move the time."""
        deadlines, self._unreported = self._unreported, []
        for when in deadlines:
            try:
                self.now += self._script.send(when) or 0
            except StopIteration:
                return

    def take_due(self) -> list[asyncio.TimerHandle]:
        due = []
        while self._pending and self._pending[0][0] < self.now + CLOCK_RESOLUTION:
            due.append(heapq.heappop(self._pending)[2])
        return due

    def finish(self) -> None:
        """Fails if the script expected more deadlines than were set."""
        self._pending.clear()
        self._unreported.clear()
        if not self._checked:
            return
        try:
            self._script.send(0)
        except StopIteration:
            return
        raise AssertionError("Time generator is not finished")


def _no_script() -> Generator[float | None, float, None]:
    yield None


class VirtualTime(_LoopUnderTest):
    """Goes before the class of the loop under test and takes its clock and timers over."""

    _armed = False
    _timetable = Timetable(None)

    def start_script(self, script: Script | None) -> None:
        self._timetable = Timetable(script)

    def time(self) -> float:
        return self._timetable.now

    def advance_time(self, seconds: float) -> None:
        if seconds:
            self._timetable.now += seconds
            self._arm()

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._timetable.add(handle)
        self._arm()
        return handle

    def call_later(  # type: ignore[override]
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def run_forever(self) -> None:
        try:
            super().run_forever()
        finally:
            self._timetable.report()

    def run_until_complete(self, future: Any) -> Any:
        try:
            return super().run_until_complete(future)
        finally:
            self._timetable.report()

    def close(self) -> None:
        was_closed = self.is_closed()
        super().close()
        if not was_closed:
            self._timetable.finish()

    def _arm(self) -> None:
        """The turn that sets a deadline is over when the next one begins."""
        if not self._armed and not self.is_closed():
            self._armed = True
            super().call_soon(self._turn_over)

    def _turn_over(self) -> None:
        self._armed = False
        self._timetable.report()
        for handle in self._timetable.take_due():
            super().call_soon(self._fire, handle)

    def _fire(self, handle: asyncio.TimerHandle) -> None:
        if not handle.cancelled():
            handle._run()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """asyncio.TimerHandle.cancel() calls it; a cancelled handle is passed over later."""

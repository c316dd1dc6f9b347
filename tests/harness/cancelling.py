"""Cancels a coroutine at each of its await points, and watches who closes which descriptor."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import sys
import threading
import types
from collections.abc import Coroutine, Generator, Iterator
from typing import Any

from harness.leaks import open_descriptors

# As many looks at the descriptors as anything takes to end that was told to.
SETTLING_LOOKS = 5


class Point:
    """An await point: how often a coroutine waits before it is cancelled, and when it is.

    `AT_ONCE` cancels while the wait goes on, `WHEN_OVER` when what is waited for is done and
    the coroutine has not been told yet.
    """

    AT_ONCE = "at once"
    WHEN_OVER = "when it is over"

    def __init__(self, number: int, moment: str) -> None:
        self.number = number
        self.moment = moment
        self.reached = False

    async def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return await self._drive(coroutine)

    @types.coroutine
    def _drive(self, coroutine: Any) -> Generator[Any, Any, Any]:
        """Awaits `coroutine` step by step, as its task would."""
        task = asyncio.current_task()
        assert task is not None
        waits = 0
        step, argument = coroutine.send, None
        while True:
            try:
                waited_for = step(argument)
            except StopIteration as stop:
                return stop.value
            if waits == self.number:
                self.reached = True
                self._cancel(task, waited_for)
            waits += 1
            try:
                step, argument = coroutine.send, (yield waited_for)
            except BaseException as raised:
                step, argument = coroutine.throw, raised

    def _cancel(self, task: asyncio.Task[Any], waited_for: Any) -> None:
        if self.moment == self.AT_ONCE or waited_for is None:
            asyncio.get_running_loop().call_soon(task.cancel)
        else:
            # Before the task's own callback, which is added when the step is over.
            waited_for.add_done_callback(lambda _: task.cancel())


def points(moment: str) -> Iterator[Point]:
    """Point after point, until one was not reached: the coroutine had ended before."""
    number = 0
    while True:
        point = Point(number, moment)
        yield point
        if not point.reached:
            return
        number += 1


async def settle() -> None:
    """Lets end what was told to end: a turn that does not wait may go without a look."""
    for _ in range(SETTLING_LOOKS):
        await asyncio.sleep(0.0005)


class Stranger(threading.Thread):
    """A thread that opens and closes descriptors of its own all the time.

    It gets the numbers that others have just closed. Whoever closes one of them a second time
    closes a pipe of the stranger's, who sees that a number is not open, or not his, any more:
    each pipe in the system has an inode of its own.
    """

    HELD = 6

    def __init__(self) -> None:
        super().__init__(name="stranger", daemon=True)
        self._stopping = threading.Event()
        # While somebody holds it, nothing is opened or closed here.
        self.lock = threading.Lock()
        self._own: collections.deque[tuple[int, int]] = collections.deque()
        self.opened = 0
        self.complaints: list[str] = []

    def run(self) -> None:
        while not self._stopping.is_set():
            with self.lock:
                self._open()
                while len(self._own) > self.HELD:
                    self._close(*self._own.popleft())
            os.sched_yield()
        with self.lock:
            while self._own:
                self._close(*self._own.popleft())

    def _open(self) -> None:
        for fd in os.pipe():
            self._own.append((fd, os.fstat(fd).st_ino))
            self.opened += 1

    def _close(self, fd: int, inode: int) -> None:
        try:
            found = os.fstat(fd).st_ino
            if found == inode:
                os.close(fd)
            else:
                self.complaints.append(f"descriptor {fd} is somebody else's now")
        except OSError as error:
            self.complaints.append(f"descriptor {fd} was closed by somebody: {error}")

    def others(self) -> dict[int, str]:
        """The open descriptors that are not the stranger's."""
        with self.lock:
            own = {fd for fd, _ in self._own}
            return {fd: what for fd, what in open_descriptors().items() if fd not in own}

    def owns(self, fd: int) -> bool:
        """Whether a descriptor is the stranger's, for as long as the caller holds the lock."""
        return any(fd == own for own, _ in self._own)

    def stop(self) -> None:
        self._stopping.set()
        self.join()


@contextlib.contextmanager
def stranger() -> Iterator[Stranger]:
    """A stranger at work; fails if somebody has closed what was his."""
    before = sys.getswitchinterval()
    # Often enough to get between two system calls of the loop's.
    sys.setswitchinterval(1e-4)
    thread = Stranger()
    thread.start()
    try:
        yield thread
    finally:
        thread.stop()
        sys.setswitchinterval(before)
    assert not thread.complaints, thread.complaints
    assert thread.opened

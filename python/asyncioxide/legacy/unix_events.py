"""Child watchers, which loops needed up to Python 3.13 to learn how a process ended."""

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any

from .. import unix_events as _modern
from ._event_loop import EventLoop as EventLoop, EventLoop as SelectorEventLoop
from .events import DefaultEventLoopPolicy as DefaultEventLoopPolicy

__all__ = (
    "AbstractChildWatcher",
    "DefaultEventLoopPolicy",
    "FastChildWatcher",
    "MultiLoopChildWatcher",
    "PidfdChildWatcher",
    "SafeChildWatcher",
    "SelectorEventLoop",
    "ThreadedChildWatcher",
)

_Handler = tuple[Callable[..., object], tuple[Any, ...]]


class AbstractChildWatcher:
    """Tells when child processes end.

    The loops of this package do not ask it: they watch their processes themselves. It serves
    programs that start processes on their own and call `add_child_handler`.
    """

    def add_child_handler(self, pid: int, callback: Callable[..., object], *args: Any) -> None:
        """Call ``callback(pid, returncode, *args)`` when the process has ended.

        pid: a child process that nobody else waits for. A second handler replaces the first.
        """
        raise NotImplementedError

    def remove_child_handler(self, pid: int) -> bool:
        """Forget the handler of a process; False if there is none."""
        raise NotImplementedError

    def attach_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Set the loop that handlers are called on."""
        raise NotImplementedError

    def close(self) -> None:
        """Forget all handlers."""
        raise NotImplementedError

    def is_active(self) -> bool:
        """Whether processes can be watched."""
        raise NotImplementedError

    def __enter__(self) -> "AbstractChildWatcher":
        raise NotImplementedError

    def __exit__(self, *exc_info: object) -> None:
        raise NotImplementedError


class BaseChildWatcher(AbstractChildWatcher):
    """Waits for each process in a thread of its own.

    A handler is called on the loop that is attached or, where none is, on the one that ran when it
    was added. The classes below had ways of their own to learn of an end; this one disturbs neither
    SIGCHLD nor other people's children, so all of them use it.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handlers: dict[int, _Handler] = {}

    def add_child_handler(self, pid: int, callback: Callable[..., object], *args: Any) -> None:
        loop = asyncio._get_running_loop() if self._loop is None else self._loop
        if loop is None:
            raise RuntimeError(
                "Cannot add child handler, the child watcher does not have a loop attached"
            )
        is_watched = pid in self._handlers
        self._handlers[pid] = (callback, args)
        if not is_watched:
            name = f"waitpid-{pid}"
            threading.Thread(target=self._wait, args=(pid, loop), name=name, daemon=True).start()

    def _wait(self, pid: int, loop: asyncio.AbstractEventLoop) -> None:
        try:
            status = os.waitpid(pid, 0)[1]
        except ChildProcessError:
            returncode = 255
            asyncio.log.logger.warning(
                "Unknown child process pid %d, will report returncode 255", pid
            )
        else:
            returncode = os.waitstatus_to_exitcode(status)
        handler = self._handlers.pop(pid, None)
        if handler is None:
            return
        if loop.is_closed():
            asyncio.log.logger.warning("Loop %r that handles pid %r is closed", loop, pid)
            return
        callback, args = handler
        loop.call_soon_threadsafe(callback, pid, returncode, *args)

    def remove_child_handler(self, pid: int) -> bool:
        return self._handlers.pop(pid, None) is not None

    def attach_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop

    def close(self) -> None:
        self._handlers.clear()
        self._loop = None

    def is_active(self) -> bool:
        return True

    def __enter__(self) -> "BaseChildWatcher":
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class SafeChildWatcher(BaseChildWatcher):
    """Looked at each process on SIGCHLD. Removed in Python 3.14."""


class FastChildWatcher(BaseChildWatcher):
    """Reaped any child on SIGCHLD. Removed in Python 3.14."""


class MultiLoopChildWatcher(BaseChildWatcher):
    """Served loops in several threads by SIGCHLD. Removed in Python 3.14."""


class ThreadedChildWatcher(BaseChildWatcher):
    """Had a thread for each process. The default of Python 3.8 to 3.11, removed in 3.14."""


class PidfdChildWatcher(BaseChildWatcher):
    """Watched process descriptors. The default of Python 3.12 and 3.13, removed in 3.14."""


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)

"""The current event loop, made when it is first asked for, and policies without warnings."""

import asyncio
import sys
import threading
from asyncio import events as _stock
from typing import TYPE_CHECKING, Any

from .. import events as _modern
from .._policy import (
    _Default as _StockDefault,
    _Policy as AbstractEventLoopPolicy,
    _set_stock_policy as _set_process_policy,
    _stock_policy as _process_policy,
)
from ..events import (
    Handle as Handle,
    TimerHandle as TimerHandle,
    _get_running_loop as _get_running_loop,
    _set_running_loop as _set_running_loop,
)
from ._event_loop import EventLoop

if TYPE_CHECKING:
    from .unix_events import AbstractChildWatcher

__all__ = (
    "AbstractEventLoop",
    "AbstractEventLoopPolicy",
    "AbstractServer",
    "Handle",
    "TimerHandle",
    "get_child_watcher",
    "get_event_loop",
    "get_event_loop_policy",
    "get_running_loop",
    "new_event_loop",
    "set_child_watcher",
    "set_event_loop",
    "set_event_loop_policy",
)

if sys.version_info >= (3, 14):
    BaseDefaultEventLoopPolicy = _stock._BaseDefaultEventLoopPolicy
else:
    BaseDefaultEventLoopPolicy = _stock.BaseDefaultEventLoopPolicy

AbstractEventLoop = asyncio.AbstractEventLoop
AbstractServer = asyncio.AbstractServer
get_running_loop = asyncio.get_running_loop


class DefaultEventLoopPolicy(BaseDefaultEventLoopPolicy):
    """The policy of Python 3.4 to 3.9: the main thread gets a loop when it first asks for one."""

    _local: Any
    _loop_factory: Any = EventLoop
    _watcher: "AbstractChildWatcher | None" = None

    def get_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return the current loop of this thread; the first call in the main thread makes it.

        Raises RuntimeError in other threads, and once `set_event_loop` has been called with None.
        """
        _make_first(self)
        return super().get_event_loop()

    def set_event_loop(self, loop: asyncio.AbstractEventLoop | None) -> None:
        """Make a loop the current one of this thread; None for no loop."""
        super().set_event_loop(loop)
        self._local._set_called = True
        if self._watcher is not None and _is_main_thread():
            self._watcher.attach_loop(loop)

    def get_child_watcher(self) -> Any:
        """Return the child watcher; the first call makes a `ThreadedChildWatcher`."""
        if self._watcher is None:
            from .unix_events import ThreadedChildWatcher

            self._watcher = ThreadedChildWatcher()
            self._watcher.attach_loop(self._local._loop)
        return self._watcher

    def set_child_watcher(self, watcher: Any) -> None:
        """Set the child watcher; the one before is closed."""
        if self._watcher is not None:
            self._watcher.close()
        self._watcher = watcher


class _Default:
    """asyncio's default policy, which is not touched, and the same policy as one of ours."""

    stock: Any = None
    view: DefaultEventLoopPolicy | None = None


def get_event_loop_policy() -> Any:
    """Return the policy of the process.

    Unless another one was set, it is a `DefaultEventLoopPolicy` whose current loops are the ones
    that asyncio's own functions see too.
    """
    policy: Any = _process_policy()
    if type(policy) is not _StockDefault:
        return policy
    state: Any = policy
    if _Default.view is None or _Default.stock is not policy:
        view = DefaultEventLoopPolicy()
        view._local = state._local
        _Default.stock, _Default.view = policy, view
    return _Default.view


def set_event_loop_policy(policy: Any) -> None:
    """Set the policy of the process, for asyncio's own functions too; None for the default.

    Raises TypeError (up to Python 3.10 it was AssertionError) for what is no policy.
    """
    _set_process_policy(_Default.stock if policy is _Default.view else policy)


def get_event_loop() -> asyncio.AbstractEventLoop:
    """Return the running loop or else the current one, which the main thread's first call makes.

    There is no warning. Raises RuntimeError in a thread that has none.
    """
    running = asyncio._get_running_loop()
    if running is not None:
        return running
    policy = get_event_loop_policy()
    _make_first(policy)
    loop: asyncio.AbstractEventLoop = policy.get_event_loop()
    return loop


def set_event_loop(loop: asyncio.AbstractEventLoop | None) -> None:
    """Make a loop the current one of this thread; None for no loop."""
    get_event_loop_policy().set_event_loop(loop)


def new_event_loop() -> asyncio.AbstractEventLoop:
    """Return a new loop of the policy, by default an `EventLoop` of this module's kind."""
    loop: asyncio.AbstractEventLoop = get_event_loop_policy().new_event_loop()
    return loop


def get_child_watcher() -> Any:
    """Return the policy's child watcher."""
    return get_event_loop_policy().get_child_watcher()


def set_child_watcher(watcher: Any) -> None:
    """Set the policy's child watcher."""
    get_event_loop_policy().set_child_watcher(watcher)


def _make_first(policy: Any) -> None:
    """Set a new loop as the current one where asyncio did so up to Python 3.13."""
    if not (_is_main_thread() and isinstance(policy, BaseDefaultEventLoopPolicy)):
        return
    local: Any = getattr(policy, "_local", None)
    if local is not None and local._loop is None and not getattr(local, "_set_called", False):
        policy.set_event_loop(policy.new_event_loop())


def _is_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)

"""Which loop is the current one, which class makes new ones: policies, and who works without them.

asyncio keeps one policy for the process, and most programs never see it. Where that is asyncio's
default one, the functions here act as if it were `EventLoopPolicy`: the loops that they make are
ours, and the current loop of each thread is the one that asyncio's functions see as well. Any other
policy is asked as asyncio asks it.
"""

import asyncio
import sys
import threading
import warnings
from asyncio import events, unix_events
from typing import Any

from ._loop import EventLoop

# 3.14 deprecates policies and keeps classes and functions under other names, without a warning.
if sys.version_info >= (3, 14):
    _Default = unix_events._DefaultEventLoopPolicy
    _stock_policy = events._get_event_loop_policy
    _set_stock_policy = events._set_event_loop_policy
    _Policy = events._AbstractEventLoopPolicy
else:
    _Default = unix_events.DefaultEventLoopPolicy
    _stock_policy = events.get_event_loop_policy
    _set_stock_policy = events.set_event_loop_policy
    _Policy = events.AbstractEventLoopPolicy


class EventLoopPolicy(_Default):
    """Makes asyncioxide's loops where the default policy makes asyncio's.

    Everything else is as in the base class, the default policy of the running Python's asyncio.
    """

    __module__ = __package__
    _loop_factory = EventLoop

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        """Return a new asyncioxide loop, which is not made the current one."""
        return self._loop_factory()


class _Choice:
    """The policies that have come through this module."""

    # What was given to `set_event_loop_policy`; not asked any more when asyncio has another one.
    policy: _Policy | None = None
    # asyncio's default policy, and the same policy as one of ours.
    default: _Policy | None = None
    view: EventLoopPolicy | None = None


def _current_policy() -> _Policy:
    """Return the policy of the process, or, for asyncio's default one, the same policy as ours."""
    policy = _stock_policy()
    if type(policy) is not _Default:
        return policy
    if _Choice.view is None or _Choice.default is not policy:
        _Choice.view = EventLoopPolicy.__new__(EventLoopPolicy)
        # One state for the two: the current loops and, up to 3.13, the child watcher.
        _Choice.view.__dict__ = policy.__dict__
        _Choice.default = policy
    return _Choice.view


def get_event_loop_policy() -> _Policy:
    """Return the policy of the process; an :class:`EventLoopPolicy` unless one was set.

    Follows :func:`asyncio.get_event_loop_policy`, and warns since Python 3.14 as that does.
    """
    if sys.version_info >= (3, 14):
        _warn_of("asyncio.get_event_loop_policy", remove=(3, 16))
    return _current_policy()


def set_event_loop_policy(policy: _Policy | None) -> None:
    """Set the policy of the process, for asyncio's functions and for those of this package.

    policy: an event loop policy. `new_event_loop`, `run` and `Runner` take their loops from it, be
    they ours or not. None brings the default back.

    Follows :func:`asyncio.set_event_loop_policy`, raises TypeError for what is no policy, and warns
    since Python 3.14.
    """
    if sys.version_info >= (3, 14):
        _warn_of("asyncio.set_event_loop_policy", remove=(3, 16))
    _set_event_loop_policy(policy)


def _set_event_loop_policy(policy: _Policy | None) -> None:
    # Whoever puts back what `get_event_loop_policy` gave puts asyncio's own back.
    if policy is not None and policy is _Choice.view:
        policy = _Choice.default
    _set_stock_policy(policy)
    _Choice.policy = policy


def new_event_loop(*, poll_every_turn: bool = False) -> asyncio.AbstractEventLoop:
    """Return a new event loop, which is not made the current one.

    poll_every_turn: look at the file descriptors in every turn, as stock asyncio does.

    The loop is an :class:`EventLoop`. Only a policy that was set with this package's
    `set_event_loop_policy` is asked first; one that was set with asyncio's function says what
    asyncio's own `new_event_loop` makes.
    """
    chosen = _Choice.policy
    if chosen is not None and not poll_every_turn and _stock_policy() is chosen:
        if type(chosen) is _Default:
            return EventLoop()
        return chosen.new_event_loop()
    return EventLoop(poll_every_turn=poll_every_turn)


def get_event_loop() -> asyncio.AbstractEventLoop:
    """Return the running loop, or else the current loop of this thread.

    Where asyncio's function makes a loop in the main thread (up to Python 3.13, with a warning
    since 3.12), the loop made here is ours. Raises RuntimeError where there is no loop.
    """
    running = events._get_running_loop()
    if running is not None:
        return running
    policy: Any = _current_policy()
    if sys.version_info >= (3, 12) and type(policy) is EventLoopPolicy and _would_make_one(policy):
        # The policy's own warning would be about this line.
        warnings.warn("There is no current event loop", DeprecationWarning, stacklevel=2)
        policy.set_event_loop(policy.new_event_loop())
    loop: asyncio.AbstractEventLoop = policy.get_event_loop()
    return loop


def _would_make_one(policy: Any) -> bool:
    return (
        policy._local._loop is None
        and not policy._local._set_called
        and threading.current_thread() is threading.main_thread()
    )


_warn_of: Any = warnings._deprecated  # type: ignore[attr-defined]

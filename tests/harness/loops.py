"""The implementations that every behaviour test runs on, by name.

Stock asyncio is the oracle: one test body, the same assertions. asyncioxide is
imported only when a test is about to run on it, so that collection and the
stock half work without the extension.
"""

from __future__ import annotations

import asyncio
import functools
import sys
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

KINDS = ("asyncio", "asyncioxide")
ORDERING_KINDS = (*KINDS, "asyncioxide-poll")

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@dataclass(frozen=True)
class Library:
    """The public names of one implementation, as a test would import them."""

    kind: str
    new_event_loop: NewLoop
    Future: Any
    Task: Any
    Handle: Any
    TimerHandle: Any
    Server: Any
    sleep: Any
    run: Any
    policy: Callable[[], Any]

    @property
    def is_stock(self) -> bool:
        return self.kind == "asyncio"


def _stock_policy() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return asyncio.DefaultEventLoopPolicy()


def _our_policy(factory: Callable[[], Any]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return factory()


def library(kind: str) -> Library:
    """Looks up one implementation; this is where asyncioxide gets imported."""
    if kind == "asyncio":
        return Library(
            kind=kind,
            new_event_loop=asyncio.new_event_loop,
            Future=asyncio.Future,
            Task=asyncio.Task,
            Handle=asyncio.Handle,
            TimerHandle=asyncio.TimerHandle,
            Server=asyncio.base_events.Server,
            sleep=asyncio.sleep,
            run=asyncio.run,
            policy=_stock_policy,
        )
    import asyncioxide
    from asyncioxide import _asyncioxide

    new_event_loop: NewLoop = asyncioxide.new_event_loop
    if kind == "asyncioxide-poll":
        new_event_loop = functools.partial(new_event_loop, poll_every_turn=True)
    return Library(
        kind=kind,
        new_event_loop=new_event_loop,
        Future=asyncioxide.Future,
        Task=asyncioxide.Task,
        Handle=_asyncioxide.Handle,
        TimerHandle=_asyncioxide.TimerHandle,
        Server=asyncioxide.Server,
        sleep=asyncioxide.sleep,
        run=asyncioxide.run,
        policy=lambda: _our_policy(lambda: asyncioxide.EventLoopPolicy()),
    )


class TrackedFactory:
    """A loop factory that remembers, weakly, which loops it made."""

    def __init__(self, make: NewLoop) -> None:
        self._make = make
        self._made: list[weakref.ref[asyncio.AbstractEventLoop]] = []

    def __call__(self) -> asyncio.AbstractEventLoop:
        loop = self._make()
        self._made.append(weakref.ref(loop))
        return loop

    def alive(self) -> list[asyncio.AbstractEventLoop]:
        return [loop for ref in self._made if (loop := ref()) is not None]


def tracked_types() -> tuple[type, ...]:
    """Every class whose live instances the leak check counts."""
    found: list[type] = [
        asyncio.AbstractEventLoop,
        asyncio.AbstractServer,
        asyncio.BaseTransport,
        asyncio.Future,
        asyncio.Handle,
        asyncio.futures._PyFuture,
    ]
    ours = sys.modules.get("asyncioxide")
    if ours is not None:
        found += [ours.EventLoop, ours.Future, ours.Task, ours.Server]
        found += [ours._asyncioxide.Handle, ours._asyncioxide.TimerHandle]
    return tuple(found)

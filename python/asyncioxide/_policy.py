"""The event loop policy, for the Pythons and libraries that still use policies."""

import asyncio.events
import warnings

from ._loop import EventLoop, new_event_loop

with warnings.catch_warnings():
    # 3.14 deprecates policies; whoever uses ours is warned when setting it.
    warnings.simplefilter("ignore", DeprecationWarning)
    _Base = getattr(
        asyncio.events, "_BaseDefaultEventLoopPolicy", None
    ) or asyncio.events.BaseDefaultEventLoopPolicy


class EventLoopPolicy(_Base):  # type: ignore[misc, valid-type]
    """Makes asyncioxide's loops where the default policy makes asyncio's."""

    _loop_factory = EventLoop

    def new_event_loop(self) -> EventLoop:
        """Return a new asyncioxide loop."""
        return new_event_loop()

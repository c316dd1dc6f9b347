"""The event loop policy, for the Pythons and libraries that still use policies."""

import asyncio.events
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from ._loop import EventLoop, new_event_loop

# 3.14 deprecates policies and keeps the class under another name, without a warning; whoever sets
# ours is warned.
if sys.version_info >= (3, 14):
    _Base = asyncio.events._BaseDefaultEventLoopPolicy
else:
    _Base = asyncio.events.BaseDefaultEventLoopPolicy


class EventLoopPolicy(_Base):
    """Makes asyncioxide's loops where the default policy makes asyncio's."""

    _loop_factory = EventLoop

    def new_event_loop(self) -> EventLoop:
        """Return a new asyncioxide loop."""
        return new_event_loop()

    if TYPE_CHECKING and sys.version_info < (3, 14):
        # Raise NotImplementedError, as in the base class, where type checkers see them as abstract.
        def get_child_watcher(self) -> NoReturn: ...
        def set_child_watcher(self, watcher: Any) -> NoReturn: ...

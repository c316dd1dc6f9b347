"""The event loop for Unix, and its policy. See :mod:`asyncio.unix_events`."""

import sys

from . import _mirror
from ._loop import EventLoop as EventLoop
from ._policy import EventLoopPolicy as _OurPolicy

SelectorEventLoop = EventLoop

if sys.version_info >= (3, 14):
    _DefaultEventLoopPolicy = _OurPolicy
else:
    DefaultEventLoopPolicy = _OurPolicy

_mirror.complete(globals())

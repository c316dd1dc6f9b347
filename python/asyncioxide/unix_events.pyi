import sys
from asyncio.unix_events import __all__ as __all__

from ._loop import EventLoop as EventLoop
from ._policy import EventLoopPolicy as _OurPolicy

SelectorEventLoop = EventLoop

if sys.version_info < (3, 14):
    from asyncio.unix_events import (
        AbstractChildWatcher as AbstractChildWatcher,
        FastChildWatcher as FastChildWatcher,
        MultiLoopChildWatcher as MultiLoopChildWatcher,
        PidfdChildWatcher as PidfdChildWatcher,
        SafeChildWatcher as SafeChildWatcher,
        ThreadedChildWatcher as ThreadedChildWatcher,
    )

    DefaultEventLoopPolicy = _OurPolicy

"""asyncio in Rust: an event loop, futures and tasks for programs written for asyncio.

A program switches with one line:

    asyncioxide.run(main())                                  # in place of asyncio.run(main())
    asyncio.run(main(), loop_factory=asyncioxide.new_event_loop)      # Python 3.12 and later

Importing this package changes nothing in ``asyncio``.
"""

from ._asyncioxide import Future, Handle, Task, TimerHandle, __version__, sleep
from ._loop import EventLoop, Server, new_event_loop
from ._policy import EventLoopPolicy
from ._run import run

__all__ = (
    "EventLoop",
    "EventLoopPolicy",
    "Future",
    "Handle",
    "Server",
    "Task",
    "TimerHandle",
    "__version__",
    "new_event_loop",
    "run",
    "sleep",
)

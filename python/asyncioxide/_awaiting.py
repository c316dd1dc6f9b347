"""What the native code wants written in Python: a coroutine that the interpreter takes for one."""

import sys
from typing import Any

if sys.version_info >= (3, 12):

    async def wrap_awaitable(awaitable: Any) -> Any:
        """Await `awaitable`, which is no coroutine, so that a task can."""
        return await awaitable

    # What reprs and stacks of tasks show of asyncio's function.
    wrap_awaitable.__name__ = "_wrap_awaitable"
    wrap_awaitable.__qualname__ = "ensure_future.<locals>._wrap_awaitable"
else:
    from asyncio.tasks import _wrap_awaitable  # type: ignore[attr-defined]

    wrap_awaitable: Any = _wrap_awaitable

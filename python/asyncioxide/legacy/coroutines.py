"""Coroutines before ``async def``: generators that wait with ``yield from``."""

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType, FunctionType, GeneratorType, coroutine as _mark
from typing import TYPE_CHECKING, Any

from ._generators import marked
from ._wrapper import CoroWrapper as CoroWrapper

__all__ = ("coroutine", "iscoroutine", "iscoroutinefunction")

_stock: Any = asyncio.coroutines

if TYPE_CHECKING:
    # Type checkers know by this name alone that `yield from` may wait for a native coroutine.
    from types import coroutine as coroutine
else:

    def coroutine(func):
        """Make a generator-based coroutine function. Follows asyncio's of Python 3.10 and before.

        func: a generator function, in which ``yield from`` waits for futures, for coroutines like
        its own and for native ones; or any other callable, whose result is waited for if it can be,
        and is the coroutine's result if not. An ``async def`` function is returned as it is.

        What the decorated function returns is good for ``yield from`` and for ``await``. Decorated
        in debug mode (``PYTHONASYNCIODEBUG``, ``-X dev``), it returns a `CoroWrapper`, which logs
        where it was made when it is destroyed before anybody ran it.
        """
        if inspect.iscoroutinefunction(func):
            return func
        if type(func) is FunctionType and inspect.isgeneratorfunction(func):
            begin = _mark(func)
        else:
            begin = _delegating(func)
        decorated = _wrapping(begin, func) if _stock._is_debug_mode() else begin
        decorated._is_coroutine = _stock._is_coroutine
        return decorated


def _delegating(func: Callable[..., Any]) -> Callable[..., Generator[Any, Any, Any]]:
    """Call a plain function inside a generator, and wait there for what it returns."""

    @_mark
    @functools.wraps(func)
    def delegate(*args: Any, **kwargs: Any) -> Generator[Any, Any, Any]:
        result: Any = func(*args, **kwargs)
        if type(result) is GeneratorType:
            result = yield from marked(result)
        elif type(result) is CoroutineType:
            # Not through `__await__`, so that `cr_await` leads on.
            result = yield from result  # type: ignore[misc]
        elif isinstance(result, Awaitable):
            result = yield from result.__await__()
        return result

    return delegate


def _wrapping(begin: Callable[..., Any], func: Callable[..., Any]) -> Callable[..., CoroWrapper]:
    @functools.wraps(func)
    def wrap(*args: Any, **kwargs: Any) -> CoroWrapper:
        return CoroWrapper(begin(*args, **kwargs), func)

    return wrap


def iscoroutine(obj: object) -> bool:
    """Tell whether an object is a coroutine: a native one or, as up to Python 3.11, a generator."""
    return isinstance(obj, CoroutineType | GeneratorType | Coroutine)


def iscoroutinefunction(func: object) -> bool:
    """Tell whether a function is ``async def`` or was decorated with `coroutine`."""
    if inspect.iscoroutinefunction(func):
        return True
    return getattr(func, "_is_coroutine", None) is _stock._is_coroutine

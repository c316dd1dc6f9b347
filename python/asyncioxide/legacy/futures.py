"""Futures that find their loop as they did up to Python 3.9."""

import asyncio
import concurrent.futures
from abc import ABCMeta
from asyncio import isfuture as isfuture
from asyncio.futures import _CFuture as _StockFuture  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, TypeVar

from .. import _asyncioxide
from . import events

__all__ = ("Future", "isfuture", "wrap_future")

_T = TypeVar("_T")


class InstancesOfStock(ABCMeta):
    """A class for whose instances all those of another pass, which it derives from or stands for.

    What loops and functions make are not instances of the classes here, which only add what asyncio
    has lost since; for `isinstance` they are.
    """

    _stock: type

    def __instancecheck__(cls, instance: object) -> bool:
        if super().__instancecheck__(instance):
            return True
        return "_stock" in vars(cls) and isinstance(instance, cls._stock)


if TYPE_CHECKING:
    Future = asyncio.Future
else:

    class Future(_asyncioxide.Future, metaclass=InstancesOfStock):
        """A future. See :class:`asyncio.Future`.

        loop: the loop that it belongs to; by default what `get_event_loop` gives, which makes one
        in the main thread.
        """

        _stock = _StockFuture

        def __init__(self, *, loop=None):
            super().__init__(loop=events.get_event_loop() if loop is None else loop)

        @property
        def __class__(self):
            # For asyncio's own isinstance checks.
            return _StockFuture if type(self) is Future else type(self)


def wrap_future(
    future: "concurrent.futures.Future[_T] | asyncio.Future[_T]",
    *,
    loop: asyncio.AbstractEventLoop | None = None,
) -> "asyncio.Future[_T]":
    """Wrap a :class:`concurrent.futures.Future`, so that a coroutine can wait for it.

    loop: the loop of the new future; by default what `get_event_loop` gives.

    An asyncio future is returned as it is. Follows :func:`asyncio.wrap_future`.
    """
    if isfuture(future):
        return future
    return asyncio.wrap_future(future, loop=events.get_event_loop() if loop is None else loop)

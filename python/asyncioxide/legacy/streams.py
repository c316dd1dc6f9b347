"""Streams whose handlers may be generator-based coroutines, with ``loop`` as up to Python 3.9."""

import asyncio
from collections.abc import Callable, Generator
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from .. import streams as _modern
from . import events
from .coroutines import coroutine
from .futures import InstancesOfStock
from .tasks import ensure_future

__all__ = (
    "StreamReader",
    "StreamReaderProtocol",
    "StreamWriter",
    "open_connection",
    "open_unix_connection",
    "start_server",
    "start_unix_server",
)

_Loop = asyncio.AbstractEventLoop
_Handler = Callable[[_modern.StreamReader, _modern.StreamWriter], Any]
_DEFAULT_LIMIT: int = 2**16  # of bytes, as in asyncio

StreamWriter = _modern.StreamWriter

if TYPE_CHECKING:
    StreamReader = _modern.StreamReader
    StreamReaderProtocol = _modern.StreamReaderProtocol
else:

    class StreamReader(_modern.StreamReader, metaclass=InstancesOfStock):
        """A reader. See :class:`asyncio.StreamReader`.

        loop: by default what `get_event_loop` gives.
        """

        _stock = _modern.StreamReader

        def __init__(self, limit=_DEFAULT_LIMIT, loop=None):
            super().__init__(limit, events.get_event_loop() if loop is None else loop)

    class StreamReaderProtocol(_modern.StreamReaderProtocol, metaclass=InstancesOfStock):
        """What feeds a reader. See :class:`asyncio.StreamReaderProtocol`.

        client_connected_cb: called with a reader and a writer for a new connection; a coroutine
        that it returns, native or generator-based, becomes a task. loop: by default what
        `get_event_loop` gives.
        """

        _stock = _modern.StreamReaderProtocol

        def __init__(self, stream_reader, client_connected_cb=None, loop=None):
            loop = events.get_event_loop() if loop is None else loop
            if client_connected_cb is not None:
                client_connected_cb = _Handling(client_connected_cb, loop)
            super().__init__(stream_reader, client_connected_cb, loop)


class _Handling:
    """A handler of connections for asyncio's streams, which since 3.12 ignore a generator."""

    def __init__(self, handler: _Handler, loop: _Loop) -> None:
        self._handler = handler
        self._loop = loop
        self._tasks: set[asyncio.Future[Any]] = set()

    def __call__(self, reader: _modern.StreamReader, writer: _modern.StreamWriter) -> Any:
        result = self._handler(reader, writer)
        if not isinstance(result, GeneratorType):
            return result
        task = ensure_future(result, loop=self._loop)
        # Nobody else may hold it while it runs.
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return None


@coroutine
def open_connection(
    host: Any = None,
    port: Any = None,
    *,
    loop: _Loop | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Generator[Any, Any, tuple[_modern.StreamReader, _modern.StreamWriter]]:
    """Connect and return a reader and a writer. Follows :func:`asyncio.open_connection`.

    limit: how many bytes the reader buffers. kwds: what ``loop.create_connection`` takes.
    """
    return (yield from _modern.open_connection(host, port, limit=limit, **kwds).__await__())


@coroutine
def open_unix_connection(
    path: Any = None, *, loop: _Loop | None = None, limit: int = _DEFAULT_LIMIT, **kwds: Any
) -> Generator[Any, Any, tuple[_modern.StreamReader, _modern.StreamWriter]]:
    """Connect to a Unix socket; `open_connection` otherwise."""
    return (yield from _modern.open_unix_connection(path, limit=limit, **kwds).__await__())


@coroutine
def start_server(
    client_connected_cb: _Handler,
    host: Any = None,
    port: Any = None,
    *,
    loop: _Loop | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Generator[Any, Any, asyncio.AbstractServer]:
    """Serve connections and return the server. Follows :func:`asyncio.start_server`.

    client_connected_cb: called with a reader and a writer; a coroutine that it returns, native or
    generator-based, becomes a task. limit: how many bytes a reader buffers. kwds: what
    ``loop.create_server`` takes.
    """
    handler = _Handling(client_connected_cb, asyncio.get_running_loop())
    serving = _modern.start_server(handler, host, port, limit=limit, **kwds)
    return (yield from serving.__await__())


@coroutine
def start_unix_server(
    client_connected_cb: _Handler,
    path: Any = None,
    *,
    loop: _Loop | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Generator[Any, Any, asyncio.AbstractServer]:
    """Serve connections to a Unix socket; `start_server` otherwise."""
    handler = _Handling(client_connected_cb, asyncio.get_running_loop())
    serving = _modern.start_unix_server(handler, path, limit=limit, **kwds)
    return (yield from serving.__await__())


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)

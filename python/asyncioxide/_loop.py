"""The event loop as Python sees it: the native loop, and asyncio's abstract class behind it.

What is cold and needs no speed is not written twice: the default exception handler, the
shutdown of executors and asynchronous generators, the look-up of names, `sock_sendfile`, in which
the kernel does the work, `create_datagram_endpoint` before a transport of ours takes the socket,
and what checks and logs the arguments of pipes and processes are the methods of the running
Python's own loop. They work on the attributes of ours.
"""

import asyncio
import os
import sys
import warnings
from asyncio import base_events, unix_events
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any, Literal, TypeVar

from . import _asyncioxide, _process

if TYPE_CHECKING:
    from socket import _GetAddrInfoResult, socket

_ProtocolT = TypeVar("_ProtocolT", bound=asyncio.BaseProtocol)

_BASE: Any = base_events.BaseEventLoop
_UNIX: Any = unix_events._UnixSelectorEventLoop


# A forked child lets go of the loops that it inherits before anything else runs in it.
os.register_at_fork(after_in_child=_asyncioxide._after_fork_in_child)


class Server(_asyncioxide.Server, base_events.Server):  # type: ignore[misc]
    """Returned by ``loop.create_server()``; see :class:`asyncio.Server`."""


@_asyncioxide.adopt_methods
class EventLoop(_asyncioxide.EventLoop, asyncio.AbstractEventLoop):
    """The event loop. See :class:`asyncio.AbstractEventLoop` for its methods.

    ``poll_every_turn=True`` makes every turn look at the file descriptors, as stock asyncio does;
    by default up to 32 turns within 100 microseconds share a look while callbacks chain.

    ``selector`` is for programs that give asyncio's loop one. This loop needs none and closes it.
    """

    if TYPE_CHECKING:

        def call_exception_handler(self, context: dict[str, Any]) -> None: ...
        async def create_datagram_endpoint(  # type: ignore[override]
            self,
            protocol_factory: Callable[[], _ProtocolT],
            local_addr: tuple[str, int] | str | None = None,
            remote_addr: tuple[str, int] | str | None = None,
            *,
            family: int = 0,
            proto: int = 0,
            flags: int = 0,
            reuse_port: bool | None = None,
            allow_broadcast: bool | None = None,
            sock: socket | None = None,
        ) -> tuple[asyncio.DatagramTransport, _ProtocolT]: ...
        def default_exception_handler(self, context: dict[str, Any]) -> None: ...
        async def getaddrinfo(
            self,
            host: bytes | str | None,
            port: bytes | str | int | None,
            *,
            family: int = 0,
            type: int = 0,
            proto: int = 0,
            flags: int = 0,
        ) -> _GetAddrInfoResult: ...
        async def getnameinfo(
            self, sockaddr: tuple[str, int] | tuple[str, int, int, int], flags: int = 0
        ) -> tuple[str, str]: ...
        async def sendfile(
            self,
            transport: asyncio.WriteTransport,
            file: IO[bytes],
            offset: int = 0,
            count: int | None = None,
            *,
            fallback: bool = True,
        ) -> int: ...
        async def connect_read_pipe(
            self, protocol_factory: Callable[[], _ProtocolT], pipe: Any
        ) -> tuple[asyncio.ReadTransport, _ProtocolT]: ...
        async def connect_write_pipe(
            self, protocol_factory: Callable[[], _ProtocolT], pipe: Any
        ) -> tuple[asyncio.WriteTransport, _ProtocolT]: ...
        async def shutdown_asyncgens(self) -> None: ...
        async def sock_sendfile(
            self,
            sock: socket,
            file: IO[bytes],
            offset: int = 0,
            count: int | None = None,
            *,
            fallback: bool | None = True,
        ) -> int: ...
        async def subprocess_exec(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            program: Any,
            *args: Any,
            stdin: int | IO[Any] | None = -1,
            stdout: int | IO[Any] | None = -1,
            stderr: int | IO[Any] | None = -1,
            universal_newlines: Literal[False] = False,
            shell: Literal[False] = False,
            bufsize: Literal[0] = 0,
            encoding: None = None,
            errors: None = None,
            text: Literal[False] | None = None,
            **kwargs: Any,
        ) -> tuple[asyncio.SubprocessTransport, _ProtocolT]: ...
        async def subprocess_shell(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            cmd: bytes | str,
            *,
            stdin: int | IO[Any] | None = -1,
            stdout: int | IO[Any] | None = -1,
            stderr: int | IO[Any] | None = -1,
            universal_newlines: Literal[False] = False,
            shell: Literal[True] = True,
            bufsize: Literal[0] = 0,
            encoding: None = None,
            errors: None = None,
            text: Literal[False] | None = None,
            **kwargs: Any,
        ) -> tuple[asyncio.SubprocessTransport, _ProtocolT]: ...

        if sys.version_info >= (3, 12):

            async def shutdown_default_executor(self, timeout: float | None = None) -> None: ...
        else:

            async def shutdown_default_executor(self) -> None: ...
    else:
        call_exception_handler = _BASE.call_exception_handler
        connect_read_pipe = _BASE.connect_read_pipe
        connect_write_pipe = _BASE.connect_write_pipe
        create_datagram_endpoint = _BASE.create_datagram_endpoint
        default_exception_handler = _BASE.default_exception_handler
        getaddrinfo = _BASE.getaddrinfo
        getnameinfo = _BASE.getnameinfo
        sendfile = _BASE.sendfile
        shutdown_asyncgens = _BASE.shutdown_asyncgens
        shutdown_default_executor = _BASE.shutdown_default_executor
        sock_sendfile = _BASE.sock_sendfile
        subprocess_exec = _BASE.subprocess_exec
        subprocess_shell = _BASE.subprocess_shell

    _asyncgen_finalizer_hook = _BASE._asyncgen_finalizer_hook
    _asyncgen_firstiter_hook = _BASE._asyncgen_firstiter_hook
    _connect_sock = _BASE._connect_sock
    _check_sendfile_params = _BASE._check_sendfile_params
    _ensure_resolved = _BASE._ensure_resolved
    _getaddrinfo_debug = _BASE._getaddrinfo_debug
    _log_subprocess = _BASE._log_subprocess
    _make_subprocess_transport = _process._make_subprocess_transport
    _sock_add_cancellation_callback = _UNIX._sock_add_cancellation_callback
    _sock_sendfile_fallback = _BASE._sock_sendfile_fallback
    _sock_sendfile_native = _UNIX._sock_sendfile_native
    _sock_sendfile_native_impl = _UNIX._sock_sendfile_native_impl
    _sock_sendfile_update_filepos = _UNIX._sock_sendfile_update_filepos
    _sendfile_fallback = _BASE._sendfile_fallback
    _server_class = Server

    def _do_shutdown(self, future: asyncio.Future[None]) -> None:
        """Shut the default executor down, on a thread of its own, and tell ``future``.

        Follows ``BaseEventLoop._do_shutdown``. Nobody may be waiting any more when the answer
        comes: up to Python 3.12 that is reported as an InvalidStateError, here it is no event.
        """
        failure: Exception | None = None
        try:
            self._default_executor.shutdown(wait=True)
        except Exception as exception:
            failure = exception
        if not self.is_closed():
            self.call_soon_threadsafe(_answer, future, failure)

    def __del__(self, _warn: Callable[..., object] = warnings.warn) -> None:
        if not self.is_closed():
            _warn(f"unclosed event loop {self!r}", ResourceWarning, source=self)
            if not self.is_running():
                self.close()


def _answer(future: asyncio.Future[None], failure: Exception | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(None)
    else:
        future.set_exception(failure)

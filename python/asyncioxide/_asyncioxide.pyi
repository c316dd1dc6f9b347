"""Types of the native module, kept by hand; `make check` compares them with the module.

The public API is here. Private attributes exist too, under the names that the standard library's
own code reads; they are no promise.

`isinstance` takes our objects for asyncio's, because their `__class__` says so. These classes
therefore derive from asyncio's here, which they cannot do in memory: `issubclass` and subclasses
written in Python know the difference.
"""

import asyncio
import sys
from asyncio import (
    AbstractEventLoop,
    BaseProtocol,
    TaskGroup as TaskGroup,
    Timeout as Timeout,
    Transport,
    as_completed as as_completed,
    create_task as create_task,
    ensure_future as ensure_future,
    gather as gather,
    isfuture as isfuture,
    run_coroutine_threadsafe as run_coroutine_threadsafe,
    shield as shield,
    timeout as timeout,
    timeout_at as timeout_at,
    trsock,
    wait as wait,
    wait_for as wait_for,
    wrap_future as wrap_future,
)
from collections import deque
from collections.abc import (
    Awaitable,
    Callable,
    Coroutine,
    Generator,
    Iterable,
    Sequence,
    Sized,
)
from concurrent.futures import Executor
from contextvars import Context
from selectors import BaseSelector
from socket import _Address, _RetAddress, socket
from ssl import SSLContext
from types import FrameType, GenericAlias, TracebackType
from typing import (
    Any,
    Final,
    Generic,
    Literal,
    NoReturn,
    Protocol,
    Self,
    SupportsIndex,
    TextIO,
    TypeAlias,
    TypeVar,
    TypeVarTuple,
    overload,
    type_check_only,
)

from _typeshed import (
    FileDescriptorLike,
    ReadableBuffer,
    StrOrBytesPath,
    StrPath,
    WriteableBuffer,
)
from typing_extensions import disjoint_base

if sys.version_info >= (3, 14):
    from asyncio import (
        future_add_to_awaited_by as future_add_to_awaited_by,
        future_discard_from_awaited_by as future_discard_from_awaited_by,
    )
else:
    from asyncio import all_tasks as all_tasks, current_task as current_task

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "EventLoop",
    "FlowControlMixin",
    "Future",
    "Handle",
    "LifoQueue",
    "Lock",
    "PriorityQueue",
    "Queue",
    "Semaphore",
    "Server",
    "StreamReader",
    "StreamReaderProtocol",
    "StreamWriter",
    "Task",
    "TaskGroup",
    "Timeout",
    "TimerHandle",
    "_GatheringFuture",
    "__version__",
    "_after_fork_in_child",
    "_loops",
    "adopt_methods",
    "as_completed",
    "create_task",
    "ensure_future",
    "gather",
    "isfuture",
    "open_connection",
    "open_unix_connection",
    "run_coroutine_threadsafe",
    "shield",
    "sleep",
    "start_server",
    "start_unix_server",
    "timeout",
    "timeout_at",
    "wait",
    "wait_for",
    "wrap_future",
]

if sys.version_info >= (3, 14):
    __all__ += ["future_add_to_awaited_by", "future_discard_from_awaited_by"]
else:
    __all__ += ["all_tasks", "current_task"]

_T = TypeVar("_T")
_T_co = TypeVar("_T_co", covariant=True)
_Ts = TypeVarTuple("_Ts")
_ProtocolT = TypeVar("_ProtocolT", bound=BaseProtocol)
_EventLoopT = TypeVar("_EventLoopT", bound=type[EventLoop])

# What a task drives; asyncio stopped taking generators with Python 3.12.
if sys.version_info >= (3, 12):
    _CoroutineLike: TypeAlias = Coroutine[Any, Any, _T_co]
else:
    _CoroutineLike: TypeAlias = Coroutine[Any, Any, _T_co] | Generator[Any, None, _T_co]

# What a primitive is copied by: attributes, and the __slots__ of subclasses.
_State: TypeAlias = dict[str, Any] | tuple[dict[str, Any], dict[str, Any]]
_ExceptionHandler: TypeAlias = Callable[[AbstractEventLoop, dict[str, Any]], object]

@type_check_only
class _TaskFactory(Protocol):
    def __call__(
        self, loop: AbstractEventLoop, coro: _CoroutineLike[_T], /
    ) -> asyncio.Future[_T]: ...

__version__: Final[str]

def adopt_methods(class_: _EventLoopT, /) -> _EventLoopT: ...
@overload
async def sleep(delay: float) -> None: ...
@overload
async def sleep(delay: float, result: _T) -> _T: ...
def _after_fork_in_child() -> None: ...
def _loops() -> list[EventLoop]: ...

class Handle(asyncio.Handle):
    def __init__(
        self,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: AbstractEventLoop,
        context: Context | None = None,
    ) -> None: ...
    def cancel(self) -> None: ...
    def cancelled(self) -> bool: ...
    if sys.version_info >= (3, 12):
        def get_context(self) -> Context: ...

class TimerHandle(Handle, asyncio.TimerHandle):
    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: Sequence[Any],
        loop: AbstractEventLoop,
        context: Context | None = None,
    ) -> None: ...
    def __eq__(self, other: object, /) -> bool: ...
    def __ge__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __gt__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __le__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __lt__(self, other: asyncio.TimerHandle, /) -> bool: ...
    def __ne__(self, other: object, /) -> bool: ...
    def cancel(self) -> None: ...
    def when(self) -> float: ...

class Future(asyncio.Future[_T]):
    def __init__(self, *, loop: AbstractEventLoop | None = None) -> None: ...
    def __await__(self) -> Generator[Any, None, _T]: ...
    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    def __del__(self) -> None: ...
    def __iter__(self) -> Generator[Any, None, _T]: ...
    def add_done_callback(
        self, fn: Callable[[Self], object], /, *, context: Context | None = None
    ) -> None: ...
    def cancel(self, msg: Any | None = None) -> bool: ...
    def cancelled(self) -> bool: ...
    def done(self) -> bool: ...
    def exception(self) -> BaseException | None: ...
    def get_loop(self) -> AbstractEventLoop: ...
    def remove_done_callback(self, fn: Callable[[Self], object], /) -> int: ...
    def result(self) -> _T: ...
    def set_exception(self, exception: type | BaseException, /) -> None: ...
    def set_result(self, result: _T, /) -> None: ...

# As asyncio's: covariant, because `set_result` always raises.
class _GatheringFuture(Future[list[Any]]):
    def __init__(self, children: Iterable[Any], *, loop: AbstractEventLoop) -> None: ...

class Task(Future[_T_co], asyncio.Task[_T_co]):  # type: ignore[type-var]
    if sys.version_info >= (3, 12):
        def __init__(
            self,
            coro: _CoroutineLike[_T_co],
            *,
            loop: AbstractEventLoop | None = None,
            name: str | None = None,
            context: Context | None = None,
            eager_start: bool = False,
        ) -> None: ...
    else:
        def __init__(
            self,
            coro: _CoroutineLike[_T_co],
            *,
            loop: AbstractEventLoop | None = None,
            name: str | None = None,
            context: Context | None = None,
        ) -> None: ...

    def __del__(self) -> None: ...
    def cancel(self, msg: Any | None = None) -> bool: ...
    def cancelling(self) -> int: ...
    if sys.version_info >= (3, 12):
        def get_context(self) -> Context: ...
    def get_coro(self) -> Coroutine[Any, Any, _T_co]: ...
    def get_name(self) -> str: ...
    def get_stack(self, *, limit: int | None = None) -> list[FrameType]: ...
    def print_stack(self, *, limit: int | None = None, file: TextIO | None = None) -> None: ...
    def set_exception(self, exception: object, /) -> NoReturn: ...
    def set_name(self, value: object, /) -> None: ...
    def set_result(self, result: object, /) -> NoReturn: ...
    def uncancel(self) -> int: ...

@disjoint_base
class Server:
    @property
    def sockets(self) -> tuple[trsock.TransportSocket, ...]: ...
    def __init__(
        self,
        loop: AbstractEventLoop,
        sockets: list[socket],
        protocol_factory: Callable[[], BaseProtocol],
        ssl_context: SSLContext | None,
        backlog: int,
        ssl_handshake_timeout: float | None,
        ssl_shutdown_timeout: float | None = None,
    ) -> None: ...
    def close(self) -> None: ...
    def get_loop(self) -> AbstractEventLoop: ...
    def is_serving(self) -> bool: ...
    async def serve_forever(self) -> None: ...
    async def start_serving(self) -> None: ...
    async def wait_closed(self) -> None: ...
    if sys.version_info >= (3, 13):
        def abort_clients(self) -> None: ...
        def close_clients(self) -> None: ...

@disjoint_base
class EventLoop:
    slow_callback_duration: float
    def __init__(
        self, selector: BaseSelector | None = None, *, poll_every_turn: bool = False
    ) -> None: ...
    def __delattr__(self, name: str, /) -> None: ...
    def __setattr__(self, name: str, value: Any, /) -> None: ...

    # Making, running, stopping and closing.
    def close(self) -> None: ...
    def is_closed(self) -> bool: ...
    def is_running(self) -> bool: ...
    def run_forever(self) -> None: ...
    def run_until_complete(self, future: Generator[Any, None, _T] | Awaitable[_T]) -> _T: ...
    def stop(self) -> None: ...

    # Callbacks and the clock.
    def call_at(
        self,
        when: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> TimerHandle: ...
    def call_later(
        self,
        delay: float,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> TimerHandle: ...
    def call_soon(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> Handle: ...
    def call_soon_threadsafe(
        self,
        callback: Callable[[*_Ts], object],
        *args: *_Ts,
        context: Context | None = None,
    ) -> Handle: ...
    def time(self) -> float: ...

    # Futures, tasks, executors.
    def create_future(self) -> Future[Any]: ...
    if sys.version_info >= (3, 14):
        def create_task(
            self,
            coro: _CoroutineLike[_T],
            *,
            name: str | None = None,
            context: Context | None = None,
            **kwargs: Any,
        ) -> Task[_T]: ...
    elif sys.version_info >= (3, 13):
        # `eager_start` since 3.13.3.
        def create_task(
            self,
            coro: _CoroutineLike[_T],
            *,
            name: str | None = None,
            context: Context | None = None,
            eager_start: bool | None = None,
        ) -> Task[_T]: ...
    else:
        def create_task(
            self,
            coro: _CoroutineLike[_T],
            *,
            name: str | None = None,
            context: Context | None = None,
        ) -> Task[_T]: ...

    def get_task_factory(self) -> _TaskFactory | None: ...
    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> Future[_T]: ...
    # A ThreadPoolExecutor; asyncio's abstract class asks for any.
    def set_default_executor(self, executor: Executor) -> None: ...
    @property
    def _default_executor(self) -> Any: ...
    def set_task_factory(self, factory: _TaskFactory | None) -> None: ...

    # Watched descriptors and signals.
    def add_reader(
        self, fd: FileDescriptorLike, callback: Callable[[*_Ts], Any], *args: *_Ts
    ) -> None: ...
    def add_signal_handler(
        self, sig: int, callback: Callable[[*_Ts], object], *args: *_Ts
    ) -> None: ...
    def add_writer(
        self, fd: FileDescriptorLike, callback: Callable[[*_Ts], Any], *args: *_Ts
    ) -> None: ...
    def remove_reader(self, fd: FileDescriptorLike) -> bool: ...
    def remove_signal_handler(self, sig: int) -> bool: ...
    def remove_writer(self, fd: FileDescriptorLike) -> bool: ...

    # Debug mode and errors.
    def get_debug(self) -> bool: ...
    def get_exception_handler(self) -> _ExceptionHandler | None: ...
    def set_debug(self, enabled: bool) -> None: ...
    def set_exception_handler(self, handler: _ExceptionHandler | None) -> None: ...

    # Connections. `create_server` gives an `asyncioxide.Server`; the abstract class names
    # asyncio's.
    if sys.version_info >= (3, 12):
        async def create_connection(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            host: str | None = None,
            port: int | None = None,
            *,
            ssl: bool | SSLContext | None = None,
            family: int = 0,
            proto: int = 0,
            flags: int = 0,
            sock: socket | None = None,
            local_addr: tuple[str, int] | None = None,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            happy_eyeballs_delay: float | None = None,
            interleave: int | None = None,
            all_errors: bool = False,
        ) -> tuple[Transport, _ProtocolT]: ...
    else:
        async def create_connection(
            self,
            protocol_factory: Callable[[], _ProtocolT],
            host: str | None = None,
            port: int | None = None,
            *,
            ssl: bool | SSLContext | None = None,
            family: int = 0,
            proto: int = 0,
            flags: int = 0,
            sock: socket | None = None,
            local_addr: tuple[str, int] | None = None,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            happy_eyeballs_delay: float | None = None,
            interleave: int | None = None,
        ) -> tuple[Transport, _ProtocolT]: ...

    if sys.version_info >= (3, 13):
        async def create_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            host: str | Sequence[str] | None = None,
            port: int | None = None,
            *,
            family: int = 0,
            flags: int = 1,
            sock: socket | None = None,
            backlog: int = 100,
            ssl: bool | SSLContext | None = None,
            reuse_address: bool | None = None,
            reuse_port: bool | None = None,
            keep_alive: bool | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            start_serving: bool = True,
        ) -> asyncio.Server: ...
    else:
        async def create_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            host: str | Sequence[str] | None = None,
            port: int | None = None,
            *,
            family: int = 0,
            flags: int = 1,
            sock: socket | None = None,
            backlog: int = 100,
            ssl: bool | SSLContext | None = None,
            reuse_address: bool | None = None,
            reuse_port: bool | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            start_serving: bool = True,
        ) -> asyncio.Server: ...

    async def connect_accepted_socket(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        sock: socket,
        *,
        ssl: bool | SSLContext | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]: ...
    async def create_unix_connection(
        self,
        protocol_factory: Callable[[], _ProtocolT],
        path: StrOrBytesPath | None = None,
        *,
        ssl: bool | SSLContext | None = None,
        sock: socket | None = None,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> tuple[Transport, _ProtocolT]: ...
    if sys.version_info >= (3, 13):
        async def create_unix_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            path: StrOrBytesPath | None = None,
            *,
            sock: socket | None = None,
            backlog: int = 100,
            ssl: bool | SSLContext | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            start_serving: bool = True,
            cleanup_socket: bool = True,
        ) -> asyncio.Server: ...
    else:
        async def create_unix_server(
            self,
            protocol_factory: Callable[[], BaseProtocol],
            path: StrOrBytesPath | None = None,
            *,
            sock: socket | None = None,
            backlog: int = 100,
            ssl: bool | SSLContext | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
            start_serving: bool = True,
        ) -> asyncio.Server: ...

    async def sock_accept(self, sock: socket) -> tuple[socket, _RetAddress]: ...
    async def sock_connect(self, sock: socket, address: _Address) -> None: ...
    async def sock_recv(self, sock: socket, n: int) -> bytes: ...
    async def sock_recv_into(self, sock: socket, buf: WriteableBuffer) -> int: ...
    async def sock_recvfrom(self, sock: socket, bufsize: int) -> tuple[bytes, _RetAddress]: ...
    async def sock_recvfrom_into(
        self, sock: socket, buf: WriteableBuffer, nbytes: int = 0
    ) -> tuple[int, _RetAddress]: ...
    async def sock_sendall(self, sock: socket, data: ReadableBuffer) -> None: ...
    async def sock_sendto(self, sock: socket, data: ReadableBuffer, address: _Address) -> int: ...
    async def start_tls(
        self,
        transport: asyncio.BaseTransport,
        protocol: asyncio.BaseProtocol,
        sslcontext: SSLContext,
        *,
        server_side: bool = False,
        server_hostname: str | None = None,
        ssl_handshake_timeout: float | None = None,
        ssl_shutdown_timeout: float | None = None,
    ) -> asyncio.Transport | None: ...

@type_check_only
class _Separator(ReadableBuffer, Sized, Protocol): ...

_ClientConnected: TypeAlias = Callable[[StreamReader, StreamWriter], Awaitable[None] | None]

async def open_connection(
    host: str | None = None, port: int | str | None = None, *, limit: int = 65536, **kwds: Any
) -> tuple[StreamReader, StreamWriter]: ...
async def open_unix_connection(
    path: StrPath | None = None, *, limit: int = 65536, **kwds: Any
) -> tuple[StreamReader, StreamWriter]: ...
async def start_server(
    client_connected_cb: _ClientConnected,
    host: str | Sequence[str] | None = None,
    port: int | str | None = None,
    *,
    limit: int = 65536,
    **kwds: Any,
) -> asyncio.Server: ...
async def start_unix_server(
    client_connected_cb: _ClientConnected,
    path: StrPath | None = None,
    *,
    limit: int = 65536,
    **kwds: Any,
) -> asyncio.Server: ...

@disjoint_base
class FlowControlMixin(asyncio.Protocol):
    def __init__(self, loop: AbstractEventLoop | None = None) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...

@disjoint_base
class StreamReaderProtocol(FlowControlMixin):
    def __init__(
        self,
        stream_reader: StreamReader | None,
        client_connected_cb: _ClientConnected | None = None,
        loop: AbstractEventLoop | None = None,
    ) -> None: ...
    def __del__(self) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def data_received(self, data: bytes) -> None: ...
    def eof_received(self) -> bool: ...

@disjoint_base
class StreamWriter:
    def __init__(
        self,
        transport: asyncio.WriteTransport,
        protocol: BaseProtocol,
        reader: StreamReader | None,
        loop: AbstractEventLoop,
    ) -> None: ...
    def __del__(self) -> None: ...
    @property
    def transport(self) -> asyncio.WriteTransport: ...
    def can_write_eof(self) -> bool: ...
    def close(self) -> None: ...
    async def drain(self) -> None: ...
    def get_extra_info(self, name: str, default: Any = None) -> Any: ...
    def is_closing(self) -> bool: ...
    if sys.version_info >= (3, 12):
        async def start_tls(
            self,
            sslcontext: SSLContext,
            *,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
            ssl_shutdown_timeout: float | None = None,
        ) -> None: ...
    else:
        async def start_tls(
            self,
            sslcontext: SSLContext,
            *,
            server_hostname: str | None = None,
            ssl_handshake_timeout: float | None = None,
        ) -> None: ...

    async def wait_closed(self) -> None: ...
    def write(self, data: bytes | bytearray | memoryview) -> None: ...
    def write_eof(self) -> None: ...
    def writelines(self, data: Iterable[bytes | bytearray | memoryview]) -> None: ...

@disjoint_base
class StreamReader:
    def __init__(self, limit: int = 65536, loop: AbstractEventLoop | None = None) -> None: ...
    def __aiter__(self) -> Self: ...
    async def __anext__(self) -> bytes: ...
    def at_eof(self) -> bool: ...
    def exception(self) -> Exception | None: ...
    def feed_data(self, data: ReadableBuffer | Iterable[SupportsIndex]) -> None: ...
    def feed_eof(self) -> None: ...
    async def read(self, n: int = -1) -> bytes: ...
    async def readexactly(self, n: int) -> bytes: ...
    async def readline(self) -> bytes: ...
    if sys.version_info >= (3, 13):
        async def readuntil(
            self, separator: _Separator | tuple[_Separator, ...] = b"\n"
        ) -> bytes: ...
    else:
        async def readuntil(self, separator: _Separator = b"\n") -> bytes: ...

    def set_exception(self, exc: Exception) -> None: ...
    def set_transport(self, transport: asyncio.BaseTransport) -> None: ...

@disjoint_base
class Lock:
    def __init__(self) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    def locked(self) -> bool: ...
    async def acquire(self) -> Literal[True]: ...
    def release(self) -> None: ...

@disjoint_base
class Event:
    def __init__(self) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    def is_set(self) -> bool: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...
    async def wait(self) -> Literal[True]: ...

@disjoint_base
class Queue(Generic[_T]):
    def __init__(self, maxsize: int = 0) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    def _init(self, maxsize: int, /) -> None: ...
    def _get(self) -> _T: ...
    def _put(self, item: _T, /) -> None: ...
    def _format(self) -> str: ...
    def _wakeup_next(self, waiters: deque[asyncio.Future[Any]], /) -> None: ...
    @property
    def maxsize(self) -> int: ...
    def qsize(self) -> int: ...
    def empty(self) -> bool: ...
    def full(self) -> bool: ...
    async def put(self, item: _T) -> None: ...
    def put_nowait(self, item: _T) -> None: ...
    async def get(self) -> _T: ...
    def get_nowait(self) -> _T: ...
    async def join(self) -> None: ...
    def task_done(self) -> None: ...
    if sys.version_info >= (3, 13):
        def shutdown(self, immediate: bool = False) -> None: ...

    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...

class LifoQueue(Queue[_T]): ...
class PriorityQueue(Queue[_T]): ...

@disjoint_base
class Condition:
    # The lock's own methods.
    locked: Callable[[], bool]
    acquire: Callable[[], Coroutine[Any, Any, Literal[True]]]
    release: Callable[[], None]
    def __init__(self, lock: Lock | asyncio.Lock | None = None) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    async def wait(self) -> Literal[True]: ...
    async def wait_for(self, predicate: Callable[[], _T]) -> _T: ...
    def notify(self, n: int = 1) -> None: ...
    def notify_all(self) -> None: ...

@disjoint_base
class Semaphore:
    def __init__(self, value: int = 1) -> None: ...
    async def __aenter__(self) -> None: ...
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    def locked(self) -> bool: ...
    async def acquire(self) -> Literal[True]: ...
    def release(self) -> None: ...

@disjoint_base
class BoundedSemaphore(Semaphore):
    def __init__(self, value: int = 1) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    def release(self) -> None: ...

@disjoint_base
class Barrier:
    def __init__(self, parties: int) -> None: ...
    async def __aenter__(self) -> int: ...
    async def __aexit__(self, *args: object) -> None: ...
    def __getstate__(self) -> _State: ...
    def __reduce_ex__(self, protocol: SupportsIndex, /) -> str | tuple[Any, ...]: ...
    def __setstate__(self, state: _State, /) -> None: ...
    async def wait(self) -> int: ...
    async def reset(self) -> None: ...
    async def abort(self) -> None: ...
    @property
    def parties(self) -> int: ...
    @property
    def n_waiting(self) -> int: ...
    @property
    def broken(self) -> bool: ...

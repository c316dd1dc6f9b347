"""`EventLoop`: the loop with what loops have lost since Python 3.4."""

import inspect
from collections.abc import Callable
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from .. import _loop
from .coroutines import coroutine


class Server(_loop.Server):
    """A server whose `wait_closed` waits as up to Python 3.11. See :class:`asyncio.Server`."""

    if not TYPE_CHECKING:

        @coroutine
        def wait_closed(self):
            """Wait until the server is closed.

            It does not wait for connections to end, as asyncio does since Python 3.12: programs
            that call it while their handlers run would hang.
            """
            if self.sockets:
                yield from super().wait_closed()


class EventLoop(_loop.EventLoop):
    """The loop of :mod:`asyncioxide.legacy`: it runs generators too."""

    _runs_generators = True
    _server_class = Server

    if TYPE_CHECKING:

        def run_until_complete(self, future: Any) -> Any: ...

    else:

        def create_task(self, coro, **keywords):
            """Run a coroutine, native or generator-based, as a task.

            name: the task's name. context: what it runs in.
            """
            if not isinstance(coro, GeneratorType) or self.get_task_factory() is not None:
                return super().create_task(coro, **keywords)
            from ._task import Task

            self._check_closed()
            return Task(coro, loop=self, **keywords)

        def run_until_complete(self, future):
            """Run until a future, or a coroutine of either kind, is done; return its result."""
            if not isinstance(future, GeneratorType):
                return super().run_until_complete(future)
            self._check_closed()
            self._check_running()
            task = self.create_task(future)
            # An exception says that it was not completed, and it is nobody else's to retrieve.
            task._log_destroy_pending = False
            try:
                return super().run_until_complete(task)
            except BaseException:
                if task.done() and not task.cancelled():
                    task.exception()
                raise

    def set_default_executor(self, executor: Any) -> None:
        """Set the executor for ``run_in_executor(None, ...)``.

        executor: any executor, as up to Python 3.10; asyncio takes only threads since.
        """
        self._default_executor = executor  # type: ignore[misc]

    def create_datagram_endpoint(
        self, *args: Any, reuse_address: bool | None = None, **keywords: Any
    ) -> Any:
        """Create a datagram transport. See :meth:`asyncio.loop.create_datagram_endpoint`.

        reuse_address: not supported since Python 3.8.1, because it lets other users take packets;
        True is a ValueError.
        """
        if reuse_address:
            raise ValueError(
                "Passing `reuse_address=True` is no longer supported, as the usage of "
                "SO_REUSEPORT in UDP poses a significant security concern."
            )
        return _create_datagram_endpoint(self, *args, **keywords)


def _for_any_generator(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let ``yield from`` wait for a native coroutine method in generators without a decorator."""

    def call(*args: Any, **keywords: Any) -> Any:
        return method(*args, **keywords)

    call.__name__, call.__qualname__ = method.__name__, method.__qualname__
    call.__doc__, call.__signature__ = method.__doc__, inspect.signature(method)  # type: ignore[attr-defined]
    return coroutine(call)


_create_datagram_endpoint = _for_any_generator(_loop.EventLoop.create_datagram_endpoint)

for _name in (
    "connect_read_pipe",
    "connect_write_pipe",
    "getaddrinfo",
    "getnameinfo",
    "sendfile",
    "shutdown_asyncgens",
    "shutdown_default_executor",
    "sock_sendfile",
    "subprocess_exec",
    "subprocess_shell",
):
    setattr(EventLoop, _name, _for_any_generator(getattr(_loop.EventLoop, _name)))

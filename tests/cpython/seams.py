"""Points CPython's test modules at the loop under test.

Most tests make their loop through asyncio's public functions and need only the default
policy changed. The others name a concrete stock class, drive a mocked BaseEventLoop or
read an attribute of it; the functions here re-point those names. The tests' own code is
never changed. Every seam is also used when the loop under test is the stock one, which
passes everything: what fails on another loop is then the loop's.
"""

from __future__ import annotations

import asyncio
import asyncio.base_events
import asyncio.unix_events
import functools
import importlib
import socket
import types
import weakref
from asyncio.log import logger
from collections.abc import Callable
from typing import Any
from unittest import mock

from conformance.target import Target
from virtual_time import Script, VirtualTime

SUITE = "test.test_asyncio"
GATHER_TURNS = 20
TICK_S = 0.01
LOG_METHODS = ("debug", "info", "warning", "error", "exception", "critical", "log")


def install(target: Target) -> None:
    """The seams that every module needs; call before the module is imported."""
    _default_policy(target)
    _loop_classes(target)
    _logger()
    utils: Any = importlib.import_module("test.test_asyncio.utils")
    utils.TestCase.close_loop = staticmethod(_loop_closer(target, utils.TestCase.close_loop))
    utils.TestCase.new_test_loop = _test_loop_maker(target)


def install_in(name: str, module: types.ModuleType, target: Target) -> None:
    """The seams of one module; call after it was imported."""
    seam = _MODULE_SEAMS.get(name)
    if seam is not None:
        seam(module, target)


def _default_policy(target: Target) -> None:
    """new_event_loop(), run(), Runner, IsolatedAsyncioTestCase, DefaultEventLoopPolicy.

    The policy of asyncioxide's namespace makes the loops under test already.
    """
    for name in ("_UnixDefaultEventLoopPolicy", "_DefaultEventLoopPolicy"):
        policy = getattr(asyncio.unix_events, name, None)
        if policy is not None and policy._loop_factory is not target.loop_class:
            policy._loop_factory = staticmethod(target.new_loop)


def _loop_classes(target: Target) -> None:
    """The stock loop classes that tests call, subclass, or ask isinstance about."""
    stand_in = ClassStandIn(target.new_loop, target.loop_class)
    for name in ("SelectorEventLoop", "EventLoop"):
        if hasattr(asyncio, name):
            vars(asyncio)[name] = stand_in
    vars(asyncio)["BaseEventLoop"] = _base_loop_stand_in(target)


def _base_loop_stand_in(target: Target) -> ClassStandIn:
    cls = _bare_loop_class(target)
    return ClassStandIn(lambda: target.new_instance(cls), cls)


class ClassStandIn:
    """Stands where a test names a concrete stock loop class."""

    def __init__(self, new_loop: Callable[[], Any], loop_class: type[Any]) -> None:
        self._new_loop = new_loop
        self._loop_class = loop_class
        self.__name__ = loop_class.__name__

    def __call__(self, selector: Any = None) -> Any:
        if selector is not None:
            selector.close()
        return self._new_loop()

    def __instancecheck__(self, instance: object) -> bool:
        return isinstance(instance, self._loop_class)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type[Any]]:
        return (self._loop_class,)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop_class, name)


def _bare_loop_class(target: Target) -> type[Any]:
    """What stands for BaseEventLoop, which the tests complete with mocks and turn by hand."""

    class BareLoop(target.loop_class):  # type: ignore[name-defined, misc]
        if not target.shows_executor:
            _default_executor = None

        def __setattr__(self, name: str, value: Any) -> None:
            # A complete loop keeps its own parts; BaseEventLoop has none.
            parts = ("_selector", "_process_events", "_write_to_self")
            if name not in parts or not isinstance(value, mock.NonCallableMock):
                super().__setattr__(name, value)

        def _run_once(self) -> None:
            turn_by_hand(self, super())

    return BareLoop


def turn_by_hand(loop: Any, stock: Any) -> None:
    """One turn of a loop that may have no `_run_once` of its own.

    A stock loop that runs calls `_run_once` itself and gets its own.
    """
    if loop.is_running():
        stock._run_once()
    else:
        loop.call_soon(loop.stop)
        loop.run_forever()


class ModuleView(types.ModuleType):
    """A module seen through, with some of its names replaced."""

    def __init__(self, module: types.ModuleType, **replaced: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(replaced)
        self.__dict__["_module"] = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)


def _logger() -> None:
    """Tests look at logging by patching `asyncio.base_events.logger`.

    Another implementation has its own reference to the `asyncio` logger, so that logger
    passes on to whatever stands under the patched name.
    """
    for name in LOG_METHODS:
        setattr(logger, name, _forward_log(name, getattr(logger, name)))


def _forward_log(name: str, original: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(original)
    def log(*args: Any, **kwargs: Any) -> None:
        patched = vars(asyncio.base_events)["logger"]
        (original if patched is logger else getattr(patched, name))(*args, **kwargs)

    return log


class _ClosableLoop:
    """A loop without `_default_executor`, as the suite's close_loop wants to see it."""

    _default_executor = None

    def __init__(self, loop: Any) -> None:
        self.close = loop.close


def _loop_closer(target: Target, original: Callable[[Any], None]) -> Callable[[Any], None]:
    def close_loop(loop: Any) -> None:
        if isinstance(loop, target.loop_class) and not target.shows_executor:
            if not loop.is_closed():
                _undo_patches(loop)
                loop.run_until_complete(loop.shutdown_default_executor())
            loop = _ClosableLoop(loop)
        original(loop)

    return close_loop


def _undo_patches(loop: Any) -> None:
    """Takes away the methods that a test put on a loop, and its task factory."""
    for name, value in list(getattr(loop, "__dict__", {}).items()):
        if callable(value) and hasattr(type(loop), name):
            delattr(loop, name)
    loop.set_task_factory(None)


def _test_loop_maker(target: Target) -> Callable[..., Any]:
    """The loops with a simulated clock, on top of the loop under test."""

    class TestLoop(VirtualTime, target.loop_class):  # type: ignore[name-defined, misc]
        if not hasattr(target.loop_class, "_run_once"):
            _ready = ()

        def _run_once(self) -> None:
            turn_by_hand(self, super())

    def new_test_loop(self: Any, gen: Script | None = None) -> Any:
        loop = target.new_instance(TestLoop)
        loop.start_script(gen)
        self.set_event_loop(loop)
        return loop

    return new_test_loop


def _base_events(module: Any, target: Target) -> None:
    """test_base_events takes BaseEventLoop from asyncio.base_events, and mocks its selector.

    It also hands out mock sockets.
    """
    module.base_events = ModuleView(module.base_events, BaseEventLoop=asyncio.BaseEventLoop)
    _set_up_plain_loop(module.BaseEventLoopTests)
    utils = module.test_utils
    utils.mock_nonblocking_socket = _with_descriptor(utils.mock_nonblocking_socket)


def _with_descriptor(make: Callable[..., Any]) -> Callable[..., Any]:
    """Gives mock sockets the descriptor of a connection.

    A test mocks what the stock loop watches a socket with, so that its socket's number is
    never used. Another loop asks the kernel, which has to know it.
    """

    @functools.wraps(make)
    def mock_nonblocking_socket(*args: Any, **kwargs: Any) -> Any:
        sock = make(*args, **kwargs)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            near = socket.create_connection(listener.getsockname())
            far, _ = listener.accept()
        sock.fileno.side_effect = near.fileno
        for end in (near, far):
            weakref.finalize(sock, end.close)
        return sock

    return mock_nonblocking_socket


def _pep492(module: Any, target: Target) -> None:
    """test_pep492 mocks a BaseEventLoop's selector."""
    _set_up_plain_loop(module.BaseTest)


def _set_up_plain_loop(case: Any) -> None:
    def setUp(self: Any) -> None:
        super(case, self).setUp()
        self.loop = asyncio.BaseEventLoop()
        self.set_event_loop(self.loop)

    case.setUp = setUp


def _events(module: Any, target: Target) -> None:
    """test_events watches children through SIGCHLD; threads do as well on any loop.

    One test ends with the method by which a stock server lets go of a socket.
    """
    if hasattr(asyncio, "SafeChildWatcher"):
        vars(asyncio)["SafeChildWatcher"] = asyncio.ThreadedChildWatcher
    module.EventLoopTestsMixin.setUp = _with_stop_serving(module.EventLoopTestsMixin.setUp)


def _with_stop_serving(original: Callable[[Any], None]) -> Callable[[Any], None]:
    def setUp(self: Any) -> None:
        original(self)
        loop = self.loop

        def stop_serving(sock: socket.socket) -> None:
            loop.remove_reader(sock)
            sock.close()

        if not hasattr(loop, "_stop_serving"):
            loop._stop_serving = stop_serving

    return setUp


def _runners(module: Any, target: Target) -> None:
    """test_runners mocks a BaseEventLoop's selector, and interrupts without a signal.

    The mocked selector never blocks and so notices; here a short timer does.
    """

    def new_loop(self: Any) -> Any:
        loop: Any = asyncio.BaseEventLoop()
        loop.shutdown_ag_run = False

        async def shutdown_asyncgens() -> None:
            loop.shutdown_ag_run = True

        def tick() -> None:
            if not loop.is_closed():
                loop.call_later(TICK_S, tick)

        loop.shutdown_asyncgens = shutdown_asyncgens
        tick()
        return loop

    module.BaseTest.new_loop = new_loop


def _tasks(module: Any, target: Target) -> None:
    """The tests of gather() turn their loop until its `_ready` is empty.

    One of them puts a mock in place of `BaseEventLoop.call_exception_handler`.
    """

    def _run_loop(self: Any, loop: Any) -> None:
        for _ in range(GATHER_TURNS):
            module.test_utils.run_briefly(loop)

    module.GatherTestsBase._run_loop = _run_loop
    name = "call_exception_handler"
    setattr(target.loop_class, name, _PatchedWithStock(name, target.loop_class))


class _PatchedWithStock:
    """A method of the loop's own, unless the stock loop's of the same name is patched."""

    def __init__(self, name: str, loop_class: type[Any]) -> None:
        self._name = name
        self._own = getattr(loop_class, name)
        self._stock = getattr(asyncio.base_events.BaseEventLoop, name)

    def __get__(self, loop: Any, owner: Any = None) -> Any:
        found = getattr(asyncio.base_events.BaseEventLoop, self._name)
        return self._own.__get__(loop, owner) if found is self._stock else found


def _graph(module: Any, target: Target) -> None:
    """test_graph has the C classes, and what they record with, take the places of the public ones.

    In asyncioxide's namespace the public ones are asked for.
    """
    futures, tasks = vars(asyncio.futures), vars(asyncio.tasks)
    if asyncio.__name__ == "asyncio":
        return
    futures["_CFuture"], tasks["_CTask"] = asyncio.Future, asyncio.Task
    for name in ("future_add_to_awaited_by", "future_discard_from_awaited_by"):
        futures[f"_c_{name}"] = futures[name]


class ServerView:
    """A server that also answers for the private attributes that test_server reads."""

    _sockets = None
    _waiters = None

    def __init__(self, server: Any) -> None:
        self._server = server

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    async def __aenter__(self) -> ServerView:
        await self._server.__aenter__()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._server.__aexit__(*exc_info)


def _server(module: Any, target: Target) -> None:
    """test_server ends by looking at a closed server's private attributes."""

    def viewed(start: Callable[..., Any]) -> Callable[..., Any]:
        async def start_server(*args: Any, **kwargs: Any) -> Any:
            return ServerView(await start(*args, **kwargs))

        return start_server

    original = module.BaseStartServer.setUp

    def setUp(self: Any) -> None:
        original(self)
        for name in ("start_server", "start_unix_server"):
            patch = mock.patch.object(asyncio, name, viewed(getattr(asyncio, name)))
            patch.start()
            self.addCleanup(patch.stop)

    module.BaseStartServer.setUp = setUp


_MODULE_SEAMS: dict[str, Callable[[Any, Target], None]] = {
    "test_base_events": _base_events,
    "test_events": _events,
    "test_graph": _graph,
    "test_pep492": _pep492,
    "test_runners": _runners,
    "test_server": _server,
    "test_tasks": _tasks,
}

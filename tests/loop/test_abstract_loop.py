"""All of AbstractEventLoop, with the parameters of the running Python's own loop.

And the private names that libraries reach for.
"""

from __future__ import annotations

import asyncio
import inspect

import pytest

pytestmark = pytest.mark.only("asyncioxide")

PUBLIC = [name for name in dir(asyncio.AbstractEventLoop) if not name.startswith("_")]

# The name, and who reads it.
LOOP_NAMES = {
    "_check_closed": "asyncio's own functions",
    "_check_running": "nest_asyncio's kind",
    "_debug": "asyncio's own functions",
    "_default_executor": "anyio",
    "_executor_shutdown_called": "anyio",
    "_thread_id": "threads that ask whether the loop is theirs",
    "_exception_handler": "pytest plugins",
    "_task_factory": "instrumentation",
    "_asyncgens": "shutdown_asyncgens",
    "_signal_handlers": "reloaders",
    "_current_handle": "loggers of debug mode",
    "_closed": "subclasses",
    "_stopping": "subclasses",
}
FUTURE_NAMES = (
    "_asyncio_future_blocking",
    "_loop",
    "_callbacks",
    "_source_traceback",
    "_cancel_message",
    "_exception",
    "_result",
    "_state",
    "_log_traceback",
)
TASK_NAMES = (*FUTURE_NAMES, "_fut_waiter", "_must_cancel", "_log_destroy_pending", "_coro")


@pytest.fixture
def stock():
    made = asyncio.SelectorEventLoop()
    yield made
    made.close()


def parameters(method):
    return [
        (each.name, each.kind, each.default)
        for each in inspect.signature(method).parameters.values()
    ]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_method_is_there_with_its_parameters(loop, stock, name):
    # None is the abstract class's own, which would only raise.
    owners = [each for each in type(loop).__mro__ if name in vars(each)]
    assert owners[0] is not asyncio.AbstractEventLoop
    ours, theirs = parameters(getattr(loop, name)), parameters(getattr(stock, name))
    if name == "create_task":
        # asyncio's hides what the task takes behind **kwargs since 3.14.
        assert set(theirs) <= set(ours)
    else:
        assert ours == theirs


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_a_coroutine_function_there_gives_a_coroutine_here(loop, stock, name):
    if not inspect.iscoroutinefunction(getattr(stock, name)):
        return
    required = [
        each
        for each in inspect.signature(getattr(stock, name)).parameters.values()
        if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
    ]
    made = getattr(loop, name)(*[None] * len(required))
    assert asyncio.iscoroutine(made)
    made.close()


@pytest.mark.parametrize("name", LOOP_NAMES)
def test_a_private_name_of_the_loop(loop, stock, name):
    ours, theirs = getattr(loop, name), getattr(stock, name)
    if theirs is None or isinstance(theirs, bool | int | str):
        assert ours == theirs
    else:
        assert callable(ours) is callable(theirs)
        assert type(ours).__name__ == type(theirs).__name__ or callable(ours)


async def test_private_names_of_futures_and_tasks(loop, stock):
    async def ended():
        return 5

    future = loop.create_future()
    task = loop.create_task(ended())
    theirs = stock.create_future()
    for name in FUTURE_NAMES:
        if name != "_loop":
            assert getattr(future, name) == getattr(theirs, name), name
    for name in TASK_NAMES:
        getattr(task, name)
    assert future._loop is loop
    assert task._loop is loop
    await task
    assert (task._state, task._result, task._exception) == ("FINISHED", 5, None)


async def test_private_names_of_a_task_that_waits(loop):
    future = loop.create_future()

    async def wait():
        await future

    task = loop.create_task(wait())
    await asyncio.sleep(0)
    assert task._fut_waiter is future
    [(callback, context)] = future._callbacks
    assert callable(callback)
    assert context is task.get_context() if hasattr(task, "get_context") else True
    task.cancel()
    assert task._must_cancel is False
    assert future.cancelled()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task._fut_waiter is None


def test_the_thread_of_the_loop(loop):
    import threading

    assert loop._thread_id is None

    async def main():
        return loop._thread_id

    assert loop.run_until_complete(main()) == threading.get_ident()
    assert loop._thread_id is None


async def test_the_main_task_is_known_by_asyncios_own_callback(loop):
    [(callback, _)] = asyncio.current_task()._callbacks
    assert callback is asyncio.base_events._run_until_complete_cb


def test_isinstance_says_no_more_than_what_is_true(loop):
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert not isinstance(loop, asyncio.BaseEventLoop)
    assert not isinstance(loop, asyncio.SelectorEventLoop)
    assert loop.__class__ is type(loop)


async def test_a_transport_is_one_with_flow_control(loop, names):
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1")
    transport, _ = await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())
    assert isinstance(transport, asyncio.Transport)
    assert isinstance(transport, asyncio.transports._FlowControlMixin)
    assert isinstance(server, asyncio.AbstractServer)
    transport.abort()
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0)

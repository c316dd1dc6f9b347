"""The native functions as objects: they pass for the Python functions that they stand for."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import sys
import weakref

import pytest
from harness.functions import functions
from harness.outcome import outcome

# What asyncio writes as `async def`.
COROUTINE_FUNCTIONS = ("sleep", "wait")

NAMES = (
    # Native up to 3.13.
    *(("all_tasks", "current_task") if sys.version_info < (3, 14) else ()),
    "as_completed",
    "create_task",
    "ensure_future",
    "future_add_to_awaited_by",
    "future_discard_from_awaited_by",
    "gather",
    "isfuture",
    "run_coroutine_threadsafe",
    "shield",
    "sleep",
    "wait",
    "wrap_future",
)


@pytest.fixture(params=[name for name in NAMES if hasattr(asyncio, name)])
def name(request):
    return request.param


@pytest.fixture
def native(name):
    return getattr(functions("native"), name)


@pytest.fixture
def stock(name):
    return getattr(asyncio, name)


def test_signature(native, stock):
    assert inspect.signature(native) == inspect.signature(stock)


def test_names(native, stock):
    assert native.__name__ == native.__qualname__ == stock.__name__
    assert native.__module__.startswith("asyncioxide.")
    assert repr(native).startswith(f"<function {native.__name__} at 0x")


def test_has_a_docstring_of_its_own(native, stock):
    assert inspect.getdoc(native)
    assert native.__doc__ != stock.__doc__


def test_attributes_and_weak_references(native):
    native.own = 1
    assert native.own == 1
    del native.own
    assert weakref.ref(native)() is native


def test_can_be_wrapped(native):
    @functools.wraps(native)
    def wrapper(*args, **keywords):
        return native(*args, **keywords)

    assert wrapper.__name__ == native.__name__
    assert inspect.signature(wrapper) == inspect.signature(native)


def test_a_copy_is_the_function_itself(native):
    assert copy.copy(native) is native
    assert copy.deepcopy(native) is native


def test_is_a_method_in_the_body_of_a_class(native):
    class Holder:
        method = native
        static = staticmethod(native)

    holder = Holder()
    assert Holder.method is native
    assert holder.static is native
    assert inspect.ismethod(holder.method)
    assert holder.method.__self__ is holder


def test_is_a_coroutine_function_where_asyncios_is(name, native):
    expected = name in COROUTINE_FUNCTIONS
    has_mark = hasattr(inspect, "markcoroutinefunction")
    assert inspect.iscoroutinefunction(native) is (expected and has_mark)
    if not has_mark:
        assert asyncio.iscoroutinefunction(native) is expected


def test_wrong_keywords(native, stock):
    def call(function):
        return outcome(lambda: function(no_such_keyword=1))

    if isinstance(stock, type(print)):
        assert call(native).cls is call(stock).cls
    else:
        assert call(native) == call(stock)


class TestEnsureFuture:
    async def test_of_an_awaitable(self, loop, aio):
        class Awaitable:
            def __await__(self):
                yield
                return "awaited"

        task = aio.ensure_future(Awaitable())
        assert asyncio.isfuture(task)
        assert asyncio.iscoroutine(task.get_coro())
        assert task.get_coro().__name__ == "_wrap_awaitable"
        assert await task == "awaited"

    @pytest.mark.parametrize("value", [1, None, "text", print])
    async def test_of_anything_else(self, loop, aio, value):
        expected = outcome(lambda: asyncio.ensure_future(value))
        assert outcome(lambda: aio.ensure_future(value)) == expected

    async def test_of_a_future_that_says_it_is_none(self, loop, aio, names):
        class Retired(names.Future):
            _asyncio_future_blocking = None

        assert not aio.isfuture(Retired(loop=loop))

    async def test_is_future(self, loop, aio):
        class Duck:
            _asyncio_future_blocking = False

        async def coroutine():
            pass

        task = loop.create_task(coroutine())
        for future in (loop.create_future(), asyncio.Future(loop=loop), Duck(), task):
            assert aio.isfuture(future)
        for other in (None, 1, Duck, asyncio.Future):
            assert not aio.isfuture(other)
        await task

    def test_on_a_loop_that_does_not_run(self, loop, aio):
        async def coroutine():
            return asyncio.get_running_loop()

        task = aio.ensure_future(coroutine(), loop=loop)
        assert loop.run_until_complete(task) is loop

    async def test_by_the_task_factory(self, loop, aio):
        made = []

        def factory(loop, coro, **keywords):
            made.append(coro)
            return asyncio.Task(coro, loop=loop, **keywords)

        async def coroutine():
            return 1

        loop.set_task_factory(factory)
        task = aio.ensure_future(coroutine())
        loop.set_task_factory(None)
        assert made == [task.get_coro()]
        assert await task == 1

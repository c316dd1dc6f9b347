"""set_task_factory: called as the running Python's loop calls it."""

from __future__ import annotations

import asyncio
import contextvars
import sys

import pytest


async def work():
    return "value"


class Recorder:
    """A factory that notes what it is called with and makes a stock task."""

    def __init__(self):
        self.calls = []

    def __call__(self, *args, **kwargs):
        self.calls.append((args, kwargs))
        loop, coro = args
        return asyncio.Task(coro, loop=loop, **kwargs)


@pytest.fixture
def calls_on_stock():
    """What a stock loop calls the factory with, less the loop and the coroutine."""

    def record(**options):
        loop = asyncio.new_event_loop()
        recorder = Recorder()
        loop.set_task_factory(recorder)
        coro = work()
        task = loop.create_task(coro, **options)
        loop.run_until_complete(task)
        loop.close()
        ((args, kwargs),) = recorder.calls
        assert args == (loop, coro)
        recorder.calls.clear()
        return kwargs, task.get_name()

    return record


CONTEXT = contextvars.copy_context()

OPTIONS = [
    {},
    {"name": "given"},
    {"name": None},
    {"context": CONTEXT},
    {"context": None},
    {"name": "given", "context": CONTEXT},
]
if sys.version_info >= (3, 14):
    OPTIONS += [{"eager_start": False}, {"eager_start": None, "name": "given"}]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: ",".join(options) or "nothing")
def test_is_called_with_what_asyncio_calls_it_with(loop, calls_on_stock, options):
    expected, name = calls_on_stock(**options)
    recorder = Recorder()
    loop.set_task_factory(recorder)
    coro = work()
    task = loop.create_task(coro, **options)
    loop.run_until_complete(task)
    ((args, kwargs),) = recorder.calls
    assert args == (loop, coro)
    assert kwargs == expected
    assert task.get_name() == name or name.startswith("Task-")
    loop.set_task_factory(None)
    recorder.calls.clear()


def test_the_coroutine_may_be_given_by_name(loop):
    recorder = Recorder()
    loop.set_task_factory(recorder)
    coro = work()
    assert loop.run_until_complete(loop.create_task(coro=coro, name="given")) == "value"
    ((args, _),) = recorder.calls
    assert args == (loop, coro)
    loop.set_task_factory(None)
    recorder.calls.clear()


@pytest.mark.parametrize("count", [0, 2])
def test_is_not_called_without_one_coroutine(loop, count):
    recorder = Recorder()
    loop.set_task_factory(recorder)
    with pytest.raises(TypeError):
        loop.create_task(*range(count))
    with pytest.raises(TypeError):
        loop.create_task(1, coro=2)
    assert recorder.calls == []


def test_a_factory_of_two_arguments_suffices(loop):
    loop.set_task_factory(lambda loop, coro: asyncio.Task(coro, loop=loop))
    assert loop.run_until_complete(loop.create_task(work())) == "value"
    loop.set_task_factory(None)


def test_asyncio_create_task_goes_through_it(loop):
    made = []

    def factory(loop, coro, **options):
        made.append(coro)
        return asyncio.Task(coro, loop=loop, **options)

    async def main():
        loop.set_task_factory(factory)
        result = await asyncio.create_task(work())
        loop.set_task_factory(None)
        return result

    assert loop.run_until_complete(main()) == "value"
    assert len(made) == 1
    made.clear()


def test_run_until_complete_goes_through_it(loop):
    made = []

    def factory(loop, coro, **options):
        made.append(type(coro))
        return asyncio.Task(coro, loop=loop, **options)

    loop.set_task_factory(factory)
    assert loop.run_until_complete(work()) == "value"
    loop.set_task_factory(None)
    assert len(made) == 1


def test_may_make_a_plain_future(loop):
    class Made(asyncio.Future):
        def set_name(self, name):
            self.name = name

    def factory(loop, coro, **options):
        coro.close()
        future = Made(loop=loop)
        future.set_result("no task at all")
        return future

    loop.set_task_factory(factory)
    made = loop.create_task(work(), name="named")
    loop.set_task_factory(None)
    assert loop.run_until_complete(made) == "no task at all"


def test_an_exception_of_it_comes_out_of_create_task(loop):
    def factory(loop, coro, **options):
        coro.close()
        raise KeyError("factory")

    loop.set_task_factory(factory)
    with pytest.raises(KeyError, match="factory"):
        loop.create_task(work())
    loop.set_task_factory(None)


def test_a_task_class_of_ones_own(loop, names):
    class Job(names.Task):
        pass

    loop.set_task_factory(lambda loop, coro, **options: Job(coro, loop=loop, **options))
    task = loop.create_task(work())
    assert type(task) is Job
    assert loop.run_until_complete(task) == "value"
    loop.set_task_factory(None)


def test_can_be_read_and_taken_off(loop, names):
    def factory(loop, coro):
        raise AssertionError

    assert loop.get_task_factory() is None
    loop.set_task_factory(factory)
    assert loop.get_task_factory() is factory
    loop.set_task_factory(None)
    assert loop.get_task_factory() is None
    task = loop.create_task(work())
    assert type(task) is names.Task
    loop.run_until_complete(task)


@pytest.mark.parametrize("wrong", [1, "factory", object()], ids=["int", "str", "object"])
def test_must_be_callable_or_none(loop, wrong):
    with pytest.raises(TypeError, match="^task factory must be a callable or None$"):
        loop.set_task_factory(wrong)
    assert loop.get_task_factory() is None

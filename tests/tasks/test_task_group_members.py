"""The tasks of a TaskGroup: stdlib's and the native one, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import weakref

import pytest
from harness.traces import traced
from harness.versions import since


async def give(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def fail(error, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    raise error


async def for_ever(trace=None, name=""):
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        if trace is not None:
            trace(f"cancelled {name}")
        raise


# Scenarios


async def a_task_makes_tasks(aio, trace):
    async def makes(depth):
        trace(depth)
        if depth:
            group.create_task(makes(depth - 1))

    async with aio.TaskGroup() as group:
        group.create_task(makes(4))


async def a_task_joins_at_the_end(aio, trace):
    async def makes():
        await trace.turns(3)
        group.create_task(give("late", 3)).add_done_callback(lambda task: trace(task.result()))

    async with aio.TaskGroup() as group:
        group.create_task(makes())


def refused(trace, group):
    coroutine = give("never")
    try:
        group.create_task(coroutine)
    except RuntimeError as error:
        trace(error)
    trace(inspect.getcoroutinestate(coroutine))
    coroutine.close()


async def joined_at_the_wrong_time(aio, trace):
    group = aio.TaskGroup()
    refused(trace, group)
    async with group:
        pass
    refused(trace, group)
    try:
        async with aio.TaskGroup() as group:
            group.create_task(fail(ValueError("one")))
            try:
                await for_ever()
            finally:
                refused(trace, group)
    except ExceptionGroup as error:
        trace(error)


async def joined_by_what_is_no_coroutine(aio, trace):
    async with aio.TaskGroup() as group:
        try:
            group.create_task(None)
        except TypeError as error:
            trace(error)


async def entered_twice(aio, trace):
    async with (group := aio.TaskGroup()):
        try:
            async with group:
                trace("inside")
        except RuntimeError as error:
            trace(error)
    async with group:
        trace("inside")


async def names_and_contexts(aio, trace):
    variable = contextvars.ContextVar("variable", default="unset")
    context = contextvars.copy_context()
    context.run(variable.set, "set")

    async def look():
        trace((asyncio.current_task().get_name(), variable.get()))

    async with aio.TaskGroup() as group:
        group.create_task(look(), name="plain")
        group.create_task(look(), name=5, context=None)
        group.create_task(coro=look(), name="context", context=context)


async def wrong_arguments(aio, trace):
    async with aio.TaskGroup() as group:
        for arguments, keywords in (((), {}), ((None, None), {}), ((None, None), {"name": "x"})):
            try:
                group.create_task(*arguments, **keywords)
            except TypeError:
                trace("TypeError")


async def subclassed(aio, trace):
    class Own(aio.TaskGroup):
        def create_task(self, coro, **options):
            trace("create_task")
            return super().create_task(coro, **options)

        def _on_task_done(self, task):
            trace("_on_task_done")
            super()._on_task_done(task)

        def _abort(self):
            trace("_abort")
            super()._abort()

        async def __aexit__(self, *arguments):
            trace("__aexit__")
            return await super().__aexit__(*arguments)

    async with Own() as group:
        group.create_task(for_ever(trace, "one"))
        group.create_task(fail(ValueError("two"), 2))


async def with_attributes(aio, trace):
    group = aio.TaskGroup()
    group.note = "kept"
    async with group:
        group.create_task(fail(ValueError(group.note)))


async def what_is_left_afterwards(aio, trace):
    group = aio.TaskGroup()
    try:
        async with group:
            group.create_task(fail(ValueError("one")))
    except ExceptionGroup:
        pass
    trace((group._errors, group._parent_task is None, group._base_error, len(group._tasks)))
    trace((group._entered, group._exiting, group._aborting, group._parent_cancel_requested))
    trace((group._on_completed_fut, group._loop is trace.loop))


async def closed_while_it_waits(aio, trace):
    async def inside():
        async with aio.TaskGroup() as group:
            group.create_task(give("one", 3))

    coroutine = inside()
    future = coroutine.send(None)
    future._asyncio_future_blocking = False
    coroutine.close()
    await trace.turns(6)


async def the_parent_is_done_when_one_fails(aio, trace):
    async def inside():
        group = aio.TaskGroup()
        await group.__aenter__()
        group.create_task(fail(ValueError("orphan"), 3))

    await asyncio.ensure_future(inside())
    await trace.turns(8)


async def repr_of_a_member(aio, trace):
    async with aio.TaskGroup() as group:
        task = group.create_task(give("one", 2), name="member")
        trace("_on_task_done()" in repr(task))


async def many(aio, trace):
    async with aio.TaskGroup() as group:
        tasks = [group.create_task(give(number, number % 7)) for number in range(300)]
    trace(sum(task.result() for task in tasks))


async def many_are_cancelled(aio, trace):
    async with aio.TaskGroup() as group:
        tasks = [group.create_task(for_ever()) for _ in range(100)]
        await trace.turns(1)
        for task in tasks:
            task.cancel()
    trace(all(task.cancelled() for task in tasks))


SCENARIOS = [
    a_task_makes_tasks,
    a_task_joins_at_the_end,
    joined_at_the_wrong_time,
    joined_by_what_is_no_coroutine,
    entered_twice,
    names_and_contexts,
    wrong_arguments,
    subclassed,
    with_attributes,
    what_is_left_afterwards,
    closed_while_it_waits,
    the_parent_is_done_when_one_fails,
    repr_of_a_member,
]

# Too much for debug mode, which would tell of slow callbacks.
LARGE_SCENARIOS = [many, many_are_cancelled]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_happens_as_in_asyncio(loop, native, run_task, scenario):
    expected = await traced(loop, asyncio, scenario, run_task)
    assert await traced(loop, native, scenario, run_task) == expected


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_happens_as_in_asyncio_with_members_of(loop, native, member_kind, scenario, debug):
    loop.set_debug(debug)
    loop.slow_callback_duration = 60
    expected = await traced(loop, asyncio, scenario, loop.create_task)
    assert await traced(loop, native, scenario, loop.create_task) == expected


@pytest.mark.parametrize("scenario", LARGE_SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_happens_as_in_asyncio_with_many(loop, native, member_kind, scenario):
    expected = await traced(loop, asyncio, scenario, loop.create_task)
    assert await traced(loop, native, scenario, loop.create_task) == expected


def test_has_the_methods_of_this_python(aio):
    def public(cls):
        # What is native takes self by position only.
        return {
            name: str(inspect.signature(getattr(cls, name))).replace("self, /", "self")
            for name in dir(cls)
            if not name.startswith("_") or name in ("__aenter__", "__aexit__")
        }

    assert public(aio.TaskGroup) == public(asyncio.TaskGroup)


def test_outside_of_a_task(loop, aio):
    said = []

    def drive():
        with pytest.raises(RuntimeError, match="cannot determine the parent task$") as caught:
            aio.TaskGroup().__aenter__().send(None)
        said.append(caught)
        loop.stop()

    loop.call_soon(drive)
    loop.run_forever()
    assert said


def test_needs_a_running_loop(aio):
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        aio.TaskGroup().__aenter__().send(None)


@pytest.mark.parametrize("name", ["__aenter__", "__aexit__"])
async def test_what_is_not_awaited_warns(loop, aio, name):
    method = getattr(aio.TaskGroup(), name)
    arguments = (None, None, None) if name == "__aexit__" else ()
    with pytest.warns(RuntimeWarning, match=rf"^coroutine 'TaskGroup.{name}' was never awaited$"):
        method(*arguments)
        gc.collect()


async def test_a_group_is_freed_without_the_collector(loop, aio):
    async def main():
        async with aio.TaskGroup() as group:
            group.create_task(give(1))
        return weakref.ref(group)

    gc.disable()
    try:
        alive = await loop.create_task(main())
        await asyncio.sleep(0)
        assert alive() is None
    finally:
        gc.enable()


@since(3, 14)
@pytest.mark.parametrize("kind", ["created", "C"])
async def test_a_member_is_awaited_by_the_parent(loop, aio, kind):
    seen = []

    async def member():
        await asyncio.sleep(0)
        graph = asyncio.capture_call_graph()
        seen.append([one.future for one in graph.awaited_by])

    async def main():
        async with aio.TaskGroup() as group:
            task = group.create_task(member())
        return task

    parent = loop.create_task(main()) if kind == "created" else asyncio.Task(main(), loop=loop)
    task = await parent
    of_c = [asyncio.Task in type(one).__mro__ for one in (parent, task)]
    # asyncio notes it between its own tasks, ours for a task of ours too.
    noted = all(of_c) or (aio is not asyncio and not of_c[1])
    assert seen == [[parent] if noted else []]
    assert task._asyncio_awaited_by is None


@since(3, 14)
async def test_takes_the_coroutine_by_name_too(loop, aio):
    async with aio.TaskGroup() as group:
        task = group.create_task(coro=give("value"), name="named", eager_start=False)
        assert task.get_name() == "named"
        for arguments, keywords in (((), {}), ((None,), {"coro": None}), ((None, None), {})):
            with pytest.raises(TypeError):
                group.create_task(*arguments, **keywords, eager_start=False)
    assert task.result() == "value"

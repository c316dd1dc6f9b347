"""In which context gather() and the like are told that something is done: where they began."""

from __future__ import annotations

import asyncio
import contextvars

var = contextvars.ContextVar("var", default="nothing")


def noting_task(names, seen):
    """A class of tasks that note in which context they are cancelled."""

    class Task(names.Task):
        def cancel(self, msg=None):
            seen.append(var.get())
            return super().cancel(msg)

    return Task


async def test_a_group_cancels_its_tasks_where_the_failed_one_was_made(loop, names, aio):
    seen = []
    cls = noting_task(names, seen)
    gate = loop.create_future()

    async def fail():
        await gate
        var.set("in the task")
        raise ZeroDivisionError

    loop.set_task_factory(lambda loop, coro, **options: cls(coro, loop=loop, **options))
    try:
        async with aio.TaskGroup() as group:
            var.set("made")
            group.create_task(fail())
            var.set("made another")
            group.create_task(asyncio.sleep(3600))
            await asyncio.sleep(0)
            var.set("later")
            gate.set_result(None)
    except* ZeroDivisionError:
        pass
    finally:
        loop.set_task_factory(None)
    assert seen == ["made"]


async def test_each_task_of_a_group_has_its_own(loop, names, aio):
    seen = []

    async def parent():
        group = await aio.TaskGroup().__aenter__()
        for name in ("first", "second"):
            var.set(name)
            group.create_task(fail())
        var.set("later")

    async def fail():
        await gate
        raise ZeroDivisionError

    gate = loop.create_future()
    await loop.create_task(parent())
    await asyncio.sleep(0)
    loop.call_exception_handler = lambda context: seen.append(var.get())
    try:
        gate.set_result(None)
        for _ in range(3):
            await asyncio.sleep(0)
    finally:
        del loop.call_exception_handler
    # Their parent has ended: what they raise is reported.
    assert seen == ["first", "second"]


def called_in(handles):
    """The value of the variable in each context that a callback was scheduled with."""
    return [None if context is None else context.get(var) for context in handles]


async def test_a_replaced_call_soon_is_given_it(loop, aio):
    var.set("asked")
    futures = [loop.create_future() for _ in range(2)]
    gathering = aio.gather(*futures)
    shielded = aio.shield(futures[0])
    var.set("later")
    contexts, call_soon = [], loop.call_soon

    def noting(callback, *args, context=None):
        contexts.append(context)
        return call_soon(callback, *args, context=context)

    loop.call_soon = noting
    try:
        futures[0].set_result(1)
        futures[1].set_result(2)
    finally:
        del loop.call_soon
    # How often asyncio calls back differs between releases.
    assert set(called_in(contexts)) == {"asked"}
    assert await gathering == [1, 2]
    assert await shielded == 1


async def test_is_shown_among_the_callbacks(loop, aio):
    var.set("asked")
    future = loop.create_future()
    gathering = aio.gather(future)
    var.set("later")
    [(callback, context)] = future._callbacks
    assert callable(callback)
    assert context[var] == "asked"
    future.set_result(None)
    await gathering


async def test_those_who_are_told_change_nothing_for_others(loop, names, aio):
    class Task(names.Task):
        def cancel(self, msg=None):
            var.set("cancelled")
            return super().cancel(msg)

    async def fail():
        raise ZeroDivisionError

    var.set("made")
    loop.set_task_factory(lambda loop, coro, **options: Task(coro, loop=loop, **options))
    try:
        async with aio.TaskGroup() as group:
            group.create_task(fail())
            group.create_task(asyncio.sleep(3600))
    except* ZeroDivisionError:
        pass
    finally:
        loop.set_task_factory(None)
    assert var.get() == "made"
    seen = []
    loop.call_soon(lambda: seen.append(var.get()))
    await asyncio.sleep(0)
    assert seen == ["made"]

"""How a TaskGroup ends: stdlib's and the native one, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import contextlib

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


class Unusual(BaseException):
    """Neither an Exception nor one that leaves the loop."""


# Scenarios


async def waits_for_all(aio, trace):
    async with aio.TaskGroup() as group:
        first = group.create_task(give("first", 3))
        second = group.create_task(give("second", 1))
        trace(repr(group))
    trace((first.result(), second.result(), repr(group)))


async def of_nothing(aio, trace):
    async with aio.TaskGroup() as group:
        trace(repr(group))
    trace(repr(group))


async def of_what_is_done_already(aio, trace):
    async with aio.TaskGroup() as group:
        task = group.create_task(give("done", 0))
        await trace.turns(5)
        trace((task.done(), len(group._tasks)))


async def one_fails(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "other"))
        group.create_task(fail(ValueError("one"), 2))
    trace("not reached")


async def one_fails_while_the_block_waits(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(fail(ValueError("one"), 2))
        try:
            await for_ever()
        except asyncio.CancelledError as error:
            trace(error)
            trace((repr(group), asyncio.current_task().cancelling()))
            raise


async def two_fail(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(fail(ValueError("one"), 2))
        group.create_task(fail(KeyError("two"), 2))


async def one_fails_while_it_is_cancelled(aio, trace):
    async def stubborn():
        try:
            await for_ever()
        finally:
            raise KeyError("in finally")

    async with aio.TaskGroup() as group:
        group.create_task(stubborn())
        group.create_task(fail(ValueError("one")))


async def one_fails_with_a_base_exception(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "other"))
        group.create_task(fail(Unusual("unusual")))


async def one_is_cancelled(aio, trace):
    async with aio.TaskGroup() as group:
        task = group.create_task(for_ever(trace, "one"))
        group.create_task(give("other", 4))
        await trace.turns(1)
        task.cancel()
    trace(task.cancelled())


async def the_block_raises(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        await trace.turns(1)
        raise ValueError("block")


async def the_block_and_a_task_raise(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(fail(KeyError("task"), 1))
        await trace.turns(1)
        raise ValueError("block")


async def the_block_raises_a_base_exception(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        raise Unusual("block")


async def the_block_raises_cancelled_error(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        raise asyncio.CancelledError("by hand")


async def the_block_raises_a_subclass_of_cancelled_error(aio, trace):
    class Own(asyncio.CancelledError):
        pass

    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        raise Own("own")


async def the_block_raises_generator_exit(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        await trace.turns(1)
        raise GeneratorExit


async def cancelled_in_the_block(aio, trace):
    trace.loop.call_soon(asyncio.current_task().cancel, "outside")
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        await for_ever()


async def cancelled_at_the_end(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        await trace.turns(1)
        trace.loop.call_soon(asyncio.current_task().cancel, "outside")


async def cancelled_twice_at_the_end(aio, trace):
    async def slow():
        try:
            await for_ever()
        finally:
            await trace.turns(4)

    task = asyncio.current_task()
    async with aio.TaskGroup() as group:
        group.create_task(slow())
        await trace.turns(1)
        trace.loop.call_soon(task.cancel, "first")
        trace.loop.call_soon(trace.loop.call_soon, trace.loop.call_soon, task.cancel, "second")


async def cancelled_while_one_fails(aio, trace):
    task = asyncio.current_task()
    async with aio.TaskGroup() as group:
        group.create_task(fail(ValueError("one"), 2))
        group.create_task(for_ever(trace, "other"))
        trace.loop.call_soon(trace.loop.call_soon, task.cancel, "outside")


async def cancelled_after_one_has_failed(aio, trace):
    async def slow():
        try:
            await for_ever()
        finally:
            await trace.turns(6)

    task = asyncio.current_task()

    async def cancels():
        await trace.turns(4)
        task.cancel("outside")

    other = asyncio.ensure_future(cancels())
    try:
        async with aio.TaskGroup() as group:
            group.create_task(slow())
            group.create_task(fail(ValueError("one"), 2))
    except BaseException as error:
        trace(error)
        trace(task.cancelling())
    try:
        await trace.turns(2)
    except asyncio.CancelledError as error:
        trace(error)
    await asyncio.wait([other])


async def cancelled_before_it_is_entered(aio, trace):
    asyncio.current_task().cancel("before")
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))


async def nested(aio, trace):
    async with aio.TaskGroup() as outer:
        outer.create_task(for_ever(trace, "outer"))
        async with aio.TaskGroup() as inner:
            inner.create_task(for_ever(trace, "inner"))
            inner.create_task(fail(ValueError("inner"), 2))


async def nested_and_the_outer_fails(aio, trace):
    async with aio.TaskGroup() as outer:
        outer.create_task(fail(ValueError("outer"), 2))
        async with aio.TaskGroup() as inner:
            inner.create_task(for_ever(trace, "inner"))


async def nested_and_both_fail(aio, trace):
    async with aio.TaskGroup() as outer:
        outer.create_task(fail(ValueError("outer"), 2))
        async with aio.TaskGroup() as inner:
            inner.create_task(fail(KeyError("inner"), 2))


async def in_a_member(aio, trace):
    async def member():
        async with aio.TaskGroup() as inner:
            inner.create_task(give("inner"))
            await for_ever(trace, "member")

    async with aio.TaskGroup() as group:
        group.create_task(member())
        group.create_task(fail(ValueError("one"), 3))


async def inside_a_timeout(aio, trace):
    async with aio.timeout(0), aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))


async def inside_a_timeout_with_an_error(aio, trace):
    async def stubborn():
        try:
            await for_ever()
        finally:
            raise ValueError("in finally")

    async with aio.timeout(0), aio.TaskGroup() as group:
        group.create_task(stubborn())


async def with_a_timeout_inside(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        async with aio.timeout(0):
            await for_ever()


SCENARIOS = [
    waits_for_all,
    of_nothing,
    of_what_is_done_already,
    one_fails,
    one_fails_while_the_block_waits,
    two_fail,
    one_fails_while_it_is_cancelled,
    one_fails_with_a_base_exception,
    one_is_cancelled,
    the_block_raises,
    the_block_and_a_task_raise,
    the_block_raises_a_base_exception,
    the_block_raises_cancelled_error,
    the_block_raises_a_subclass_of_cancelled_error,
    the_block_raises_generator_exit,
    cancelled_in_the_block,
    cancelled_at_the_end,
    cancelled_twice_at_the_end,
    cancelled_while_one_fails,
    cancelled_after_one_has_failed,
    cancelled_before_it_is_entered,
    nested,
    nested_and_the_outer_fails,
    nested_and_both_fail,
    in_a_member,
    inside_a_timeout,
    inside_a_timeout_with_an_error,
    with_a_timeout_inside,
]


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


# What 3.15 added


async def cancels_itself(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(for_ever(trace, "one"))
        await trace.turns(1)
        group.cancel()
        group.cancel()
        trace(repr(group))
        await for_ever()
    trace("out")
    group.cancel()


async def is_cancelled_by_a_member(aio, trace):
    async def member():
        await trace.turns(1)
        group.cancel()
        await for_ever(trace, "member")

    async with aio.TaskGroup() as group:
        group.create_task(member())
    trace(asyncio.current_task().cancelling())


async def is_cancelled_before_it_is_entered(aio, trace):
    group = aio.TaskGroup()
    group.cancel()
    async with group:
        trace("inside")
        await for_ever()
    trace("out")


async def is_cancelled_beside_an_error(aio, trace):
    async with aio.TaskGroup() as group:
        group.create_task(fail(ValueError("one"), 2))
        await trace.turns(1)
        group.cancel()
        await trace.turns(1)
    trace("out")


async def is_cancelled_and_so_is_the_parent(aio, trace):
    async def slow():
        try:
            await for_ever()
        finally:
            await trace.turns(4)

    task = asyncio.current_task()
    async with aio.TaskGroup() as group:
        group.create_task(slow())
        await trace.turns(1)
        group.cancel()
        trace.loop.call_soon(trace.loop.call_soon, trace.loop.call_soon, task.cancel, "outside")
        await for_ever()


CANCEL_SCENARIOS = [
    cancels_itself,
    is_cancelled_by_a_member,
    is_cancelled_before_it_is_entered,
    is_cancelled_beside_an_error,
    is_cancelled_and_so_is_the_parent,
]


@since(3, 15)
@pytest.mark.parametrize("scenario", CANCEL_SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_cancel_happens_as_in_asyncio(loop, native, run_task, scenario):
    expected = await traced(loop, asyncio, scenario, run_task)
    assert await traced(loop, native, scenario, run_task) == expected


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("where", ["the block", "a member"])
def test_what_leaves_the_loop_leaves_the_group_first(loop, aio, error, where):
    raised = []

    async def main():
        try:
            async with aio.TaskGroup() as group:
                other = group.create_task(for_ever())
                if where == "a member":
                    group.create_task(fail(error("out")))
                    await for_ever()
                await asyncio.sleep(0)
                raise error("out")
        except BaseException as caught:
            raised.append((type(caught), other.cancelled()))
            raise

    task = loop.create_task(main())
    while not task.done():
        with contextlib.suppress(error):
            loop.run_until_complete(asyncio.wait([task]))
    assert raised == [(error, True)]
    assert type(task.exception()) is error

"""wait_for: stdlib's and the native one, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import inspect
import math
import sys
import weakref
from fractions import Fraction

import pytest
from harness.outcome import shown
from harness.traces import traced
from harness.versions import since


async def give(value, turns=1):
    for _ in range(turns):
        await asyncio.sleep(0)
    return value


async def for_ever(trace=None):
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError as error:
        if trace is not None:
            trace(error)
        raise


class Awaitable:
    def __await__(self):
        yield
        return "awaited"


# Scenarios. No time, or time enough: none of them waits for the clock.


async def a_coroutine(aio, trace):
    trace(await aio.wait_for(give("value", 3), 3600))


async def a_coroutine_at_once(aio, trace):
    trace(await aio.wait_for(give("value", 0), 3600))


async def without_a_limit(aio, trace):
    trace(await aio.wait_for(give("value", 3), None))


async def a_future(aio, trace):
    future = trace.loop.create_future()
    trace.loop.call_soon(future.set_result, "value")
    trace(await aio.wait_for(future, 3600))


async def a_done_future(aio, trace):
    future = trace.loop.create_future()
    future.set_result("value")
    trace(await aio.wait_for(future, 3600))
    trace(await aio.wait_for(future, 0))
    trace(await aio.wait_for(future, None))


async def a_task(aio, trace):
    trace(await aio.wait_for(asyncio.ensure_future(give("value", 3)), 3600))


async def another_awaitable(aio, trace):
    for limit in (None, 3600):
        trace(await aio.wait_for(Awaitable(), limit))


async def another_awaitable_without_time(aio, trace):
    await aio.wait_for(Awaitable(), 0)


async def an_exception(aio, trace):
    async def fail():
        await trace.turns(2)
        raise ValueError("inside")

    await aio.wait_for(fail(), 3600)


async def an_exception_of_a_future(aio, trace):
    future = trace.loop.create_future()
    trace.loop.call_soon(future.set_exception, ValueError("inside"))
    await aio.wait_for(future, 3600)


async def what_cannot_be_awaited(aio, trace):
    for limit in (None, 3600, 0):
        try:
            await aio.wait_for(5, limit)
        except TypeError as error:
            trace(error)


async def no_time(aio, trace):
    begun = False

    async def work():
        nonlocal begun
        begun = True

    try:
        await aio.wait_for(work(), 0)
    finally:
        trace(begun)


async def less_than_no_time(aio, trace):
    await aio.wait_for(for_ever(trace), -1)


async def no_time_for_a_future(aio, trace):
    future = trace.loop.create_future()
    try:
        await aio.wait_for(future, 0)
    finally:
        trace(future.cancelled())


async def no_time_for_a_running_task(aio, trace):
    task = asyncio.ensure_future(for_ever(trace))
    await trace.turns(1)
    try:
        await aio.wait_for(task, 0)
    finally:
        trace((task.done(), task.cancelled()))


async def no_time_and_a_result_all_the_same(aio, trace):
    async def stubborn():
        try:
            await for_ever()
        except asyncio.CancelledError:
            await trace.turns(2)
            return "result"

    task = asyncio.ensure_future(stubborn())
    await trace.turns(1)
    trace(await aio.wait_for(task, 0))


async def no_time_and_another_exception(aio, trace):
    async def fail():
        try:
            await for_ever()
        finally:
            raise ValueError("inside")

    task = asyncio.ensure_future(fail())
    await trace.turns(1)
    await aio.wait_for(task, 0)


async def cancelled_while_it_cancels(aio, trace):
    async def slow():
        try:
            await for_ever()
        finally:
            await trace.turns(5)
            trace("ended")

    task = asyncio.ensure_future(slow())
    await trace.turns(1)
    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    try:
        await aio.wait_for(task, 0)
    except asyncio.CancelledError as error:
        trace(error)
    trace(task.done())
    await asyncio.wait([task])


async def cancelled(aio, trace):
    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    await aio.wait_for(for_ever(trace), 3600)


async def cancelled_without_a_limit(aio, trace):
    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    await aio.wait_for(for_ever(trace), None)


async def cancelled_with_a_future(aio, trace):
    future = trace.loop.create_future()
    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    try:
        await aio.wait_for(future, 3600)
    finally:
        trace((future.cancelled(), future._callbacks))


async def cancelled_when_the_future_is_done(aio, trace):
    future = trace.loop.create_future()
    trace.loop.call_soon(future.set_result, "value")
    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    trace(await aio.wait_for(future, 3600))


async def cancelled_when_the_future_has_failed(aio, trace):
    future = trace.loop.create_future()
    trace.loop.call_soon(future.set_exception, ValueError("inside"))
    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    await aio.wait_for(future, 3600)


async def cancelled_when_the_task_refuses(aio, trace):
    async def stubborn():
        try:
            await for_ever()
        except asyncio.CancelledError:
            await trace.turns(3)
            return "result"

    trace.loop.call_soon(asyncio.current_task().cancel, "why")
    trace(await aio.wait_for(stubborn(), 3600))


async def cancelled_twice(aio, trace):
    async def slow():
        try:
            await for_ever()
        except asyncio.CancelledError:
            try:
                await trace.turns(5)
            except asyncio.CancelledError as error:
                trace(error)
                raise

    task = asyncio.current_task()
    trace.loop.call_soon(task.cancel, "first")
    trace.loop.call_soon(trace.loop.call_soon, trace.loop.call_soon, task.cancel, "second")
    await aio.wait_for(slow(), 3600)


async def the_future_is_cancelled(aio, trace):
    future = trace.loop.create_future()
    trace.loop.call_soon(future.cancel, "by somebody")
    await aio.wait_for(future, 3600)


async def shielded(aio, trace):
    task = asyncio.ensure_future(give("value", 4))
    try:
        await aio.wait_for(asyncio.shield(task), 0)
    except TimeoutError as error:
        trace(error)
    trace(await task)


async def nested(aio, trace):
    async def inner():
        return await aio.wait_for(give("value", 2), 3600)

    trace(await aio.wait_for(inner(), 3600))


async def inside_a_timeout(aio, trace):
    async with aio.timeout(0):
        await aio.wait_for(for_ever(trace), 3600)


async def while_an_exception_is_handled(aio, trace):
    try:
        raise KeyError("handled")
    except KeyError:
        await aio.wait_for(for_ever(), 0)


async def closed(aio, trace):
    async def work():
        try:
            await for_ever()
        except GeneratorExit:
            trace("closed")
            raise

    waiting = aio.wait_for(work(), None)
    waiting.send(None)
    waiting.close()


async def thrown_into(aio, trace):
    future = trace.loop.create_future()
    waiting = aio.wait_for(future, None)
    waiting.send(None)
    future._asyncio_future_blocking = False
    waiting.throw(KeyError("thrown"))


async def a_sleep_of_asyncio(aio, trace):
    trace(await aio.wait_for(aio.sleep(0, "slept"), 3600))
    await aio.wait_for(aio.sleep(3600), 0)


SCENARIOS = [
    a_coroutine,
    a_coroutine_at_once,
    without_a_limit,
    a_future,
    a_done_future,
    a_task,
    another_awaitable,
    another_awaitable_without_time,
    an_exception,
    an_exception_of_a_future,
    what_cannot_be_awaited,
    no_time,
    less_than_no_time,
    no_time_for_a_future,
    no_time_for_a_running_task,
    no_time_and_a_result_all_the_same,
    no_time_and_another_exception,
    cancelled_while_it_cancels,
    cancelled,
    cancelled_without_a_limit,
    cancelled_with_a_future,
    cancelled_when_the_future_is_done,
    cancelled_when_the_future_has_failed,
    cancelled_when_the_task_refuses,
    cancelled_twice,
    the_future_is_cancelled,
    shielded,
    nested,
    inside_a_timeout,
    while_an_exception_is_handled,
    closed,
    thrown_into,
    a_sleep_of_asyncio,
]


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_happens_as_in_asyncio(loop, native, run_task, scenario, debug):
    loop.set_debug(debug)
    loop.slow_callback_duration = 60
    expected = await traced(loop, asyncio, scenario, run_task)
    assert await traced(loop, native, scenario, run_task) == expected


async def test_ends_when_the_time_is_up(loop, aio):
    begin = loop.time()
    with pytest.raises(TimeoutError):
        await aio.wait_for(for_ever(), 0.02)
    assert loop.time() - begin >= 0.02 - 1e-6


async def test_the_timeout_has_the_cancellation_as_its_cause(loop, aio):
    with pytest.raises(TimeoutError) as caught:
        await aio.wait_for(for_ever(), 0.001)
    assert type(caught.value.__cause__) is asyncio.CancelledError
    assert caught.value.__context__ is caught.value.__cause__


async def test_a_future_that_times_out_is_cancelled(loop, aio):
    future = loop.create_future()
    with pytest.raises(TimeoutError):
        await aio.wait_for(future, 0.001)
    assert future.cancelled()


async def test_a_task_that_times_out_may_still_give_a_result(loop, aio):
    async def stubborn():
        try:
            await for_ever()
        except asyncio.CancelledError:
            return "result"

    assert await aio.wait_for(stubborn(), 0.001) == "result"


@pytest.mark.parametrize("limit", [1, 2**70, 3600.0, math.inf, Fraction(7200, 2)], ids=shown)
async def test_what_a_limit_can_be(loop, aio, limit):
    async def waited(namespace):
        try:
            return await namespace.wait_for(give("value"), limit)
        except (OverflowError, TypeError) as error:
            return f"{type(error)} {error}"

    assert await waited(aio) == await waited(asyncio)


@pytest.mark.parametrize("limit", ["1", (), object()], ids=shown)
async def test_what_a_limit_cannot_be(loop, aio, limit):
    async def refused(namespace):
        future = loop.create_future()
        with pytest.raises(TypeError) as caught:
            await namespace.wait_for(future, limit)
        return str(caught.value)

    assert await refused(aio) == await refused(asyncio)


async def test_leaves_no_callback(loop, aio):
    class Value:
        pass

    async def waits():
        future = loop.create_future()
        loop.call_soon(future.set_result, Value())
        value = await aio.wait_for(future, 3600)
        assert not future._callbacks
        return weakref.ref(future), weakref.ref(value)

    alive = await loop.create_task(waits())
    await asyncio.sleep(0)
    gc.collect()
    assert [reference() for reference in alive] == [None, None]


async def refused():
    raise LookupError


@pytest.mark.parametrize("work", [give, lambda value: refused()], ids=["returns", "raises"])
async def test_cancels_its_timer(loop, aio, monkeypatch, work):
    timers = []
    call_at = loop.call_at

    def noting(*arguments, **options):
        timers.append(call_at(*arguments, **options))
        return timers[-1]

    monkeypatch.setattr(loop, "call_at", noting, raising=False)
    await asyncio.gather(aio.wait_for(work("value"), 3600), return_exceptions=True)
    assert [timer.cancelled() for timer in timers] == [True]
    del timers[:]


@since(3, 12)
async def test_a_timer_that_nobody_sees_keeps_nothing(loop, aio):
    # A timer that is still to come would hold the timeout, and that the task.
    task = loop.create_task(aio.wait_for(give("value"), 3600))
    await task
    gone = weakref.ref(task)
    del task
    # The wakeup that runs now has it too.
    await asyncio.sleep(0)
    gc.collect()
    assert gone() is None


@since(3, 12)
async def test_an_error_on_the_way_out_of_exceptions_in_a_circle(loop, names, aio):
    class Task(names.Task):
        def uncancel(self):
            super().uncancel()
            raise ZeroDivisionError

    first, second = ValueError("first"), ValueError("second")

    async def work():
        with contextlib.suppress(asyncio.CancelledError):
            await for_ever()
        first.__context__, second.__context__ = second, first
        raise first

    with pytest.raises(ZeroDivisionError) as caught:
        await Task(aio.wait_for(work(), 0.001), loop=loop)
    assert caught.value.__context__ is first
    first.__context__ = None


def test_is_a_coroutine_function(aio):
    # Up to Python 3.11 inspect knows those in Python only.
    module = inspect if sys.version_info >= (3, 12) else asyncio
    assert module.iscoroutinefunction(aio.wait_for)


def test_looks_like_a_coroutine(aio):
    assert str(inspect.signature(aio.wait_for)) == "(fut, timeout)"
    waiting = aio.wait_for(None, None)
    assert asyncio.iscoroutine(waiting)
    assert waiting.__qualname__ == "wait_for"
    waiting.close()


async def test_what_is_not_awaited_warns(loop, aio):
    future = loop.create_future()
    with pytest.warns(RuntimeWarning, match=r"^coroutine 'wait_for' was never awaited$"):
        aio.wait_for(future, 1)
        gc.collect()


def test_outside_of_a_task(loop, aio):
    said = []

    def drive():
        waiting = aio.wait_for(loop.create_future(), 1)
        try:
            waiting.send(None)
        except RuntimeError as error:
            said.append(str(error))
        finally:
            waiting.close()
            loop.stop()

    loop.call_soon(drive)
    loop.run_forever()
    expected = "Timeout should be used inside a task"
    assert said == ([expected] if _has_timeouts() else [])


def _has_timeouts():
    """Since Python 3.12 wait_for is written with a timeout, which wants a task."""
    return "timeouts" in asyncio.wait_for.__code__.co_names


def test_needs_a_running_loop(aio):
    waiting = aio.wait_for(None, 1)
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        waiting.send(None)

"""sleep: the stock coroutine and the native one, held to the same rules."""

from __future__ import annotations

import asyncio
import math

import pytest
from harness.outcome import Outcome, outcome, shown
from harness.versions import since


@pytest.fixture(params=["stdlib", "native"])
def sleep(request, names):
    return asyncio.sleep if request.param == "stdlib" else names.sleep


async def test_lasts_at_least_as_long_as_asked(loop, sleep):
    for delay in (0.001, 0.01, 0.03):
        before = loop.time()
        await sleep(delay)
        assert loop.time() - before >= delay - 1e-6


@pytest.mark.parametrize("delay", [0, 0.0, -0.0, False, -1, -1e9, -math.inf])
async def test_zero_and_less_give_way_once(loop, sleep, delay):
    trail = []

    async def other():
        trail.append("other")

    task = loop.create_task(other())
    assert await sleep(delay) is None
    assert trail == ["other"]
    await task


@pytest.mark.parametrize("delay", [0, -1, 0.001])
async def test_passes_a_result(loop, sleep, delay):
    result = object()
    assert await sleep(delay, result) is result
    assert await sleep(delay, result=result) is result


@pytest.mark.parametrize("delay", ["1", None, [], (), object()], ids=shown)
async def test_what_is_no_number_fails_as_in_asyncio(loop, sleep, delay):
    async def of(function):
        try:
            await function(delay)
        except TypeError as error:
            return Outcome(True, type(error), str(error))

    assert await of(sleep) == await of(asyncio.sleep)


@since(3, 13)
async def test_not_a_number_is_refused(loop, sleep):
    with pytest.raises(ValueError, match=r"^Invalid delay: NaN \(not a number\)$"):
        await sleep(math.nan)


def test_needs_a_delay(sleep):
    with pytest.raises(TypeError):
        sleep()


def test_takes_no_other_arguments(sleep):
    with pytest.raises(TypeError):
        sleep(0, None, None)
    with pytest.raises(TypeError):
        sleep(0, wrong=1)


def test_without_a_loop_is_an_error_when_awaited(sleep):
    def begin():
        sleeping = sleep(1)
        try:
            return sleeping.send(None) if hasattr(sleeping, "send") else next(iter(sleeping))
        finally:
            if hasattr(sleeping, "close"):
                sleeping.close()

    assert outcome(begin) == Outcome(True, RuntimeError, "no running event loop")


async def test_sleeps_overlap(loop, sleep):
    before = loop.time()
    await asyncio.gather(*(loop.create_task(_awaits(sleep, 0.05)) for _ in range(100)))
    assert loop.time() - before < 100 * 0.05 / 2


async def _awaits(sleep, delay):
    await sleep(delay)


async def test_wake_in_order_of_time(loop, sleep):
    woken = []

    async def sleeper(delay):
        await sleep(delay)
        woken.append(delay)

    delays = [0.03, 0.01, 0.02, 0, 0.015]
    await asyncio.gather(*(sleeper(delay) for delay in delays))
    assert woken == sorted(delays)


async def test_can_be_cancelled(loop, sleep):
    task = loop.create_task(_awaits(sleep, 3600))
    await asyncio.sleep(0)
    task.cancel("why")
    with pytest.raises(asyncio.CancelledError, match="^why$"):
        await task


async def test_cancelled_in_sleep_zero(loop, sleep):
    task = loop.create_task(_awaits(sleep, 0))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancelled_one_leaves_no_timer(loop, sleep):
    import gc
    import weakref

    class Result:
        pass

    result = Result()
    alive = weakref.ref(result)

    async def work(holder):
        await sleep(3600, holder.pop())

    task = loop.create_task(work([result]))
    del result
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    del task
    # Until the next turn the error, and with it the frames of its traceback, may be kept.
    await asyncio.sleep(0)
    gc.collect()
    assert alive() is None


async def test_can_be_timed_out(loop, sleep):
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(_awaits(sleep, 3600), 0.001)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001):
            await sleep(3600)


async def test_can_be_waited_for_directly(loop, sleep):
    assert await asyncio.wait_for(sleep(0, "waited"), 10) == "waited"
    assert await asyncio.gather(sleep(0, 1), sleep(0.001, 2), sleep(-1, 3)) == [1, 2, 3]


async def test_can_be_a_task(loop, sleep):
    async def main():
        return await sleep(0.001, "slept")

    assert await loop.create_task(main()) == "slept"


def test_can_be_run_until_complete(loop, sleep):
    assert loop.run_until_complete(sleep(0.001, "slept")) == "slept"
    assert loop.run_until_complete(sleep(0, "at once")) == "at once"


async def test_awaited_twice_is_an_error(loop, sleep):
    sleeping = sleep(0)
    await sleeping
    with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
        await sleeping


async def test_in_a_stock_task(loop, sleep):
    task = asyncio.Task(_awaits(sleep, 0.001), loop=loop)
    await task
    second = asyncio.tasks._PyTask(_awaits(sleep, 0), loop=loop)
    await second


async def test_in_a_generator_based_coroutine(loop, sleep):
    import types

    @types.coroutine
    def old_style():
        return (yield from sleep(0, "slept").__await__())

    assert await old_style() == "slept"


async def test_many_sleep_zero_in_a_row(loop, sleep):
    count = 0
    for _ in range(2000):
        await sleep(0)
        count += 1
    assert count == 2000


async def test_many_tasks_in_sleep_zero_take_strict_turns(loop, sleep):
    trail = []

    async def work(name):
        for step in range(20):
            trail.append((step, name))
            await sleep(0)

    await asyncio.gather(*(work(name) for name in range(10)))
    assert trail == [(step, name) for step in range(20) for name in range(10)]


async def test_the_timer_says_what_it_does(loop, sleep, log):
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    await sleep(0.001)
    loop.set_debug(False)
    (said,) = [text for text in log.messages() if "TimerHandle" in text]
    assert " _set_result_unless_cancelled(<Future finis" in said
    assert ">, None) at " in said


@pytest.mark.parametrize("name", ["call_later", "call_at", "time"])
async def test_asks_a_loop_whose_methods_are_replaced(loop, sleep, name, monkeypatch):
    calls = []
    method = getattr(loop, name)

    def replacement(*args, **keywords):
        calls.append(name)
        return method(*args, **keywords)

    monkeypatch.setattr(loop, name, replacement)
    await sleep(0.001)
    assert calls

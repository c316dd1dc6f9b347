"""A Python awaitable inside a Rust future: coroutines, tasks, futures, and how they end."""

from __future__ import annotations

import asyncio
import threading

import pytest

pytestmark = pytest.mark.bridge


async def give(value, after=0):
    for _ in range(after):
        await asyncio.sleep(0)
    return value


async def fail(error):
    await asyncio.sleep(0)
    raise error


class Custom:
    """Awaitable by its `__await__` alone."""

    def __await__(self):
        yield
        return "custom"


@pytest.mark.parametrize("turns", [0, 1, 5])
async def test_a_coroutine(loop, rust, turns):
    assert await rust.passes(give("value", turns)) == "value"


async def test_other_awaitables(loop, rust):
    assert await rust.passes(loop.create_task(give(1, 3))) == 1
    done = loop.create_future()
    done.set_result(2)
    assert await rust.passes(done) == 2
    pending = loop.create_future()
    loop.call_soon(pending.set_result, 3)
    assert await rust.passes(pending) == 3
    assert await rust.passes(Custom()) == "custom"
    assert await rust.passes(rust.passes(rust.give_way(4))) == 4


async def test_an_exception(loop, rust):
    error = LookupError("inside")
    with pytest.raises(LookupError) as raised:
        await rust.passes(fail(error))
    assert raised.value is error


@pytest.mark.parametrize("wrong", [42, None, "text"])
async def test_what_cannot_be_awaited(loop, rust, wrong):
    with pytest.raises(TypeError):
        await rust.passes(wrong)


async def test_a_cancelled_inside(loop, rust):
    inner = loop.create_future()
    outer = loop.create_task(rust.passes(inner))
    await asyncio.sleep(0)
    inner.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    assert outer.cancelled()


async def test_cancelling_the_outside_cancels_the_inside(loop, rust):
    inner = loop.create_task(asyncio.sleep(3600))
    outer = loop.create_task(rust.passes(inner))
    await asyncio.sleep(0)
    outer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await outer
    await asyncio.wait([inner])
    assert inner.cancelled()


async def test_what_loses_a_race_is_cancelled(loop, rust):
    loser = loop.create_task(asyncio.sleep(3600))
    assert await rust.race(give("won", 3), loser) == "won"
    await asyncio.wait([loser])
    assert loser.cancelled()


async def test_two_wait_at_the_same_time(loop, rust):
    met = asyncio.Event()

    async def set_it():
        await asyncio.sleep(0)
        met.set()
        await asyncio.sleep(3600)

    assert await rust.race(met.wait(), set_it()) is True


async def test_the_tasks_context_is_the_awaiter_s(loop, rust):
    import contextvars

    variable = contextvars.ContextVar("variable", default="outside")
    variable.set("inside")

    async def look():
        return variable.get()

    assert await rust.passes(look()) == "inside"


def test_dropped_on_another_thread(loop, rust):
    inner = loop.create_future()
    ended = []
    inner.add_done_callback(ended.append)
    awaitable = rust.passes(inner)

    async def begin():
        awaitable.send(None)

    loop.run_until_complete(begin())
    dropping = threading.Thread(target=awaitable.close)
    dropping.start()
    dropping.join()
    loop.run_until_complete(asyncio.sleep(0))
    loop.run_until_complete(asyncio.sleep(0))
    assert inner.cancelled()
    assert ended == [inner]


def test_dropped_after_the_loop_is_closed(loop, rust):
    inner = loop.create_future()
    awaitable = rust.passes(inner)

    async def begin():
        awaitable.send(None)

    loop.run_until_complete(begin())
    loop.close()
    awaitable.close()
    assert not inner.done()


def test_never_polled(rust):
    coroutine = give("value")
    awaitable = rust.passes(coroutine)
    awaitable.close()
    del awaitable
    coroutine.close()

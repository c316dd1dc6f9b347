"""shield: stdlib's and the native one, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import gc
import weakref

import pytest
from harness.outcome import outcome


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture(params=["the loop's", "C", "Python"])
def inner(request, loop):
    if request.param == "the loop's":
        return loop.create_future()
    if request.param == "C":
        return asyncio.futures._CFuture(loop=loop)
    return asyncio.futures._PyFuture(loop=loop)


async def test_follows_a_result(loop, aio, inner):
    outer = aio.shield(inner)
    assert outer is not inner
    inner.set_result("value")
    assert await outer == "value"


async def test_follows_an_exception(loop, aio, inner):
    outer = aio.shield(inner)
    error = ValueError()
    inner.set_exception(error)
    await turns(2)
    assert outer.exception() is error


async def test_follows_a_cancellation(loop, aio, inner):
    outer = aio.shield(inner)
    inner.cancel("why")
    await turns(2)
    assert outer.cancelled()
    with pytest.raises(asyncio.CancelledError) as caught:
        outer.result()
    assert caught.value.args == ()


async def test_ends_in_the_turn_after_the_inner(loop, aio, inner):
    outer = aio.shield(inner)
    inner.set_result(None)
    assert not outer.done()
    await turns(1)
    assert outer.done()


async def test_what_is_done_comes_back(loop, aio, inner):
    inner.set_result(1)
    assert aio.shield(inner) is inner


async def test_cancelling_the_outer_leaves_the_inner(loop, aio, inner):
    outer = aio.shield(inner)
    outer.cancel()
    await turns(1)
    assert not inner.cancelled()
    assert not inner._callbacks
    inner.set_result(1)
    assert inner.result() == 1


async def test_both_at_once(loop, aio, inner, reports):
    outer = aio.shield(inner)
    inner.set_result(1)
    outer.cancel()
    await turns(2)
    assert outer.cancelled()
    assert reports == []


async def test_an_exception_in_the_turn_of_the_cancellation(loop, aio):
    async def is_seen(shield):
        inner = loop.create_future()
        outer = shield(inner)
        inner.set_exception(ValueError("late"))
        outer.cancel()
        await turns(2)
        seen = not inner._log_traceback
        inner.exception()
        return seen

    # Releases of asyncio differ: some leave the exception to be reported.
    assert await is_seen(aio.shield) is await is_seen(asyncio.shield)


async def test_an_outer_settled_by_hand_is_let_go(loop, aio, inner, reports):
    outer = aio.shield(inner)
    outer.set_result("by hand")
    await turns(1)
    inner.set_result("followed")
    await turns(2)
    assert await outer == "by hand"
    assert reports == []


async def test_an_outer_settled_by_hand_after_the_inner(loop, aio, inner, reports):
    outer = aio.shield(inner)
    inner.set_result("followed")
    outer.set_result("by hand")
    await turns(2)
    assert [type(report["exception"]) for report in reports] == [asyncio.InvalidStateError]
    assert "shield.<locals>._inner_done_callback" in reports[0]["message"]


async def test_what_cannot_be_awaited(loop, aio):
    assert outcome(lambda: aio.shield(1)) == outcome(lambda: asyncio.shield(1))


async def test_the_outer_keeps_the_inner(loop, aio):
    async def work():
        await asyncio.sleep(0)
        return "kept"

    outer = aio.shield(work())
    await asyncio.sleep(0)
    gc.collect()
    assert await outer == "kept"


async def test_a_circle_through_it_is_collected(loop, aio):
    class Witness:
        pass

    witness = Witness()
    inner = loop.create_future()
    outer = witness.outer = aio.shield(inner)
    inner.witness = outer.witness = witness
    gone = weakref.ref(witness)
    del witness, inner, outer
    gc.collect()
    assert gone() is None

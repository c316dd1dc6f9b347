"""A Rust future as a Python coroutine: awaited, woken from anywhere, cancelled, dropped."""

from __future__ import annotations

import asyncio
import collections.abc
import contextvars
import gc
import inspect
import threading
import weakref

import pytest

pytestmark = pytest.mark.bridge


class Witness:
    """Something that a weak reference can tell of."""


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("value", [None, 42, (1, 2), (), StopIteration(3), asyncio.sleep])
async def test_a_value_comes_through(loop, rust, value):
    assert await rust.returns(value) is value


async def test_no_value_is_none(loop, rust):
    assert await rust.unit() is None


async def test_what_ends_at_once_suspends_nothing(loop, rust):
    order = []
    loop.call_soon(order.append, "callback")
    await rust.returns(None)
    order.append("awaited")
    await asyncio.sleep(0)
    assert order == ["awaited", "callback"]


async def test_an_exception_comes_through(loop, rust):
    error = LookupError("nothing")
    with pytest.raises(LookupError) as raised:
        await rust.raises(error)
    assert raised.value is error


async def test_stop_iteration_becomes_a_runtime_error(loop, rust):
    with pytest.raises(RuntimeError, match="coroutine raised StopIteration") as raised:
        await rust.raises(StopIteration(1))
    assert isinstance(raised.value.__cause__, StopIteration)


async def test_it_is_a_coroutine_to_asyncio(loop, rust):
    awaitable = rust.returns("value")
    assert asyncio.iscoroutine(awaitable)
    assert isinstance(awaitable, collections.abc.Coroutine)
    assert inspect.isawaitable(awaitable)
    task = loop.create_task(awaitable)
    assert "coro=<returns()>" in repr(task)
    assert await task == "value"
    assert await asyncio.gather(rust.returns(1), rust.give_way(2)) == [1, 2]


def test_names_and_state(rust):
    awaitable = rust.Gate().wait()
    assert (awaitable.__name__, awaitable.__qualname__) == ("wait", "Gate.wait")
    assert repr(awaitable).startswith("<coroutine object Gate.wait at 0x")
    assert not awaitable.cr_running
    assert not awaitable.cr_suspended
    assert (awaitable.cr_await, awaitable.cr_frame, awaitable.cr_code) == (None, None, None)
    awaitable.close()


async def test_a_wake_during_the_poll_gives_way_for_a_turn(loop, rust):
    order = []

    async def count():
        for number in range(4):
            order.append(number)
            await asyncio.sleep(0)

    counting = loop.create_task(count())
    assert await rust.give_way(3) == 3
    order.append("done")
    await counting
    assert order == [0, 1, 2, "done", 3]


@pytest.mark.parametrize("how", ["open", "open_detached", "open_on_a_thread"])
async def test_a_wake_resumes_the_task(loop, rust, how):
    gate = rust.Gate()
    tasks = [loop.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert gate.polls == 3
    getattr(gate, how)()
    assert await asyncio.gather(*tasks) == ["open"] * 3
    assert gate.polls == 6
    assert gate.dropped == 3


async def test_a_wake_ends_a_wait_in_the_kernel(loop, rust):
    gate = rust.Gate()
    opener = threading.Timer(0.01, gate.open)
    opener.start()
    assert await gate.wait() == "open"
    opener.join()


async def test_a_needless_wake_polls_again(loop, rust):
    gate = rust.Gate()
    task = loop.create_task(gate.wait())
    await asyncio.sleep(0)
    polls = gate.polls
    gate.knock()
    gate.knock()
    while gate.polls == polls:
        await asyncio.sleep(0)
    await turns(5)
    assert gate.polls == 2
    gate.open()
    assert await task == "open"


async def test_many_futures_and_threads(loop, rust):
    gates = [rust.Gate() for _ in range(200)]
    tasks = [loop.create_task(gate.wait()) for gate in gates for _ in range(5)]

    def open_some(own):
        for gate in own:
            gate.open_detached()

    openers = [threading.Thread(target=open_some, args=(gates[n::4],)) for n in range(4)]
    for opener in openers:
        opener.start()
    assert await asyncio.gather(*tasks) == ["open"] * 1000
    for opener in openers:
        opener.join()
    assert {gate.dropped for gate in gates} == {5}


async def test_cancelling_the_task_drops_the_future(loop, rust):
    gate = rust.Gate()
    task = loop.create_task(gate.wait())
    await asyncio.sleep(0)
    task.cancel("enough")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert gate.dropped == 1
    # Its waker is still there and wakes nobody.
    gate.open()
    await turns(3)
    assert gate.polls == 1


async def test_a_timeout_drops_the_future(loop, rust):
    gate = rust.Gate()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(gate.wait(), 0.001)
    assert gate.dropped == 1


async def test_a_wake_and_a_cancellation_in_one_turn(loop, rust):
    gate = rust.Gate()
    task = loop.create_task(gate.wait())
    await asyncio.sleep(0)
    gate.open()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.dropped == 1


@pytest.mark.parametrize("stage", ["new", "waiting"])
async def test_close_drops_the_future(loop, rust, stage):
    gate = rust.Gate()
    awaitable = gate.wait()
    if stage == "waiting":
        assert asyncio.isfuture(awaitable.send(None))
        assert awaitable.cr_suspended
    awaitable.close()
    awaitable.close()
    assert gate.dropped == 1
    with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
        await awaitable


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((LookupError("one"),), "one"),
        ((LookupError,), ""),
        ((LookupError, "two"), "two"),
        ((LookupError, LookupError("three"), None), "three"),
    ],
)
def test_throw_raises_and_drops(rust, arguments, text):
    gate = rust.Gate()
    awaitable = gate.wait()
    with pytest.raises(LookupError) as raised:
        awaitable.throw(*arguments)
    assert str(raised.value) == text
    assert gate.dropped == 1


def test_throw_of_what_is_no_exception(rust):
    awaitable = rust.returns(None)
    with pytest.raises(TypeError):
        awaitable.throw(42)


def test_a_first_value_is_refused(rust):
    awaitable = rust.returns(None)
    with pytest.raises(TypeError, match="can't send non-None value to a just-started coroutine"):
        awaitable.send(1)
    awaitable.close()


def test_without_a_loop(rust):
    with pytest.raises(RuntimeError, match="no running event loop"):
        rust.returns(None).send(None)


async def test_executing_twice_is_refused(loop, rust):
    async def reenter():
        outer.send(None)

    outer = rust.passes(eager(reenter()))
    with pytest.raises(ValueError, match="coroutine already executing"):
        await outer


def eager(coroutine):
    """An awaitable whose `__await__` runs in the middle of the poll that asks for it."""

    class Eager(asyncio.Future):
        def add_done_callback(self, *arguments, **options):
            try:
                coroutine.send(None)
            except BaseException as error:
                self.set_exception(error)
            return super().add_done_callback(*arguments, **options)

    return Eager()


async def test_a_panic_is_a_system_error(loop, rust):
    with pytest.raises(SystemError, match="panics panicked: on purpose"):
        await rust.panics(asyncio.sleep(0))
    assert await rust.returns("and on") == "and on"


async def test_a_panic_in_drop_is_unraisable(loop, rust, unraisable):
    gate = rust.Gate()
    task = loop.create_task(rust.panics_when_dropped(gate))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert unraisable == ["SystemError: panics_when_dropped panicked: in drop"]
    assert gate.dropped == 1


def test_never_awaited(rust):
    gate = rust.Gate()
    with pytest.warns(RuntimeWarning, match="coroutine 'Gate.wait' was never awaited"):
        gate.wait()
    assert gate.dropped == 1


async def test_never_awaited_holds_nothing(loop, rust):
    witness = Witness()
    reference = weakref.ref(witness)
    awaitable = rust.returns(witness)
    awaitable.close()
    del awaitable, witness
    assert reference() is None


async def test_a_task_that_nobody_holds_goes_on(loop, rust):
    gate = rust.Gate()
    ended = []
    loop.create_task(gate.wait()).add_done_callback(lambda task: ended.append(task.result()))
    await asyncio.sleep(0)
    gc.collect()
    gate.open()
    while not ended:
        await asyncio.sleep(0)
    assert ended == ["open"]


def test_what_waits_when_the_loop_is_closed_is_freed(loop, rust, reports):
    gate = rust.Gate()
    task = loop.create_task(gate.wait())
    loop.run_until_complete(turns(2))
    reference = weakref.ref(task)
    loop.close()
    del task
    gc.collect()
    assert reference() is None
    assert [report["message"] for report in reports] == ["Task was destroyed but it is pending!"]
    # The report has the task.
    reports.clear()
    gc.collect()
    assert gate.dropped == 1
    assert gate.waiting == 1
    gate.open()


def test_loops_in_turns_on_one_thread(loop_factory, rust):
    first, second = loop_factory(), loop_factory()
    gates = rust.Gate(), rust.Gate()
    tasks = [one.create_task(gate.wait()) for one, gate in zip((first, second), gates, strict=True)]
    first.run_until_complete(turns(1))
    second.run_until_complete(turns(1))
    gates[1].open()
    gates[0].open()
    assert first.run_until_complete(tasks[0]) == "open"
    assert second.run_until_complete(tasks[1]) == "open"
    first.close()
    second.close()


def test_a_loop_on_another_thread(loop_factory, rust):
    here, there = rust.Gate(), rust.Gate()
    found = []

    async def on_the_thread():
        here.open()
        found.append(await there.wait())

    def run():
        other = loop_factory()
        other.run_until_complete(on_the_thread())
        other.close()

    async def main():
        await here.wait()
        there.open()

    loop = loop_factory()
    thread = threading.Thread(target=run)
    thread.start()
    loop.run_until_complete(main())
    thread.join()
    loop.close()
    assert found == ["open"]


def test_the_first_awaiter_s_context_is_not_kept(loop, rust):
    variable = contextvars.ContextVar("variable")
    reference = None

    async def first():
        nonlocal reference
        witness = Witness()
        reference = weakref.ref(witness)
        variable.set(witness)
        gate = rust.Gate()
        loop.call_soon(gate.open)
        await gate.wait()

    loop.run_until_complete(loop.create_task(first()))
    gc.collect()
    assert reference() is None


def test_a_loop_without_readers(loop, rust, monkeypatch):
    def refuse(*arguments):
        raise NotImplementedError

    monkeypatch.setattr(loop, "add_reader", refuse)

    async def main():
        await rust.returns(None)

    with pytest.raises(RuntimeError, match="need a loop with add_reader, which .* has not"):
        loop.run_until_complete(main())

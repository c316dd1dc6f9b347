"""What the primitives give to await: coroutines, whoever drives them."""

from __future__ import annotations

import asyncio
import gc
import inspect
import types
import weakref

import pytest


def begun(coroutine):
    """The coroutine, and the future that it waits for."""
    future = coroutine.send(None)
    assert asyncio.isfuture(future)
    return future


async def test_is_a_coroutine(loop, aio):
    for coroutine in (
        aio.Lock().acquire(),
        aio.Lock().__aenter__(),
        aio.Lock().__aexit__(None, None, None),
        aio.Event().wait(),
        aio.Condition().wait(),
        aio.Condition().wait_for(bool),
        aio.Semaphore().acquire(),
        aio.Barrier(2).wait(),
        aio.Barrier(2).reset(),
        aio.Barrier(2).abort(),
        aio.Barrier(2).__aenter__(),
        aio.Barrier(2).__aexit__(),
    ):
        assert asyncio.iscoroutine(coroutine)
        assert inspect.isawaitable(coroutine)
        assert coroutine.__qualname__.rpartition(".")[2] == coroutine.__name__
        assert repr(coroutine).startswith(f"<coroutine object {coroutine.__qualname__} at 0x")
        coroutine.close()


async def test_is_itself_the_iterator_and_ends_once(loop, aio):
    coroutine = aio.Lock().acquire()
    assert await coroutine is True
    with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
        await coroutine


def test_one_that_nobody_awaits_is_reported(aio):
    with pytest.warns(RuntimeWarning, match=r"^coroutine 'Event.wait' was never awaited$"):
        aio.Event().wait()
        gc.collect()


async def test_closing_leaves_the_queue(loop, aio):
    event, semaphore = aio.Event(), aio.Semaphore(0)
    for coroutine, waiters in (
        (event.wait(), event._waiters),
        (semaphore.acquire(), None),
    ):
        begun(coroutine)
        if waiters is not None:
            assert len(waiters) == 1
        coroutine.close()
    assert not event._waiters
    assert not semaphore._waiters


async def test_closing_a_wait_takes_the_lock_again(loop, aio):
    condition = aio.Condition()
    await condition.acquire()
    waiting = condition.wait()
    begun(waiting)
    assert not condition.locked()
    waiting.close()
    assert condition.locked()
    assert not condition._waiters


async def test_closing_a_wait_that_cannot_have_the_lock(loop, aio):
    condition = aio.Condition()
    await condition.acquire()
    waiting = condition.wait()
    begun(waiting)
    await condition.acquire()
    with pytest.raises(RuntimeError, match="^coroutine ignored GeneratorExit$"):
        waiting.close()
    condition.release()
    with pytest.raises(GeneratorExit):
        waiting.send(None)
    assert condition.locked()


async def test_what_has_closed_a_wait_is_not_kept(loop, aio):
    # Twice: the first time is also the first time of much else.
    for _ in range(2):
        condition = aio.Condition()
        await condition.acquire()
        waiting = condition.wait()
        begun(waiting)
        await condition.acquire()
        with pytest.raises(RuntimeError, match="^coroutine ignored GeneratorExit$"):
            waiting.close()
        condition.release()
        with pytest.raises(GeneratorExit) as caught:
            waiting.send(None)
        caught.value.witness = Witness()
        gone = weakref.ref(caught.value.witness)
        del caught, waiting
        gc.collect()
        assert gone() is None


async def test_an_exception_of_anybodys_comes_out(loop, aio):
    class Odd(Exception):
        pass

    lock, event, semaphore, condition = aio.Lock(), aio.Event(), aio.Semaphore(0), aio.Condition()
    await lock.acquire()
    await condition.acquire()
    for coroutine in (lock.acquire(), event.wait(), semaphore.acquire(), condition.wait()):
        begun(coroutine)
        odd = Odd()
        with pytest.raises(Odd) as caught:
            coroutine.throw(odd)
        assert caught.value is odd
    assert not (lock._waiters or event._waiters or semaphore._waiters or condition._waiters)
    assert condition.locked()


async def ends_of_a_wait(loop, condition):
    """What comes of a wait that is cancelled once, and again while it waits for the lock."""
    ends = []

    async def wait():
        async with condition:
            try:
                await condition.wait()
            except asyncio.CancelledError as error:
                ends.append((error.args, error.__context__ and error.__context__.args))
                raise

    task = loop.create_task(wait())
    await asyncio.sleep(0)
    await condition.acquire()
    for message in ("first", "second", "third"):
        task.cancel(message)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    condition.release()
    await asyncio.gather(task, return_exceptions=True)
    return ends


async def test_which_of_several_cancellations_is_raised(loop, native):
    found = await ends_of_a_wait(loop, native.Condition())
    assert len(found) == 1
    assert found == await ends_of_a_wait(loop, asyncio.Condition())


class Gives:
    """Awaits what it was given, whatever that is."""

    def __init__(self, iterator):
        self.iterator = iterator

    def __await__(self):
        return self.iterator


class Empty:
    """Cannot be awaited."""


class Raises:
    def __await__(self):
        raise KeyError("asked")


@types.coroutine
def generator():
    yield


async def nothing():
    pass


async def told(awaitable, wait):
    """What waiting for it raises."""
    try:
        await wait(awaitable)
    except Exception as error:
        return type(error), str(error)


async def by_await(awaitable):
    return await awaitable


@pytest.fixture
def by_condition(aio):
    """Has a Condition wait for what its subclass gives it."""

    async def wait(awaitable):
        class Odd(aio.Condition):
            def wait(self):
                return awaitable

        condition, answers = Odd(), iter([False, True])
        async with condition:
            await condition.wait_for(lambda: next(answers))

    return wait


@pytest.mark.parametrize(
    "make",
    [
        lambda: Gives(3),
        lambda: Gives([]),
        lambda: Gives(None),
        lambda: Gives(object()),
        lambda: Gives(iter([])),
        lambda: Gives(generator()),
        Raises,
        generator,
        int,
        lambda: [1],
        Empty,
    ],
)
async def test_waits_for_what_can_be_awaited_and_says_why_not(loop, by_condition, make):
    assert await told(make(), by_condition) == await told(make(), by_await)


async def test_an_iterator_that_is_a_coroutine_is_refused(loop, by_condition):
    given = nothing()
    said = await told(Gives(given), by_await)
    assert said[0] is TypeError
    assert await told(Gives(given), by_condition) == said
    given.close()


async def test_a_coroutine_that_is_awaited_already_is_refused(loop, aio, by_condition):
    async def wait():
        await loop.create_future()

    for waiting in (wait(), aio.Event().wait(), aio.Queue().get(), aio.sleep(1)):
        begun(waiting)
        expected = (RuntimeError, "coroutine is being awaited already")
        assert await told(waiting, by_await) == expected
        assert await told(waiting, by_condition) == expected
        waiting.close()


async def test_two_tasks_cannot_await_one_coroutine(loop, aio):
    event = aio.Event()
    waiting = event.wait()
    first = loop.create_task(by_await(waiting))
    await asyncio.sleep(0)
    assert await told(waiting, by_await) == (RuntimeError, "coroutine is being awaited already")
    event.set()
    assert await first is True


class Witness:
    """A weak reference to it tells when a cycle was collected."""


async def test_cycles_are_collected(loop, aio):
    for cls, arguments in (
        (aio.Lock, ()),
        (aio.Event, ()),
        (aio.Condition, ()),
        (aio.Semaphore, (0,)),
        (aio.BoundedSemaphore, (0,)),
        (aio.Barrier, (2,)),
    ):
        made = cls(*arguments)
        made.witness = Witness()
        made.witness.of = made
        gone = weakref.ref(made.witness)
        del made
        gc.collect()
        assert gone() is None, cls


async def test_a_cycle_through_a_waiter_is_collected(loop, aio):
    def abandon(make):
        made = make()
        coroutine = made.wait() if hasattr(made, "wait") else made.acquire()
        future = begun(coroutine)
        # The queue refers to the future, the witness to the coroutine, which refers to the queue.
        witness = Witness()
        witness.coroutine = coroutine
        future.add_done_callback(lambda _, witness=witness: None)
        return weakref.ref(witness)

    for make in (aio.Event, lambda: aio.Semaphore(0)):
        gone = abandon(make)
        gc.collect()
        assert gone() is None


async def test_a_cycle_through_a_predicate_is_collected(loop, aio):
    async def abandon():
        condition, witness = aio.Condition(), Witness()
        await condition.acquire()
        witness.ready = False
        witness.coroutine = condition.wait_for(lambda: witness.ready)
        begun(witness.coroutine)
        return weakref.ref(witness)

    gone = await abandon()
    gc.collect()
    assert gone() is None

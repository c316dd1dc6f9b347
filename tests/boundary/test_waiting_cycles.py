"""Reference cycles through timeouts, task groups and waits are found by the collector."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import weakref

import pytest
from asyncioxide import _asyncioxide as native

pytestmark = pytest.mark.only("asyncioxide")


class Witness:
    """Refers to anything, can be awaited for ever, and a weak reference can tell of its end."""

    def __await__(self):
        yield


class Failure(Exception):
    pass


def close_circle(witness, *links):
    witness.links = links
    return weakref.ref(witness)


def assert_collected(alive):
    gc.collect()
    assert alive() is None


def assert_collected_with_a_warning(alive):
    """The warning holds what it is about, and since 3.15 weak references to that live on."""
    with pytest.warns(RuntimeWarning, match="was never awaited") as caught:
        gc.collect()
    del caught
    assert_collected(alive)


class TestTimeouts:
    def test_its_attributes(self, loop):
        timeout = native.timeout_at(None)
        timeout.own = timeout
        alive = weakref.ref(timeout)
        del timeout
        assert_collected(alive)

    def test_its_deadline(self, loop):
        class When(Witness):
            pass

        when = When()
        alive = close_circle(when, native.timeout_at(when))
        del when
        assert_collected(alive)

    async def test_the_task_inside(self, loop):
        async def inside(witness):
            witness.timeout = native.timeout(3600)
            await witness.timeout.__aenter__()
            witness.task = asyncio.current_task()

        witness = Witness()
        await loop.create_task(inside(witness))
        witness.timeout._timeout_handler.cancel()
        alive = close_circle(witness, witness)
        witness.task.witness = witness
        del witness
        await asyncio.sleep(0)
        assert_collected(alive)

    @pytest.mark.parametrize("name", ["__aenter__", "__aexit__"])
    def test_what_was_never_awaited(self, loop, name):
        witness = Witness()
        timeout = native.timeout_at(None)
        timeout.witness = witness
        arguments = (Failure, Failure(), None) if name == "__aexit__" else ()
        alive = close_circle(witness, getattr(timeout, name)(*arguments))
        del witness, timeout
        assert_collected_with_a_warning(alive)

    def test_the_exception_on_its_way_out(self, loop):
        error = Failure()
        leaving = native.timeout_at(None).__aexit__(Failure, error, None)
        error.leaving = leaving
        alive = weakref.ref(error)
        del error, leaving
        assert_collected_with_a_warning(alive)


class TestTaskGroups:
    def test_its_attributes(self, loop):
        group = native.TaskGroup()
        group.own = group
        alive = weakref.ref(group)
        del group
        assert_collected(alive)

    async def test_one_that_is_never_left(self, loop):
        async def inside():
            group = native.TaskGroup()
            await group.__aenter__()
            await group.create_task(asyncio.sleep(0))
            group._tasks.add(group)
            return weakref.ref(group)

        alive = await loop.create_task(inside())
        await asyncio.sleep(0)
        assert_collected(alive)

    async def test_one_that_is_being_left(self, loop):
        async def waits(witness):
            await witness.future

        async def inside(witness):
            async with witness.group:
                witness.group.create_task(waits(witness))._log_destroy_pending = False

        witness = Witness()
        witness.group, witness.future = native.TaskGroup(), loop.create_future()
        task = loop.create_task(inside(witness))
        task._log_destroy_pending = False
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        alive = close_circle(witness, task)
        del witness, task
        assert_collected(alive)

    def test_the_exception_on_its_way_out(self, loop):
        error = Failure()
        leaving = native.TaskGroup().__aexit__(Failure, error, None)
        error.leaving = leaving
        alive = weakref.ref(error)
        del error, leaving
        assert_collected_with_a_warning(alive)


class TestWaitFor:
    @pytest.mark.parametrize("limit", [None, 3600, 0])
    def test_one_that_was_never_awaited(self, loop, limit):
        witness = Witness()
        alive = close_circle(witness, native.wait_for(witness, limit))
        del witness
        assert_collected_with_a_warning(alive)

    @pytest.mark.parametrize("limit", [None, 0])
    async def test_one_that_waits(self, loop, limit):
        async def stubborn(witness):
            while not witness.over:
                try:
                    await witness.future
                except asyncio.CancelledError:
                    witness.future = loop.create_future()

        async def waits(witness):
            await native.wait_for(witness.task, limit)

        witness = Witness()
        witness.over, witness.future = False, loop.create_future()
        witness.task = loop.create_task(stubborn(witness))
        await asyncio.sleep(0)
        task = loop.create_task(waits(witness))
        witness.task._log_destroy_pending = task._log_destroy_pending = False
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        alive = close_circle(witness, task)
        del witness, task
        assert_collected(alive)


class TestWait:
    def test_one_that_was_never_awaited(self, loop):
        witness = Witness()
        alive = close_circle(witness, native.wait([witness], timeout=witness, return_when=witness))
        del witness
        assert_collected_with_a_warning(alive)

    async def test_one_that_waits(self, loop):
        async def waits(witness):
            await native.wait([witness.future])

        witness = Witness()
        witness.future = loop.create_future()
        task = loop.create_task(waits(witness))
        task._log_destroy_pending = False
        await asyncio.sleep(0)
        alive = close_circle(witness, task)
        witness.future.add_done_callback(lambda _, witness=witness: None)
        del witness, task
        assert_collected(alive)


class TestAsCompleted:
    async def test_one_that_is_not_asked(self, loop):
        witness = Witness()
        witness.future = loop.create_future()
        arrivals = native.as_completed([witness.future], timeout=3600)
        witness.future.add_done_callback(lambda _, witness=witness: None)
        alive = close_circle(witness, arrivals)
        arrivals._handle_timeout()
        del witness, arrivals
        assert_collected(alive)

    async def test_one_that_is_waited_for(self, loop):
        async def waits(witness):
            for each in native.as_completed([witness.future]):
                await each

        witness = Witness()
        witness.future = loop.create_future()
        task = loop.create_task(waits(witness))
        task._log_destroy_pending = False
        await asyncio.sleep(0)
        alive = close_circle(witness, task)
        witness.future.add_done_callback(lambda _, witness=witness: None)
        del witness, task
        assert_collected(alive)


class TestFuturesOfThreads:
    async def test_one_that_is_wrapped(self, loop):
        witness = Witness()
        witness.future = concurrent.futures.Future()
        alive = close_circle(witness, native.wrap_future(witness.future))
        witness.future.add_done_callback(lambda _, witness=witness: None)
        del witness
        assert_collected(alive)

    async def test_a_coroutine_that_was_handed_over(self, loop):
        async def waits(witness):
            witness.task = asyncio.current_task()
            await loop.create_future()

        witness = Witness()
        witness.future = native.run_coroutine_threadsafe(waits(witness), loop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        witness.task._log_destroy_pending = False
        alive = close_circle(witness, witness.task)
        del witness
        assert_collected(alive)

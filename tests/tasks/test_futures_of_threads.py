"""wrap_future and run_coroutine_threadsafe: stdlib's and the native ones, by the same rules."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from typing import Any

import pytest
from harness.outcome import Outcome, outcome, shown


async def turns(count=3):
    for _ in range(count):
        await asyncio.sleep(0)


def in_thread(function: Any) -> None:
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


@pytest.fixture(params=["here", "in a thread"])
def settle(request):
    """Calls a function here, or from another thread."""
    return in_thread if request.param == "in a thread" else (lambda function: function())


class TestWrapFuture:
    async def test_a_result(self, loop, aio, settle):
        future = concurrent.futures.Future()
        wrapped = aio.wrap_future(future)
        assert asyncio.isfuture(wrapped) and wrapped.get_loop() is loop
        settle(lambda: future.set_result(1))
        assert await wrapped == 1

    async def test_one_that_is_done(self, loop, aio):
        future = concurrent.futures.Future()
        future.set_result(1)
        assert await aio.wrap_future(future, loop=loop) == 1

    @pytest.mark.parametrize(
        "cls",
        [
            ValueError,
            concurrent.futures.CancelledError,
            concurrent.futures.InvalidStateError,
            concurrent.futures.TimeoutError,
        ],
    )
    async def test_an_exception(self, loop, aio, settle, cls):
        async def fate(wrap):
            future = concurrent.futures.Future()
            wrapped = wrap(future)
            settle(lambda: future.set_exception(cls("theirs")))
            try:
                await wrapped
            except BaseException as raised:
                return Outcome(True, type(raised), str(raised))

        expected = await fate(asyncio.wrap_future)
        assert expected.raised
        assert await fate(aio.wrap_future) == expected

    async def test_cancelled_there(self, loop, aio, settle):
        future = concurrent.futures.Future()
        wrapped = aio.wrap_future(future)
        settle(future.cancel)
        with pytest.raises(asyncio.CancelledError):
            await wrapped

    async def test_cancelled_here(self, loop, aio):
        future = concurrent.futures.Future()
        wrapped = aio.wrap_future(future)
        wrapped.cancel()
        await turns()
        assert future.cancelled()

    async def test_cancelled_here_while_it_runs_there(self, loop, aio, settle):
        future = concurrent.futures.Future()
        future.set_running_or_notify_cancel()
        wrapped = aio.wrap_future(future)
        wrapped.cancel()
        await turns()
        assert not future.cancelled()
        settle(lambda: future.set_result("too late"))
        await turns()
        assert wrapped.cancelled()

    def test_the_loop_is_closed_meanwhile(self, loop_factory, aio):
        loop = loop_factory()
        future = concurrent.futures.Future()
        wrapped = aio.wrap_future(future, loop=loop)
        loop.close()
        in_thread(lambda: future.set_result(1))
        assert not wrapped.done()

    async def test_asyncios_futures_are_given_back(self, loop, aio, names):
        for future in (loop.create_future(), asyncio.Future(), names.Future()):
            assert aio.wrap_future(future) is future

    @pytest.mark.parametrize("value", [1, None, "text"], ids=shown)
    async def test_anything_else(self, loop, aio, value):
        expected = outcome(lambda: asyncio.wrap_future(value))
        assert expected.cls is AssertionError
        assert outcome(lambda: aio.wrap_future(value)) == expected

    async def test_an_executor_has_its_futures_wrapped(self, loop):
        assert await loop.run_in_executor(None, lambda: threading.current_thread().name) != (
            threading.current_thread().name
        )
        with pytest.raises(ZeroDivisionError):
            await loop.run_in_executor(None, lambda: 1 / 0)

    async def test_a_function_in_its_place_is_asked(self, loop, monkeypatch):
        monkeypatch.setattr(asyncio.futures, "wrap_future", lambda future, *, loop: (future, loop))
        future, given = loop.run_in_executor(None, lambda: 5)
        assert (future.result(), given) == (5, loop)


class TestRunCoroutineThreadsafe:
    """A thread hands a coroutine over while the loop runs in the test's own."""

    async def test_a_result(self, loop, aio):
        async def work():
            await turns()
            return asyncio.get_running_loop()

        def hand_over():
            return aio.run_coroutine_threadsafe(work(), loop).result()

        assert await loop.run_in_executor(None, hand_over) is loop

    async def test_an_exception(self, loop, aio):
        async def work():
            raise ValueError("failed")

        future = aio.run_coroutine_threadsafe(work(), loop)
        assert isinstance(future, concurrent.futures.Future)
        await turns()
        with pytest.raises(ValueError, match="^failed$"):
            future.result(timeout=0)

    async def test_cancelling_it_cancels_the_task(self, loop, aio):
        trail = []

        async def work():
            trail.append("begun")
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                trail.append("cancelled")
                raise

        future = aio.run_coroutine_threadsafe(work(), loop)
        await turns()
        in_thread(future.cancel)
        # What another thread sends comes with the loop's next look at its queue.
        for _ in range(20):
            await asyncio.sleep(0.001)
            if "cancelled" in trail:
                break
        assert trail == ["begun", "cancelled"]

    async def test_a_task_that_is_cancelled(self, loop, aio):
        async def work():
            asyncio.current_task().cancel()
            await turns()

        future = aio.run_coroutine_threadsafe(work(), loop)
        await turns(5)
        assert future.cancelled()

    async def test_a_loop_that_makes_no_task(self, loop, aio, reports):
        def factory(loop, coro, **keywords):
            coro.close()
            raise ValueError("no task")

        loop.set_task_factory(factory)
        future = aio.run_coroutine_threadsafe(turns(), loop)
        await turns()
        loop.set_task_factory(None)
        with pytest.raises(ValueError, match="^no task$"):
            future.result(timeout=0)
        (report,) = reports
        assert report["message"].startswith(
            "Exception in callback run_coroutine_threadsafe.<locals>.callback()"
        )
        assert isinstance(report["exception"], ValueError)

    @pytest.mark.parametrize("value", [1, None, print], ids=shown)
    async def test_of_what_is_no_coroutine(self, loop, aio, value):
        expected = outcome(lambda: asyncio.run_coroutine_threadsafe(value, loop))
        assert expected.cls is TypeError
        assert outcome(lambda: aio.run_coroutine_threadsafe(value, loop)) == expected

    def test_on_a_loop_that_is_closed(self, loop_factory, aio):
        loop = loop_factory()
        loop.close()
        coroutine = turns()
        with pytest.raises(RuntimeError, match="^Event loop is closed$"):
            aio.run_coroutine_threadsafe(coroutine, loop)
        coroutine.close()

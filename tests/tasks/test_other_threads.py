"""Futures across threads: run_coroutine_threadsafe and wrap_future."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading

import pytest


@pytest.fixture
def running(loop):
    """The loop, run by a thread of its own for the time of the test."""
    running = threading.Event()
    thread = threading.Thread(target=loop.run_forever)
    loop.call_soon(running.set)
    thread.start()
    running.wait()
    yield loop
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


class TestRunCoroutineThreadsafe:
    def test_gives_the_result(self, running):
        async def work():
            await asyncio.sleep(0)
            return threading.get_ident()

        future = asyncio.run_coroutine_threadsafe(work(), running)
        assert isinstance(future, concurrent.futures.Future)
        assert future.result(30) != threading.get_ident()

    def test_raises_the_exception(self, running):
        async def fail():
            raise KeyError("there")

        with pytest.raises(KeyError, match="there"):
            asyncio.run_coroutine_threadsafe(fail(), running).result(30)

    def test_cancelling_it_cancels_the_task(self, running):
        begun, ended = threading.Event(), threading.Event()

        async def work():
            begun.set()
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                ended.set()

        future = asyncio.run_coroutine_threadsafe(work(), running)
        begun.wait()
        assert future.cancel()
        assert ended.wait(30)

    def test_a_task_that_cancels_itself(self, running):
        async def work():
            asyncio.current_task().cancel()
            await asyncio.sleep(0)

        with pytest.raises(concurrent.futures.CancelledError):
            asyncio.run_coroutine_threadsafe(work(), running).result(30)

    def test_many(self, running):
        async def work(number):
            await asyncio.sleep(0)
            return number

        futures = [asyncio.run_coroutine_threadsafe(work(n), running) for n in range(200)]
        assert [future.result(30) for future in futures] == list(range(200))

    def test_wants_a_coroutine(self, running):
        with pytest.raises(TypeError, match="^A coroutine object is required$"):
            asyncio.run_coroutine_threadsafe(lambda: None, running)

    def test_an_error_of_the_task_factory_comes_out(self, running):
        def factory(loop, coro, **options):
            coro.close()
            raise NameError("factory")

        async def work():
            pass

        running.set_task_factory(factory)
        running.set_exception_handler(lambda loop, context: None)
        future = asyncio.run_coroutine_threadsafe(work(), running)
        with pytest.raises(NameError, match="^factory$"):
            future.result(30)
        running.set_task_factory(None)
        running.set_exception_handler(None)


class TestWrapFuture:
    async def test_gives_the_result(self, loop, names):
        source = concurrent.futures.Future()
        wrapped = asyncio.wrap_future(source)
        assert type(wrapped) is names.Future
        source.set_result("value")
        assert await wrapped == "value"

    async def test_raises_the_exception(self, loop):
        source = concurrent.futures.Future()
        wrapped = asyncio.wrap_future(source)
        error = ValueError("wrong")
        source.set_exception(error)
        with pytest.raises(ValueError) as caught:
            await wrapped
        assert caught.value is error
        error.__traceback__ = None

    async def test_cancelling_it_cancels_the_source(self, loop):
        source = concurrent.futures.Future()
        wrapped = asyncio.wrap_future(source)
        wrapped.cancel()
        await asyncio.sleep(0)
        assert source.cancelled()

    async def test_cancelling_the_source_cancels_it(self, loop):
        source = concurrent.futures.Future()
        wrapped = asyncio.wrap_future(source)
        source.cancel()
        with pytest.raises(asyncio.CancelledError):
            await wrapped

    async def test_set_from_another_thread(self, loop):
        source = concurrent.futures.Future()
        wrapped = asyncio.wrap_future(source)
        thread = threading.Thread(target=source.set_result, args=("from afar",))
        thread.start()
        assert await wrapped == "from afar"
        thread.join()

    async def test_our_own_future_comes_back(self, loop):
        future = loop.create_future()
        assert asyncio.wrap_future(future) is future

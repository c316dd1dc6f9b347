"""Who awaits whom, as the call graphs of Python 3.14 see it."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from harness.functions import functions
from harness.versions import since

pytestmark = since(3, 14)


@pytest.fixture
def aio(loop_kind):
    """The functions that know of the loop's own futures: C code passes over ours."""
    return functions("stdlib" if loop_kind == "asyncio" else "native")


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


@contextlib.asynccontextmanager
async def waiting(loop, coroutine):
    """A task that has begun to wait; it is cancelled at the end."""
    task = loop.create_task(coroutine)
    await turns(3)
    yield task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, TimeoutError):
        await task


async def for_ever():
    await asyncio.get_running_loop().create_future()


async def test_nobody(loop):
    assert loop.create_future()._asyncio_awaited_by is None


async def test_tasks_that_await_it_directly(loop):
    async def wait():
        await future

    future = loop.create_future()
    async with waiting(loop, wait()) as one, waiting(loop, wait()) as two:
        assert future._asyncio_awaited_by == {one, two}
    assert not future._asyncio_awaited_by


async def test_tasks_that_await_a_task(loop):
    async def wait():
        await inner

    inner = loop.create_task(for_ever())
    async with waiting(loop, wait()) as task:
        assert inner._asyncio_awaited_by == {task}


async def test_through_gather(loop, aio):
    async def wait():
        await aio.gather(*inner)

    inner = [loop.create_future(), loop.create_task(for_ever())]
    async with waiting(loop, wait()) as task:
        assert [one._asyncio_awaited_by for one in inner] == [{task}, {task}]
        assert asyncio.capture_call_graph(inner[0]).awaited_by[0].future is task


async def test_through_shield(loop, aio):
    async def wait():
        with contextlib.suppress(asyncio.CancelledError):
            await aio.shield(inner)
        await for_ever()

    inner = loop.create_task(for_ever())
    async with waiting(loop, wait()) as task:
        assert inner._asyncio_awaited_by == {task}
        task.cancel()
        await turns(3)
        assert not inner._asyncio_awaited_by
    inner.cancel()


async def test_no_longer_once_gather_has_failed(loop, aio):
    async def wait():
        with contextlib.suppress(ValueError):
            await aio.gather(failing, pending)
        await for_ever()

    failing, pending = loop.create_future(), loop.create_future()
    async with waiting(loop, wait()) as task:
        assert pending._asyncio_awaited_by == {task}
        failing.set_exception(ValueError())
        await turns(3)
        assert not pending._asyncio_awaited_by
    pending.cancel()


class TestRecording:
    """future_add_to_awaited_by and its counterpart."""

    async def test_add_and_discard(self, loop, aio):
        future, waiter = loop.create_future(), loop.create_future()
        aio.future_add_to_awaited_by(future, waiter)
        aio.future_add_to_awaited_by(future, waiter)
        assert future._asyncio_awaited_by == {waiter}
        aio.future_discard_from_awaited_by(future, waiter)
        assert not future._asyncio_awaited_by
        aio.future_discard_from_awaited_by(future, waiter)

    async def test_several(self, loop, aio):
        future, waiters = loop.create_future(), [loop.create_future() for _ in range(3)]
        for waiter in waiters:
            aio.future_add_to_awaited_by(future, waiter)
        assert future._asyncio_awaited_by == set(waiters)
        aio.future_discard_from_awaited_by(future, waiters[1])
        assert future._asyncio_awaited_by == {waiters[0], waiters[2]}

    async def test_what_is_no_future_is_let_pass(self, loop, aio):
        future = loop.create_future()
        aio.future_add_to_awaited_by(future, "nobody")
        aio.future_add_to_awaited_by(1, future)
        aio.future_discard_from_awaited_by(1, future)
        aio.future_discard_from_awaited_by(future, None)
        assert not future._asyncio_awaited_by

    async def test_takes_positional_arguments_only(self, loop, aio):
        with pytest.raises(TypeError):
            aio.future_add_to_awaited_by(fut=loop.create_future(), waiter=None)
        with pytest.raises(TypeError):
            aio.future_discard_from_awaited_by(1)


@pytest.mark.only("asyncioxide")
async def test_a_c_task_that_awaits_a_future_of_ours(loop):
    async def wait():
        await future

    future = loop.create_future()
    task = asyncio.tasks._CTask(wait(), loop=loop)
    await turns(2)
    assert future._asyncio_awaited_by == {task}
    future.set_result(None)
    await task


@pytest.mark.only("asyncio")
async def test_native_gather_of_c_futures(loop):
    async def wait():
        with contextlib.suppress(ValueError):
            await functions("native").gather(*inner)
        await for_ever()

    inner = [loop.create_future() for _ in range(3)]
    async with waiting(loop, wait()) as task:
        assert [one._asyncio_awaited_by for one in inner] == [{task}] * 3
        inner[0].set_result(None)
        inner[1].set_exception(ValueError())
        await turns(3)
        assert not any(one._asyncio_awaited_by for one in inner)
    inner[2].cancel()


@pytest.mark.only("asyncio")
async def test_tasks_of_ours_on_a_stock_loop(loop):
    import asyncioxide

    async def wait():
        await future

    future = asyncioxide.Future(loop=loop)
    task = asyncioxide.Task(wait(), loop=loop)
    await turns(2)
    assert future._asyncio_awaited_by == {task}
    future.set_result(None)
    await task

"""Why some tests of test_graph are left out: on another Task stock asyncio fails them too.

`gather`, `shield`, `wait`, `wait_for`, `as_completed` and `TaskGroup` tell
`asyncio.future_add_to_awaited_by` who waits for what. That is C code, which passes over
every future but the C one. So does the C Future that a task of another kind awaits.

Each test that is left out for this has a function here that waits in the same way for a
task. asyncio's C Task then says who waits for it, and asyncio's own pure-Python Task on the
same loop does not know: what is lost is lost before a loop or a Task could do anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import exclusions
import pytest
from conformance.rules import Rulebook
from harness.versions import since

Make = Callable[[Coroutine[Any, Any, None]], Any]
Way = Callable[[Make], Coroutine[Any, Any, Any]]

# By the name of the test that is left out. Each returns who waits when all do.
WAYS: dict[str, Way] = {}
TURNS = 5


def reproduces(*tests: str) -> Callable[[Way], Way]:
    def add(way: Way) -> Way:
        WAYS.update(dict.fromkeys(tests, way))
        return way

    return add


async def _awaiters(inner: Any, waits: Coroutine[Any, Any, Any]) -> Any:
    """Who is said to wait for `inner` while a C task runs `waits`."""
    outer = asyncio.tasks._CTask(waits, loop=asyncio.get_running_loop())
    try:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        return inner._asyncio_awaited_by
    finally:
        for task in (inner, outer):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _forever() -> None:
    await asyncio.get_running_loop().create_future()


async def _until_told(told: asyncio.Future[None]) -> None:
    try:
        await _forever()
    finally:
        await told


@reproduces("test_stack_gather")
async def gather(make: Make) -> Any:
    inner = make(_forever())

    async def waits() -> None:
        await asyncio.gather(inner)

    return await _awaiters(inner, waits())


@reproduces("test_stack_shield", "test_stack_timeout")
async def shield(make: Make) -> Any:
    inner = make(_forever())

    async def waits() -> None:
        await asyncio.shield(inner)

    return await _awaiters(inner, waits())


@reproduces("test_stack_wait")
async def wait(make: Make) -> Any:
    inner = make(_forever())

    async def waits() -> None:
        await asyncio.wait([inner])

    return await _awaiters(inner, waits())


@reproduces("test_stack_as_completed", "test_stack_as_completed_timeout")
async def as_completed(make: Make) -> Any:
    inner = make(_forever())

    async def waits() -> None:
        for each in asyncio.as_completed([inner], timeout=60):
            await each

    return await _awaiters(inner, waits())


@reproduces("test_stack_wait_for_non_positive_timeout")
async def wait_for(make: Make) -> Any:
    told = asyncio.get_running_loop().create_future()
    inner = make(_until_told(told))
    await asyncio.sleep(0)

    async def waits() -> None:
        await asyncio.wait_for(inner, 0)

    try:
        return await _awaiters(inner, waits())
    finally:
        told.cancel()


@reproduces("test_stack_tgroup")
async def task_group(make: Make) -> Any:
    made = []

    async def waits() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **_: make(coro))
        async with asyncio.TaskGroup() as group:
            made.append(group.create_task(_forever()))
            loop.set_task_factory(None)

    outer = asyncio.tasks._CTask(waits(), loop=asyncio.get_running_loop())
    await asyncio.sleep(0)
    try:
        return made[0]._asyncio_awaited_by
    finally:
        outer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await outer


@reproduces("test_stack_future")
async def c_future(make: Make) -> Any:
    """Here the future is the C one, and who waits is of the kind that is tried."""
    future = asyncio.futures._CFuture(loop=asyncio.get_running_loop())

    async def waits() -> None:
        await future

    task = make(waits())
    await asyncio.sleep(0)
    try:
        return future._asyncio_awaited_by
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _run(way: Way, task: Any, loop: asyncio.AbstractEventLoop) -> Any:
    return loop.run_until_complete(way(lambda coro: task(coro, loop=loop)))


@pytest.fixture
def stock_loop() -> Any:
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@since(3, 14)
@pytest.mark.parametrize("test", WAYS)
def test_stock_asyncio_loses_who_waits_for_its_own_python_task(test: str, stock_loop: Any) -> None:
    assert _run(WAYS[test], asyncio.tasks._CTask, stock_loop)
    assert not _run(WAYS[test], asyncio.tasks._PyTask, stock_loop)


@since(3, 14)
def test_a_python_task_that_is_awaited_knows_who_waits_if_it_is_ours() -> None:
    """Directly, with no C code between: that ours can tell, and those tests are run."""
    import asyncioxide

    async def main() -> None:
        inner = asyncio.create_task(_forever())
        outer = asyncio.create_task(_await(inner))
        for _ in range(TURNS):
            await asyncio.sleep(0)
        assert inner._asyncio_awaited_by == {outer}
        outer.cancel()
        await asyncio.wait([inner, outer])

    asyncioxide.run(main())


async def _await(task: Any) -> None:
    await task


@since(3, 14)
def test_what_is_left_out_is_what_stock_asyncio_loses() -> None:
    book = Rulebook(exclusions.LOOP, sys.version_info[:3])
    left_out = {
        rule.test.removeprefix("TestCallStackC.")
        for rule in book.rules
        if rule.module == "test_graph" and rule.kind == exclusions.C_ONLY
    }
    assert left_out == WAYS.keys()

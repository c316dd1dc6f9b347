"""KeyboardInterrupt and SystemExit in a task leave the loop; the task is finished by then."""

from __future__ import annotations

import asyncio
import gc

import pytest

EXITS = pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])


@EXITS
def test_in_the_first_step(loop, make_task, kind_of_exit):
    async def work():
        raise kind_of_exit("first")

    task = make_task(work())
    with pytest.raises(kind_of_exit, match="^first$"):
        loop.run_forever()
    assert task.done()
    assert not task.cancelled()
    assert isinstance(task.exception(), kind_of_exit)


@EXITS
def test_in_a_later_step(loop, make_task, kind_of_exit):
    async def work():
        await asyncio.sleep(0)
        raise kind_of_exit("later")

    task = make_task(work())
    with pytest.raises(kind_of_exit, match="^later$"):
        loop.run_until_complete(task)
    assert isinstance(task.exception(), kind_of_exit)


@EXITS
def test_other_tasks_go_on_in_the_next_run(loop, make_task, kind_of_exit):
    trail = []

    async def exits():
        raise kind_of_exit

    async def steps():
        for number in range(3):
            trail.append(number)
            await asyncio.sleep(0)

    other = make_task(steps())
    task = make_task(exits())
    with pytest.raises(kind_of_exit):
        loop.run_forever()
    assert trail == [0]
    loop.run_until_complete(other)
    assert trail == [0, 1, 2]
    task.exception()


@EXITS
def test_no_current_task_is_left(loop, make_task, kind_of_exit):
    async def exits():
        raise kind_of_exit

    task = make_task(exits())
    with pytest.raises(kind_of_exit):
        loop.run_forever()
    assert asyncio.current_task(loop) is None
    task.exception()

    async def work():
        return asyncio.current_task() is not None

    assert loop.run_until_complete(work()) is True


@EXITS
def test_the_waiter_of_the_task_gets_it_too(loop, make_task, kind_of_exit):
    async def exits():
        raise kind_of_exit("inner")

    async def waits():
        try:
            await inner
        except kind_of_exit as error:
            return f"got {error}"

    inner = make_task(exits())
    outer = make_task(waits())
    with pytest.raises(kind_of_exit, match="^inner$"):
        loop.run_forever()
    assert loop.run_until_complete(outer) == "got inner"


@EXITS
def test_is_not_reported_twice(loop, make_task, kind_of_exit, reports):
    async def exits():
        raise kind_of_exit

    with pytest.raises(kind_of_exit):
        loop.run_until_complete(exits())
    gc.collect()
    assert reports == []


def test_other_base_exceptions_stay_in_the_task(loop, make_task):
    class Odd(BaseException):
        pass

    async def work():
        raise Odd("odd")

    task = make_task(work())
    loop.run_until_complete(asyncio.wait([task]))
    assert isinstance(task.exception(), Odd)


def test_generator_exit_in_a_task_is_kept(loop, make_task):
    async def work():
        raise GeneratorExit("out")

    task = make_task(work())
    loop.run_until_complete(asyncio.wait([task]))
    assert isinstance(task.exception(), GeneratorExit)

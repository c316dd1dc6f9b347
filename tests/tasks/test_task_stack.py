"""get_stack and print_stack: where a task stands."""

from __future__ import annotations

import asyncio
import io

import pytest


def run_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


@pytest.fixture
def waiting(loop, make_task):
    """A task three coroutines deep, waiting for a future."""
    future = loop.create_future()

    async def bottom():
        await future

    async def middle():
        await bottom()

    async def top():
        await middle()

    task = make_task(top())
    run_turn(loop)
    yield task
    future.set_result(None)
    loop.run_until_complete(task)


def functions(task, **options):
    return [frame.f_code.co_name for frame in task.get_stack(**options)]


def test_of_a_waiting_task_is_its_own_frame(waiting):
    assert functions(waiting) == ["top"]


def test_of_a_new_task_is_where_it_begins(loop, make_task):
    async def work():
        pass

    task = make_task(work())
    (frame,) = task.get_stack()
    assert frame.f_code is work.__code__
    del frame
    loop.run_until_complete(task)


def test_of_a_running_task_ends_with_its_frame(loop, make_task):
    async def work():
        task = asyncio.current_task()
        return functions(task)[-1], functions(task, limit=1)

    assert loop.run_until_complete(make_task(work())) == ("work", ["work"])


def test_of_a_finished_task_is_empty(loop, make_task):
    async def work():
        pass

    task = make_task(work())
    loop.run_until_complete(task)
    assert task.get_stack() == []


def test_of_a_failed_task_is_its_traceback(loop, make_task):
    async def inner():
        raise ValueError("wrong")

    async def outer():
        await inner()

    task = make_task(outer())
    loop.run_until_complete(asyncio.wait([task]))
    assert functions(task) == ["outer", "inner"]
    assert functions(task, limit=1) == ["outer"]
    task.exception().__traceback__ = None


@pytest.mark.parametrize("limit", [0, 1, 5])
def test_limit_of_a_waiting_task(waiting, limit):
    assert len(functions(waiting, limit=limit)) == min(limit, 1)


def test_limit_is_keyword_only(waiting):
    with pytest.raises(TypeError):
        waiting.get_stack(1)


def test_print_stack_writes_to_the_file(waiting):
    file = io.StringIO()
    waiting.print_stack(file=file)
    lines = file.getvalue().splitlines()
    assert lines[0].startswith(f"Stack for <{type(waiting).__name__} pending name=")
    assert lines[0].endswith(" (most recent call last):")
    assert f'File "{__file__}"' in lines[1]
    assert lines[1].endswith("in top")
    assert lines[2].strip() == "await middle()"


def test_print_stack_writes_to_standard_error_by_default(waiting, capsys):
    waiting.print_stack()
    assert "in top" in capsys.readouterr().err


def test_print_stack_of_a_finished_task(loop, make_task):
    async def work():
        pass

    task = make_task(work())
    loop.run_until_complete(task)
    file = io.StringIO()
    task.print_stack(file=file)
    assert file.getvalue() == f"No stack for {task!r}\n"


def test_print_stack_of_a_failed_task(loop, make_task):
    async def fail():
        raise ValueError("wrong")

    task = make_task(fail())
    loop.run_until_complete(asyncio.wait([task]))
    file = io.StringIO()
    task.print_stack(file=file)
    text = file.getvalue()
    assert text.startswith(f"Traceback for {task!r} (most recent call last):\n")
    assert text.endswith("ValueError: wrong\n")
    task.exception().__traceback__ = None

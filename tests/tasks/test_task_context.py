"""Context variables of tasks."""

from __future__ import annotations

import asyncio
import contextvars

import pytest
from harness.versions import since

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def variable_reset():
    token = variable.set("test")
    yield
    variable.reset(token)


def test_a_task_runs_in_a_copy_made_at_its_creation(loop, make_task):
    async def work():
        seen = variable.get()
        variable.set("in the task")
        await asyncio.sleep(0)
        return seen, variable.get()

    variable.set("at creation")
    task = make_task(work())
    variable.set("later")
    assert loop.run_until_complete(task) == ("at creation", "in the task")
    assert variable.get() == "later"


def test_tasks_do_not_see_each_others_changes(loop, make_task):
    async def work(value):
        variable.set(value)
        for _ in range(5):
            await asyncio.sleep(0)
            assert variable.get() == value
        return variable.get()

    tasks = [make_task(work(str(number))) for number in range(10)]
    assert loop.run_until_complete(asyncio.gather(*tasks)) == [str(n) for n in range(10)]


def test_a_child_task_inherits(loop, make_task):
    async def child():
        return variable.get()

    async def parent():
        variable.set("parent's")
        task = make_task(child())
        variable.set("changed")
        return await task

    assert loop.run_until_complete(make_task(parent())) == "parent's"


def test_runs_in_the_context_given(loop, make_task):
    context = contextvars.copy_context()

    async def work():
        variable.set("in the task")
        await asyncio.sleep(0)
        variable.set(variable.get() + ", again")

    loop.run_until_complete(make_task(work(), context=context))
    assert context[variable] == "in the task, again"
    assert variable.get() == "test"


def test_two_tasks_may_share_a_context(loop, make_task):
    context = contextvars.copy_context()
    seen = []

    async def work(name):
        for _ in range(3):
            seen.append((name, variable.get()))
            variable.set(name)
            await asyncio.sleep(0)

    tasks = [make_task(work(name), context=context) for name in "ab"]
    loop.run_until_complete(asyncio.gather(*tasks))
    assert seen == [
        ("a", "test"),
        ("b", "a"),
        ("a", "b"),
        ("b", "a"),
        ("a", "b"),
        ("b", "a"),
    ]


def test_done_callbacks_run_in_the_context_of_the_adding(loop, make_task):
    seen = []

    async def work():
        variable.set("task's")

    task = make_task(work())
    variable.set("adding's")
    task.add_done_callback(lambda _: seen.append(variable.get()))
    loop.run_until_complete(task)
    loop.run_until_complete(asyncio.sleep(0))
    assert seen == ["adding's"]


def test_callbacks_scheduled_in_a_task_see_its_values(loop, make_task):
    seen = []

    async def work():
        variable.set("task's")
        loop.call_soon(lambda: seen.append(variable.get()))
        await asyncio.sleep(0)

    loop.run_until_complete(make_task(work()))
    assert seen == ["task's"]


def test_cleaning_up_after_cancel_sees_the_tasks_values(loop, make_task):
    seen = []

    async def work():
        variable.set("task's")
        try:
            await loop.create_future()
        finally:
            seen.append(variable.get())

    task = make_task(work())
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    assert seen == ["task's"]


def test_tokens_can_be_reset_across_awaits(loop, make_task):
    async def work():
        token = variable.set("inner")
        await asyncio.sleep(0)
        variable.reset(token)
        return variable.get()

    assert loop.run_until_complete(make_task(work())) == "test"


def test_a_change_stays_in_its_task_from_step_to_step(loop, make_task):
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def work(number):
        seen.append(variable.get())
        await asyncio.sleep(0)
        token = variable.set(number)
        for _ in range(3):
            await asyncio.sleep(0)
            assert variable.get() == number
        variable.reset(token)
        await asyncio.sleep(0)
        assert variable.get() == "unset"

    async def look():
        for _ in range(10):
            assert variable.get() == "unset"
            await asyncio.sleep(0)

    tasks = [make_task(work(number)) for number in range(3)] + [make_task(look())]
    loop.run_until_complete(asyncio.gather(*tasks))
    assert seen == ["unset"] * 3


def test_a_token_of_an_earlier_step_is_good_in_a_later_one(loop, make_task):
    variable = contextvars.ContextVar("variable")
    value = object()

    async def work():
        first = variable.set(value)
        # Sets what is set already, which leaves the variables as they are.
        again = variable.set(value)
        await asyncio.sleep(0)
        variable.reset(again)
        await asyncio.sleep(0)
        variable.reset(first)
        return variable.get("unset")

    async def main():
        variable.set(value)
        token = None

        async def inner():
            nonlocal token
            token = variable.set(value)
            await asyncio.sleep(0)
            variable.reset(token)
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="has already been used once"):
                variable.reset(token)

        await make_task(inner())
        return await make_task(work())

    assert loop.run_until_complete(make_task(main())) is value


@since(3, 12)
def test_get_context_within_a_step_gives_the_one_it_runs_in(loop, make_task):
    variable = contextvars.ContextVar("variable", default="unset")

    async def work():
        context = asyncio.current_task().get_context()
        variable.set("set")
        assert context[variable] == "set"
        with pytest.raises(RuntimeError, match="already entered"):
            context.run(int)
        await asyncio.sleep(0)
        assert asyncio.current_task().get_context() is context
        return context

    async def quiet():
        context = asyncio.current_task().get_context()
        await asyncio.sleep(0)
        assert asyncio.current_task().get_context() is context
        return context

    async def main():
        return await asyncio.gather(*map(make_task, (work(), quiet(), quiet())))

    contexts = loop.run_until_complete(make_task(main()))
    assert len({id(context) for context in contexts}) == 3


@since(3, 12)
def test_one_that_was_looked_at_stays_the_tasks_own(loop, make_task):
    async def work():
        identities = set()
        for _ in range(3):
            # Only looked at: nobody keeps it from being lent to another task.
            identities.add(id(asyncio.current_task().get_context()))
            await asyncio.sleep(0)
        return identities

    async def main():
        return await asyncio.gather(*(make_task(work()) for _ in range(3)))

    identities = loop.run_until_complete(make_task(main()))
    assert [len(each) for each in identities] == [1, 1, 1]
    assert len(set.union(*identities)) == 3


@since(3, 12)
def test_get_context_gives_it(loop, make_task):
    context = contextvars.copy_context()

    async def work():
        pass

    task = make_task(work(), context=context)
    other = make_task(work())
    assert task.get_context() is context
    assert isinstance(other.get_context(), contextvars.Context)
    assert other.get_context() is not context
    loop.run_until_complete(asyncio.gather(task, other))


def test_a_sync_section_of_the_running_context_is_not_entered_twice(loop, make_task):
    async def work():
        context = contextvars.copy_context()
        return context.run(variable.get)

    variable.set("seen")
    assert loop.run_until_complete(make_task(work())) == "seen"


@since(3, 15)
@pytest.mark.parametrize("eager", [False, True])
def test_what_is_no_context_is_refused(loop, names, log, eager):
    async def work():
        pass

    coroutine = work()

    async def main():
        with pytest.raises(TypeError, match="^a contextvars.Context was expected, got str$"):
            names.Task(coroutine, loop=loop, context="none", eager_start=eager)
        if not eager:
            with pytest.raises(TypeError, match="^a contextvars.Context was expected, got int$"):
                loop.create_task(coroutine, context=1)

    loop.run_until_complete(main())
    coroutine.close()
    assert log.messages() == []


@since(3, 15)
def test_an_eager_task_that_cannot_begin_is_not_reported(loop, names, log):
    async def work():
        pass

    coroutine = work()
    context = contextvars.copy_context()

    async def main():
        with pytest.raises(RuntimeError, match="cannot enter context"):
            names.Task(coroutine, loop=loop, context=context, eager_start=True)

    loop.run_until_complete(loop.create_task(main(), context=context))
    coroutine.close()
    assert log.messages() == []

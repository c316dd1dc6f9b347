"""What a task runs, and how it ends."""

from __future__ import annotations

import asyncio
import types

import pytest
from harness.outcome import outcome, shown


def run_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


class TestEnds:
    def test_with_the_value_returned(self, loop, make_task):
        async def work():
            await asyncio.sleep(0)
            return "value"

        task = make_task(work())
        assert loop.run_until_complete(task) == "value"
        assert (task.done(), task.cancelled()) == (True, False)
        assert task.exception() is None

    def test_without_ever_waiting(self, loop, make_task):
        async def work():
            return 1

        assert loop.run_until_complete(make_task(work())) == 1

    def test_with_the_exception_raised(self, loop, make_task):
        error = ValueError("wrong")

        async def work():
            await asyncio.sleep(0)
            raise error

        task = make_task(work())
        with pytest.raises(ValueError) as caught:
            loop.run_until_complete(task)
        assert caught.value is error
        assert task.exception() is error
        assert not task.cancelled()
        error.__traceback__ = None

    def test_the_traceback_shows_the_coroutine(self, loop, make_task):
        async def inner():
            raise ValueError

        async def outer():
            await inner()

        task = make_task(outer())
        with pytest.raises(ValueError):
            loop.run_until_complete(task)
        names, traceback = [], task.exception().__traceback__
        while traceback:
            names.append(traceback.tb_frame.f_code.co_name)
            traceback = traceback.tb_next
        assert names[-2:] == ["outer", "inner"]
        task.exception().__traceback__ = None

    def test_by_an_explicit_cancelled_error(self, loop, make_task):
        async def work():
            raise asyncio.CancelledError("by itself")

        task = make_task(work())
        with pytest.raises(asyncio.CancelledError, match="^by itself$"):
            loop.run_until_complete(task)
        assert task.cancelled()

    def test_raising_stop_iteration_is_a_runtime_error(self, loop, make_task):
        async def work():
            raise StopIteration("value")

        task = make_task(work())
        with pytest.raises(RuntimeError, match="^coroutine raised StopIteration$"):
            loop.run_until_complete(task)

    @pytest.mark.parametrize("value", [StopIteration(1), (1, 2), (), None, ValueError()], ids=repr)
    def test_odd_values_come_through(self, loop, make_task, value):
        async def work():
            return value

        assert loop.run_until_complete(make_task(work())) is value


class TestStates:
    def test_before_it_begins(self, loop, make_task):
        trail = []

        async def work():
            trail.append("begun")

        task = make_task(work())
        assert trail == []
        assert not task.done()
        for read in (task.result, task.exception):
            with pytest.raises(asyncio.InvalidStateError):
                read()
        loop.run_until_complete(task)
        assert trail == ["begun"]

    def test_cannot_be_set_from_outside(self, loop, make_task):
        async def work():
            return 1

        task = make_task(work())
        text = "^Task does not support set_result operation$"
        with pytest.raises(RuntimeError, match=text):
            task.set_result(1)
        text = "^Task does not support set_exception operation$"
        with pytest.raises(RuntimeError, match=text):
            task.set_exception(ValueError())
        assert loop.run_until_complete(task) == 1

    def test_gives_its_coroutine(self, loop, make_task):
        async def work():
            pass

        coro = work()
        task = make_task(coro)
        assert task.get_coro() is coro
        assert task._coro is coro
        loop.run_until_complete(task)
        assert task.get_coro() is coro

    def test_knows_its_loop(self, loop, make_task):
        async def work():
            pass

        task = make_task(work())
        assert task.get_loop() is loop
        loop.run_until_complete(task)

    def test_shows_what_it_waits_for(self, loop, make_task):
        future = loop.create_future()

        async def work():
            await future

        task = make_task(work())
        assert task._fut_waiter is None
        run_turn(loop)
        assert task._fut_waiter is future
        future.set_result(1)
        loop.run_until_complete(task)
        assert task._fut_waiter is None


class TestWhatCanRun:
    def test_a_native_coroutine(self, loop, make_task):
        async def work():
            return 1

        assert loop.run_until_complete(make_task(work())) == 1

    def test_any_collections_abc_coroutine(self, loop, make_task):
        from collections.abc import Coroutine

        class Handmade(Coroutine):
            def __init__(self):
                self.steps = iter([None, None])

            def send(self, value):
                for step in self.steps:
                    return step
                raise StopIteration("handmade")

            def throw(self, *error):
                raise error[0]

            def close(self):
                pass

            def __await__(self):
                yield

        assert loop.run_until_complete(make_task(Handmade())) == "handmade"

    @pytest.mark.parametrize("wrong", [None, 1, "text", lambda: None, [], object], ids=shown)
    def test_nothing_else(self, loop, names, wrong):
        expected = outcome(lambda: asyncio.Task(wrong, loop=loop))
        assert expected.raised
        assert expected.text.startswith("a coroutine was expected, got ")
        assert outcome(lambda: names.Task(wrong, loop=loop)) == expected
        assert outcome(lambda: loop.create_task(wrong)) == expected

    def test_an_asynchronous_generator_is_refused(self, loop, names):
        async def generate():
            yield 1

        with pytest.raises(TypeError, match="^a coroutine was expected, got <async_generator"):
            names.Task(generate(), loop=loop)

    def test_a_generator_is_taken_or_refused_as_in_asyncio(self, loop, names):
        @types.coroutine
        def old_style():
            yield
            return "old"

        first, second = old_style(), old_style()
        expected = outcome(lambda: asyncio.Task(first, loop=loop).cancel())
        found = outcome(lambda: names.Task(second, loop=loop).cancel())
        assert found == expected
        run_turn(loop)

    def test_a_coroutine_that_ran_already_is_an_error(self, loop, make_task):
        async def work():
            pass

        coro = work()
        loop.run_until_complete(make_task(coro))
        task = make_task(coro)
        with pytest.raises(RuntimeError, match="^cannot reuse already awaited coroutine$"):
            loop.run_until_complete(task)

    def test_two_tasks_over_one_coroutine_fail_apart(self, loop, make_task):
        async def work():
            await asyncio.sleep(0)
            return "first"

        coro = work()
        first, second = make_task(coro), make_task(coro)
        results = loop.run_until_complete(asyncio.gather(first, second, return_exceptions=True))
        assert sum(isinstance(result, RuntimeError) for result in results) >= 1

    def test_needs_a_loop(self, loop, names):
        async def work():
            return asyncio.current_task().get_loop()

        async def main():
            return await names.Task(work())

        assert loop.run_until_complete(main()) is loop

    def test_refuses_unknown_keywords(self, loop, names):
        async def work():
            pass

        coro = work()
        with pytest.raises(TypeError):
            names.Task(coro, loop=loop, wrong=1)
        with pytest.raises(TypeError):
            loop.create_task(coro, wrong=1)
        coro.close()


class TestBadYields:
    """What a step may yield besides futures: None; all else is thrown back."""

    @staticmethod
    def yields(value):
        @types.coroutine
        def generator():
            return (yield value)

        async def work():
            return await generator()

        return work()

    def test_none_is_a_turn(self, loop, make_task):
        assert loop.run_until_complete(make_task(self.yields(None))) is None

    @pytest.mark.parametrize("value", [1, "text", (), object, 0, False], ids=repr)
    def test_anything_else_is_thrown_back(self, loop, make_task, value):
        with pytest.raises(RuntimeError) as caught:
            loop.run_until_complete(make_task(self.yields(value)))
        assert str(caught.value) == f"Task got bad yield: {value!r}"

    def test_the_coroutine_may_catch_it(self, loop, make_task):
        async def work():
            try:
                await self.yields(5)
            except RuntimeError as error:
                return str(error)

        assert loop.run_until_complete(make_task(work())) == "Task got bad yield: 5"

    def test_a_future_yielded_without_yield_from(self, loop, make_task):
        future = loop.create_future()
        task = make_task(self.yields(future))
        task.set_name("T")
        with pytest.raises(RuntimeError) as caught:
            loop.run_until_complete(task)
        text = str(caught.value)
        assert text.startswith("yield was used instead of yield from in task <")
        assert text.endswith(f"> with {future!r}")
        assert not future._callbacks

    def test_a_generator_is_named_in_the_text(self, loop, make_task):
        def generator():
            yield

        made = generator()
        with pytest.raises(RuntimeError) as caught:
            loop.run_until_complete(make_task(self.yields(made)))
        text = str(caught.value)
        assert text.startswith("yield was used instead of yield from for generator in task <") or (
            text.startswith("Task got bad yield: <generator object")
        )

    def test_a_future_of_another_loop(self, loop, loop_factory, make_task):
        other = loop_factory()
        future = other.create_future()

        async def work():
            await future

        task = make_task(work())
        with pytest.raises(RuntimeError) as caught:
            loop.run_until_complete(task)
        text = str(caught.value)
        assert text.startswith("Task <")
        assert f"> got Future {future!r} attached to a different loop" in text
        other.close()

    def test_itself(self, loop, make_task):
        async def work():
            await asyncio.current_task()

        task = make_task(work())
        with pytest.raises(RuntimeError, match="^Task cannot await on itself: <"):
            loop.run_until_complete(task)

    def test_itself_may_be_caught(self, loop, make_task):
        async def work():
            try:
                await asyncio.current_task()
            except RuntimeError:
                await asyncio.sleep(0)
                return "went on"

        assert loop.run_until_complete(make_task(work())) == "went on"


class TestDepth:
    def test_a_deep_chain_of_awaits(self, loop, make_task):
        async def down(depth):
            if depth == 0:
                await asyncio.sleep(0)
                return 0
            return 1 + await down(depth - 1)

        assert loop.run_until_complete(make_task(down(300))) == 300

    def test_too_deep_a_chain_is_a_recursion_error(self, loop, make_task):
        async def down():
            await down()

        with pytest.raises(RecursionError):
            loop.run_until_complete(make_task(down()))

    def test_a_long_chain_of_tasks(self, loop):
        async def link(previous):
            return 1 + (await previous if previous else 0)

        task = None
        for _ in range(5000):
            task = loop.create_task(link(task))
        assert loop.run_until_complete(task) == 5000

    def test_very_many_tasks_at_once(self, loop):
        async def work(number):
            await asyncio.sleep(0)
            return number

        async def main():
            return await asyncio.gather(*(work(number) for number in range(10_000)))

        assert loop.run_until_complete(main()) == list(range(10_000))

    def test_a_task_that_makes_the_next_for_ever_uses_no_stack(self, loop):
        async def work(left):
            if left:
                loop.create_task(work(left - 1))
            else:
                loop.stop()

        first = loop.create_task(work(20_000))
        loop.run_forever()
        assert first.done()

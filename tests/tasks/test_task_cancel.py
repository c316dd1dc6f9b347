"""Cancelling a task, at every stage of its life."""

from __future__ import annotations

import asyncio
import gc

import pytest


def run_turn(loop):
    loop.call_soon(loop.stop)
    loop.run_forever()


class TestStages:
    def test_before_it_began_never_enters(self, loop, make_task):
        trail = []

        async def work():
            trail.append("entered")

        task = make_task(work())
        assert task.cancel() is True
        assert not task.cancelled()
        assert task._must_cancel
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        assert trail == []
        assert task.cancelled()

    def test_while_it_waits_for_a_future_cancels_the_future(self, loop, make_task):
        future = loop.create_future()

        async def work():
            await future

        task = make_task(work())
        run_turn(loop)
        assert task.cancel("why") is True
        assert future.cancelled()
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            loop.run_until_complete(task)

    def test_while_it_waits_for_a_task_cancels_that_task(self, loop, make_task):
        trail = []

        async def inner():
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                trail.append("inner")
                raise

        async def outer():
            try:
                await inner_task
            except asyncio.CancelledError:
                trail.append("outer")
                raise

        inner_task = make_task(inner())
        task = make_task(outer())
        run_turn(loop)
        assert task.cancel() is True
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        assert trail == ["inner", "outer"]
        assert inner_task.cancelled()

    def test_between_wakeup_and_step(self, loop, make_task):
        future = loop.create_future()

        async def work():
            await future
            return "not reached"

        task = make_task(work())
        run_turn(loop)
        future.set_result(1)
        assert task.cancel() is True
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    def test_while_it_sleeps_zero(self, loop, make_task):
        async def work():
            await asyncio.sleep(0)
            return "not reached"

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    def test_from_inside_takes_effect_at_the_next_await(self, loop, make_task):
        trail = []

        async def work():
            asyncio.current_task().cancel()
            trail.append("went on")
            await asyncio.sleep(0)
            trail.append("not reached")

        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(make_task(work()))
        assert trail == ["went on"]

    def test_from_inside_with_no_await_left(self, loop, make_task):
        async def work():
            asyncio.current_task().cancel()
            return "done"

        task = make_task(work())
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        assert task.cancelled()

    def test_from_inside_at_an_await_of_something_done(self, loop, make_task):
        future = loop.create_future()
        future.set_result("there")

        async def work():
            asyncio.current_task().cancel()
            first = await future
            await asyncio.sleep(0)
            return first

        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(make_task(work()))

    def test_after_the_end_is_refused(self, loop, make_task):
        async def work():
            return 1

        task = make_task(work())
        loop.run_until_complete(task)
        assert task.cancel() is False
        assert task.result() == 1

    def test_straight_line_code_is_not_interrupted(self, loop, make_task):
        trail = []

        async def work():
            for number in range(3):
                trail.append(number)
                if number == 0:
                    asyncio.current_task().cancel()
            await asyncio.sleep(0)

        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(make_task(work()))
        assert trail == [0, 1, 2]


class TestRefusing:
    def test_a_task_may_swallow_it(self, loop, make_task):
        async def work():
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                return "refused"

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        assert loop.run_until_complete(task) == "refused"
        assert not task.cancelled()

    def test_and_wait_for_something_else(self, loop, make_task):
        second = loop.create_future()

        async def work():
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                return await second

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        run_turn(loop)
        run_turn(loop)
        assert not task.done()
        second.set_result("second")
        assert loop.run_until_complete(task) == "second"

    def test_and_raise_something_else(self, loop, make_task):
        async def work():
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                raise KeyError("instead") from None

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        with pytest.raises(KeyError, match="instead"):
            loop.run_until_complete(task)

    def test_cleaning_up_may_wait(self, loop, make_task):
        trail = []

        async def work():
            try:
                await loop.create_future()
            finally:
                for number in range(3):
                    await asyncio.sleep(0)
                    trail.append(number)

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)
        assert trail == [0, 1, 2]
        assert task.cancelled()

    def test_many_times(self, loop, make_task):
        async def work():
            count = 0
            while count < 5:
                try:
                    await loop.create_future()
                except asyncio.CancelledError:
                    count += 1
            return count

        task = make_task(work())
        for _ in range(5):
            run_turn(loop)
            run_turn(loop)
            assert task.cancel() is True
        assert loop.run_until_complete(task) == 5


class TestMessages:
    @pytest.mark.parametrize("message", ["why", None, 5, ("a", "b")], ids=repr)
    def test_reach_the_coroutine_and_the_waiter(self, loop, make_task, message):
        seen = []

        async def work():
            try:
                await loop.create_future()
            except asyncio.CancelledError as error:
                seen.append(error.args)
                raise

        task = make_task(work())
        run_turn(loop)
        task.cancel(message)
        with pytest.raises(asyncio.CancelledError) as caught:
            loop.run_until_complete(task)
        args = () if message is None else (message,)
        assert seen == [args]
        assert caught.value.args == args

    def test_an_earlier_one_is_not_used_again(self, loop, make_task, make_future):
        seen = []

        async def work():
            asyncio.current_task().cancel("first")
            for awaited in (asyncio.sleep(0), make_future()):
                try:
                    await awaited
                except asyncio.CancelledError as error:
                    seen.append(error.args)

        async def main():
            task = make_task(work())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            await task

        loop.run_until_complete(make_task(main()))
        assert seen == [("first",), ()]

    def test_the_last_of_two_counts(self, loop, make_task):
        async def work():
            await asyncio.sleep(0)

        task = make_task(work())
        task.cancel("first")
        task.cancel("second")
        with pytest.raises(asyncio.CancelledError, match="^second$"):
            loop.run_until_complete(task)

    def test_an_error_raised_again_keeps_its_own(self, loop, make_task):
        async def work():
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                raise asyncio.CancelledError("my own") from None

        task = make_task(work())
        run_turn(loop)
        task.cancel("theirs")
        with pytest.raises(asyncio.CancelledError, match="^my own$"):
            loop.run_until_complete(task)

    def test_the_waiters_error_has_the_coroutines_traceback(self, loop, make_task):
        async def work():
            await loop.create_future()

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            loop.run_until_complete(task)
        error = caught.value
        names = []
        while error is not None:
            traceback = error.__traceback__
            while traceback:
                names.append(traceback.tb_frame.f_code.co_name)
                traceback = traceback.tb_next
            error = error.__context__
        assert "work" in names


class TestCounting:
    def test_begins_at_zero(self, loop, make_task):
        async def work():
            return asyncio.current_task().cancelling()

        task = make_task(work())
        assert task.cancelling() == 0
        assert loop.run_until_complete(task) == 0

    def test_every_cancel_counts_and_uncancel_takes_back(self, loop, make_task):
        async def work():
            await loop.create_future()

        task = make_task(work())
        run_turn(loop)
        assert task.cancel() is True
        assert task.cancelling() == 1
        task.cancel()
        assert task.cancelling() == 2
        assert task.uncancel() == 1
        assert task.uncancel() == 0
        assert task.uncancel() == 0
        assert task.cancelling() == 0
        with pytest.raises(asyncio.CancelledError):
            loop.run_until_complete(task)

    def test_is_not_reset_by_swallowing(self, loop, make_task):
        counts = []

        async def work():
            task = asyncio.current_task()
            try:
                await loop.create_future()
            except asyncio.CancelledError:
                counts.append(task.cancelling())
                counts.append(task.uncancel())

        task = make_task(work())
        run_turn(loop)
        task.cancel()
        loop.run_until_complete(task)
        assert counts == [1, 0]
        assert task.cancelling() == 0

    def test_a_finished_task_is_not_counted(self, loop, make_task):
        async def work():
            pass

        task = make_task(work())
        loop.run_until_complete(task)
        assert task.cancel() is False
        assert task.cancelling() == 0

    def test_uncancel_before_the_step_as_in_asyncio(self, loop, make_task):
        """Since 3.13 it takes the pending cancellation back; earlier it did not."""

        async def work():
            await asyncio.sleep(0)
            return "ran"

        def ends(task):
            task.cancel()
            task.uncancel()
            try:
                return loop.run_until_complete(task)
            except asyncio.CancelledError:
                return "cancelled"

        assert ends(make_task(work())) == ends(asyncio.Task(work(), loop=loop))


class TestTasksThatWaitForTasks:
    def chain(self, make_task, future, length):
        async def wait_for(other):
            await other

        tasks = [make_task(wait_for(future))]
        for _ in range(length - 1):
            tasks.append(make_task(wait_for(tasks[-1])))
        return tasks

    def test_the_first_of_a_chain_gets_the_message(self, loop, make_task):
        future = loop.create_future()
        tasks = self.chain(make_task, future, 20)
        run_turn(loop)
        assert tasks[-1].cancel("why") is True
        assert [task.cancelling() for task in tasks] == [1] * 20
        assert future.cancelled()
        assert future._cancel_message == "why"
        loop.run_until_complete(asyncio.wait(tasks))
        assert all(task.cancelled() for task in tasks)

    def test_before_the_first_of_them_waits(self, loop, make_task):
        trail = []

        async def work():
            trail.append("began")

        async def wait_for(other):
            await other

        first = make_task(wait_for(make_task(work())))
        second = make_task(wait_for(first))
        for _ in range(2):
            assert second.cancel("why") is True
        assert second._must_cancel
        assert not first._must_cancel
        loop.run_until_complete(asyncio.wait([first, second]))
        assert (first.cancelled(), second.cancelled()) == (False, True)
        assert trail == ["began"]

    def test_when_the_one_waited_for_has_just_ended(self, loop, make_task):
        async def work():
            await asyncio.sleep(0)

        async def wait_for(other):
            await other

        inner = make_task(work())
        outer = make_task(wait_for(inner))
        inner.add_done_callback(lambda _: outer.cancel("late"))
        with pytest.raises(asyncio.CancelledError) as caught:
            loop.run_until_complete(outer)
        assert caught.value.args == ("late",)
        assert not inner.cancelled()

    @pytest.mark.only("asyncioxide")
    def test_a_chain_may_be_longer_than_the_stack(self, loop):
        """asyncio recurses, and gives up with a RecursionError."""
        future = loop.create_future()
        tasks = self.chain(loop.create_task, future, 100_000)
        run_turn(loop)
        assert tasks[-1].cancel() is True
        loop.run_until_complete(asyncio.wait(tasks))
        assert all(task.cancelled() for task in tasks)

    @pytest.mark.parametrize("size", [1, 2, 3, 10])
    def test_in_a_circle_is_an_error(self, loop, make_task, size):
        tasks = []
        entry = loop.create_future()

        async def wait_for(number):
            if number == 0:
                await entry
            await tasks[(number + 1) % (size + 1)]

        tasks += [make_task(wait_for(number)) for number in range(size + 1)]
        run_turn(loop)
        entry.set_result(None)
        run_turn(loop)
        with pytest.raises(RecursionError):
            tasks[0].cancel()
        for task in tasks:
            task._log_destroy_pending = False
        # Nothing can wake them; dropped, the circle is the collector's.
        tasks.clear()
        del task
        gc.collect()

"""The three queues: stdlib's and the native ones, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import collections
import gc
import inspect
import sys
import weakref

import pytest
from harness.versions import since


@pytest.fixture(params=["Queue", "LifoQueue", "PriorityQueue"])
def make_queue(request, aio):
    return getattr(aio, request.param)


async def turns(count):
    for _ in range(count):
        await asyncio.sleep(0)


class TestItems:
    async def test_come_out_in_the_order_of_the_class(self, loop, aio):
        for make, expected in (
            (aio.Queue, [2, 3, 1]),
            (aio.LifoQueue, [1, 3, 2]),
            (aio.PriorityQueue, [1, 2, 3]),
        ):
            queue = make()
            for item in (2, 3, 1):
                await queue.put(item)
            assert [await queue.get() for _ in range(3)] == expected

    async def test_what_cannot_be_compared_is_refused_by_a_priority_queue(self, loop, aio):
        queue = aio.PriorityQueue()
        queue.put_nowait(1)
        with pytest.raises(TypeError):
            queue.put_nowait("a")
        assert queue._unfinished_tasks == 1

    async def test_are_in_a_container_that_programs_may_change(self, loop, aio):
        queue = aio.Queue()
        queue.put_nowait(1)
        assert type(queue._queue) is collections.deque
        queue._queue.appendleft(0)
        assert [queue.get_nowait(), queue.get_nowait()] == [0, 1]
        assert type(aio.LifoQueue()._queue) is list

    async def test_full_and_empty(self, loop, make_queue):
        queue = make_queue(2)
        assert queue.empty() and not queue.full() and queue.qsize() == 0
        queue.put_nowait(1)
        assert not queue.empty() and not queue.full() and queue.qsize() == 1
        queue.put_nowait(2)
        assert queue.full() and queue.qsize() == queue.maxsize == 2
        with pytest.raises(asyncio.QueueFull) as caught:
            queue.put_nowait(3)
        assert caught.value.args == ()
        with pytest.raises(asyncio.QueueEmpty):
            make_queue().get_nowait()

    @pytest.mark.parametrize("maxsize", [0, -1, 0.5, 1.5])
    async def test_sizes_that_are_compared(self, loop, make_queue, maxsize):
        queue = make_queue(maxsize)
        assert queue.maxsize == maxsize
        queue.put_nowait(1)
        assert queue.full() is (maxsize == 0.5)

    async def test_the_size_may_be_changed(self, loop, make_queue):
        queue = make_queue(1)
        queue.put_nowait(1)
        queue._maxsize = 2
        queue.put_nowait(2)
        assert queue.maxsize == 2


class TestWaiting:
    async def test_getters_are_served_first_come_first(self, loop, aio):
        queue = aio.Queue()
        seen = []

        async def get(number):
            seen.append((number, await queue.get()))

        tasks = [loop.create_task(get(number)) for number in range(3)]
        await turns(1)
        for item in "abc":
            queue.put_nowait(item)
        await asyncio.gather(*tasks)
        assert seen == [(0, "a"), (1, "b"), (2, "c")]

    async def test_put_waits_for_room(self, loop, aio):
        queue = aio.Queue(1)
        queue.put_nowait("first")
        task = loop.create_task(queue.put("second"))
        await turns(2)
        assert not task.done() and len(queue._putters) == 1
        assert queue.get_nowait() == "first"
        await task
        assert queue.get_nowait() == "second"

    async def test_a_cancelled_getter_leaves_the_line(self, loop, aio):
        queue = aio.Queue()
        first, second = (loop.create_task(queue.get()) for _ in range(2))
        await turns(1)
        first.cancel()
        await turns(2)
        assert len(queue._getters) == 1
        queue.put_nowait("item")
        assert await second == "item"

    async def test_a_getter_cancelled_after_its_turn_came_passes_it_on(self, loop, aio):
        queue = aio.Queue()
        first, second = (loop.create_task(queue.get()) for _ in range(2))
        await turns(1)
        queue.put_nowait("item")
        first.cancel()
        assert await second == "item"
        assert first.cancelled()

    async def test_a_putter_cancelled_after_its_turn_came_passes_it_on(self, loop, aio):
        queue = aio.Queue(1)
        queue.put_nowait(0)
        first, second = (loop.create_task(queue.put(item)) for item in (1, 2))
        await turns(1)
        queue.get_nowait()
        first.cancel()
        await second
        assert first.cancelled() and queue.get_nowait() == 2

    async def test_join_waits_for_every_item(self, loop, aio):
        queue = aio.Queue()
        await queue.join()
        queue.put_nowait(1)
        queue.put_nowait(2)
        task = loop.create_task(queue.join())
        await turns(2)
        queue.task_done()
        await turns(2)
        assert not task.done()
        queue.task_done()
        assert await task is None
        with pytest.raises(ValueError, match=r"^task_done\(\) called too many times$"):
            queue.task_done()

    async def test_a_line_that_python_looks_into_is_shared(self, loop, aio):
        queue = aio.Queue(1)
        waiter = loop.create_future()
        queue.put_nowait(1)
        queue._putters.append(waiter)
        queue.get_nowait()
        assert waiter.done()

    def test_on_two_loops_is_refused(self, loop, aio, loop_factory):
        queue = aio.Queue()

        async def wait_in_vain():
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(queue.get(), 0.001)

        loop.run_until_complete(wait_in_vain())
        other = loop_factory()
        try:
            with pytest.raises(RuntimeError, match="is bound to a different event loop$"):
                other.run_until_complete(queue.get())
        finally:
            other.close()


@since(3, 13)
class TestShutdown:
    async def test_wakes_everybody(self, loop, aio):
        queue, full = aio.Queue(), aio.Queue(1)
        full.put_nowait(1)
        tasks = [loop.create_task(queue.get()), loop.create_task(full.put(2))]
        await turns(1)
        queue.shutdown()
        full.shutdown()
        for task in tasks:
            with pytest.raises(asyncio.QueueShutDown):
                await task
        assert full.get_nowait() == 1
        with pytest.raises(asyncio.QueueShutDown):
            full.get_nowait()
        with pytest.raises(asyncio.QueueShutDown):
            full.put_nowait(1)

    async def test_at_once_throws_the_items_away(self, loop, make_queue):
        queue = make_queue()
        queue.put_nowait(1)
        queue.put_nowait(2)
        joining = loop.create_task(queue.join())
        await turns(1)
        queue.shutdown(immediate=True)
        await joining
        assert queue.empty() and queue._unfinished_tasks == 0
        assert str(queue).endswith("maxsize=0 shutdown>")


class TestSubclasses:
    async def test_hooks_are_called(self, loop, aio):
        class Unique(aio.Queue):
            def _init(self, maxsize):
                self.made_for = maxsize
                self._queue = {}

            def _put(self, item):
                self._queue[item] = None

            def _get(self):
                return self._queue.popitem()[0]

        queue = Unique(3)
        assert queue.made_for == 3
        for item in (1, 1, 2):
            await queue.put(item)
        assert queue.qsize() == 2
        assert [await queue.get(), await queue.get()] == [2, 1]
        assert queue.empty()

    async def test_questions_are_asked(self, loop, aio):
        class Narrow(aio.Queue):
            def qsize(self):
                return super().qsize() * 10

            def empty(self):
                return super().empty()

        queue = Narrow(10)
        queue.put_nowait(1)
        assert queue.full()
        task = loop.create_task(queue.put(2))
        await turns(2)
        assert not task.done()
        assert await queue.get() == 1
        await task

    async def test_put_and_get_go_through_their_nowait_forms(self, loop, aio):
        class Noting(aio.Queue):
            def put_nowait(self, item):
                super().put_nowait(item)
                return "put"

            def get_nowait(self):
                return [super().get_nowait()]

        queue = Noting()
        assert await queue.put(1) == "put"
        assert await queue.get() == [1]

    async def test_methods_of_one_object_can_be_replaced(self, loop, aio):
        queue = aio.Queue()
        queue.get_nowait = lambda: "replaced"
        queue.put_nowait(1)
        assert await queue.get() == "replaced"

    async def test_whom_to_wake_is_theirs_to_say(self, loop, aio):
        class Noting(aio.Queue):
            def _wakeup_next(self, waiters):
                trail.append("getters" if waiters is self._getters else "putters")
                super()._wakeup_next(waiters)

        trail = []
        queue = Noting(1)
        task = loop.create_task(queue.get())
        await turns(1)
        queue.put_nowait(1)
        assert await task == 1
        queue.put_nowait(2)
        task = loop.create_task(queue.put(3))
        await turns(1)
        assert queue.get_nowait() == 2
        await task
        assert trail == ["getters", "putters", "getters", "putters", "getters"]

    async def test_whether_there_is_an_item_is_asked_as_often_as_needed(self, loop, aio):
        class Asked(aio.Queue):
            times = 0

            def empty(self):
                self.times += 1
                return super().empty()

        queue = Asked()
        queue.put_nowait(1)
        await queue.get()
        assert queue.times == 2
        task = loop.create_task(queue.get())
        await turns(1)
        queue.put_nowait(2)
        assert await task == 2
        assert queue.times == 5

    async def test_the_event_of_those_who_join_can_be_replaced(self, loop, aio):
        class Noting(asyncio.Event):
            def clear(self):
                trail.append("clear")
                super().clear()

            def set(self):
                trail.append("set")
                super().set()

        trail = []
        queue = aio.Queue()
        queue._finished = Noting()
        queue.put_nowait(1)
        task = loop.create_task(queue.join())
        await turns(1)
        assert not task.done()
        queue.get_nowait()
        queue.task_done()
        await task
        assert trail == ["clear", "set"]


class TestObjects:
    async def test_private_names(self, loop, make_queue):
        queue = make_queue()
        assert queue._loop is None
        assert queue._get_loop() is loop
        assert queue._loop is loop
        assert queue._finished.is_set()
        queue.put_nowait(1)
        assert not queue._finished.is_set()
        done, pending, last = (loop.create_future() for _ in range(3))
        done.set_result(None)
        waiters = collections.deque([done, pending, last])
        assert queue._wakeup_next(waiters) is None
        assert pending.done() and not last.done() and list(waiters) == [last]

    @since(3, 13)
    def test_shutting_down_by_hand(self, make_queue):
        queue = make_queue()
        assert queue._is_shutdown is False
        queue._is_shutdown = True
        with pytest.raises(asyncio.QueueShutDown):
            queue.put_nowait(1)

    async def test_reprs(self, loop, make_queue):
        queue = make_queue(2)
        queue.put_nowait(1)
        name = type(queue).__name__
        assert str(queue) == f"<{name} maxsize=2 _queue=[1] tasks=1>"
        assert repr(queue) == f"<{name} at {id(queue):#x} maxsize=2 _queue=[1] tasks=1>"
        queue.put_nowait(2)
        task = loop.create_task(queue.put(3))
        await turns(1)
        assert "_putters[1]" in str(queue)
        task.cancel()

    async def test_what_is_awaited_is_a_coroutine(self, loop, aio):
        queue = aio.Queue()
        for method in (queue.put, queue.get, queue.join):
            # Up to Python 3.11 inspect knows those in Python only; later asyncio warns.
            module = inspect if sys.version_info >= (3, 12) else asyncio
            assert module.iscoroutinefunction(method)
        joining = queue.join()
        assert asyncio.iscoroutine(joining) and inspect.isawaitable(joining)
        assert joining.__qualname__ == "Queue.join"
        assert await joining is None

    def test_signatures(self, aio):
        assert str(inspect.signature(aio.Queue)) == "(maxsize=0)"
        assert str(inspect.signature(aio.Queue.put)) == "(self, item)"
        assert str(inspect.signature(aio.Queue().put)) == "(item)"

    def test_can_be_used_in_annotations(self, make_queue):
        assert make_queue[int].__args__ == (int,)

    def test_are_collected_with_what_waits_for_them(self, loop, aio):
        queue = aio.Queue()
        queue.put_nowait(queue)
        queue.attribute = queue
        gone = weakref.ref(queue)
        del queue
        gc.collect()
        assert gone() is None

    def test_bad_arguments(self, make_queue):
        with pytest.raises(TypeError):
            make_queue(1, 2)
        with pytest.raises(TypeError):
            make_queue(size=1)
        with pytest.raises(TypeError):
            make_queue().put_nowait()

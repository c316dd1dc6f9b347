"""Copies of the primitives and queues: by copy, by pickle, and as a subclass wants them."""

from __future__ import annotations

import asyncio
import copy
import pickle

import pytest

ARGUMENTS = {
    "Lock": (),
    "Event": (),
    "Condition": (),
    "Semaphore": (3,),
    "BoundedSemaphore": (3,),
    "Barrier": (2,),
    "Queue": (5,),
    "LifoQueue": (5,),
    "PriorityQueue": (5,),
}
QUEUES = ("Queue", "LifoQueue", "PriorityQueue")


def pickled(protocol):
    return lambda made: pickle.loads(pickle.dumps(made, protocol))


WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": pickled(protocol) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)},
}


@pytest.fixture(params=WAYS)
def copied(request):
    return WAYS[request.param]


@pytest.fixture(params=ARGUMENTS)
def cls(request, aio):
    return getattr(aio, request.param)


def make(cls):
    name = next(base.__name__ for base in cls.__mro__ if base.__name__ in ARGUMENTS)
    return cls(*ARGUMENTS[name])


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_takes_its_items_along(aio, name, copied):
    queue = make(getattr(aio, name))
    for item in (3, 1, 2):
        queue.put_nowait(item)
    queue.own = ["anything"]
    twin = copied(queue)
    assert type(twin) is type(queue)
    assert twin.own == queue.own
    assert str(twin) == str(queue)
    assert twin.maxsize == 5
    assert not twin._finished.is_set()
    expected = [queue.get_nowait() for _ in range(3)] if copied is not copy.copy else None
    if expected is None:
        # As in asyncio, the two have one container.
        assert twin._queue is queue._queue
    else:
        assert twin._queue is not queue._queue
        assert [twin.get_nowait() for _ in range(3)] == expected


async def test_a_copied_queue_can_be_joined(loop, aio):
    queue = aio.Queue()
    queue.put_nowait(1)
    twin = copy.deepcopy(queue)
    joining = loop.create_task(twin.join())
    await asyncio.sleep(0)
    twin.task_done()
    assert await joining is None
    assert queue._unfinished_tasks == 1


def test_what_was_assigned_is_copied(cls, copied):
    made = make(cls)
    made.own = {"key": [1]}
    twin = copied(made)
    assert type(twin) is cls
    assert twin.own == {"key": [1]}
    assert (twin.own is made.own) is (copied is copy.copy)


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_a_subclass_with_slots(cls, way):
    class Slotted(cls):
        __slots__ = ("extra", "unset")

    made = make(Slotted)
    made.extra = [1]
    made.own = 2
    twin = way(made)
    assert (twin.extra, twin.own) == ([1], 2)
    assert not hasattr(twin, "unset")


@pytest.mark.parametrize("way", [copy.copy, copy.deepcopy])
def test_a_subclass_says_what_is_copied(cls, way):
    class Choosy(cls):
        def __getstate__(self):
            state = dict(super().__getstate__())
            del state["secret"]
            return {**state, "note": "said"}

    made = make(Choosy)
    made.secret, made.own = 1, 2
    twin = way(made)
    assert (twin.own, twin.note) == (2, "said")
    assert not hasattr(twin, "secret")
    assert repr(twin).partition("[")[2] == repr(made).partition("[")[2]


def test_a_subclass_takes_the_state_itself(cls):
    class Noting(cls):
        def __setstate__(self, state):
            self.names = set(state)

    made = make(Noting)
    made.own = 1
    assert "own" in copy.copy(made).names


def test_a_subclass_says_how_it_is_copied(cls):
    class Reduced(cls):
        def __reduce__(self):
            return list, ([1, 2],)

    assert copy.copy(make(Reduced)) == [1, 2]


async def test_the_loop_is_copied_once_it_is_known(loop, aio):
    for made in (aio.Lock(), aio.Queue()):
        assert copy.copy(made)._loop is None
        assert "_loop" not in made.__getstate__()
        assert made._get_loop() is loop
        assert copy.copy(made)._loop is loop

"""The primitives as objects: names, arguments, attributes, reprs, copies, subclasses."""

from __future__ import annotations

import asyncio
import collections
import copy
import inspect
import math
import pickle
import warnings
import weakref

import pytest
from harness.outcome import normalized, outcome, shown
from harness.versions import since

NAMES = ("Lock", "Event", "Condition", "Semaphore", "BoundedSemaphore", "Barrier")
COROUTINE_FUNCTIONS = {
    "Lock": ("acquire", "__aenter__", "__aexit__"),
    "Event": ("wait",),
    "Condition": ("wait", "wait_for", "__aenter__", "__aexit__"),
    "Semaphore": ("acquire", "__aenter__", "__aexit__"),
    "BoundedSemaphore": ("acquire", "__aenter__", "__aexit__"),
    "Barrier": ("wait", "reset", "abort", "__aenter__", "__aexit__"),
}
ARGUMENTS = {"Barrier": (2,)}


@pytest.fixture(params=NAMES)
def name(request):
    return request.param


def make(aio, name):
    return getattr(aio, name)(*ARGUMENTS.get(name, ()))


def iscoroutinefunction(function):
    """asyncio's own question, which newer Pythons deprecate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return asyncio.iscoroutinefunction(function)


def own_methods(cls):
    members = inspect.getmembers(cls, callable)
    return {key: value for key, value in members if not key.startswith("_")}


def test_names(native, name):
    cls = getattr(native, name)
    assert cls.__module__ == "asyncioxide.locks"
    assert cls.__name__ == cls.__qualname__ == name


def test_signatures(native, name):
    ours, stock = getattr(native, name), getattr(asyncio, name)
    assert inspect.signature(ours) == inspect.signature(stock)
    methods = own_methods(stock)
    assert methods
    for key, method in methods.items():
        assert (
            inspect.signature(getattr(ours, key)).parameters.keys()
            == inspect.signature(method).parameters.keys()
        ), key


def test_everything_public_has_a_docstring_of_its_own(native, name):
    ours, stock = getattr(native, name), getattr(asyncio, name)
    assert inspect.getdoc(ours) != inspect.getdoc(stock)
    for key in own_methods(stock):
        assert inspect.getdoc(getattr(ours, key))
        assert inspect.getdoc(getattr(ours, key)) != inspect.getdoc(getattr(stock, key))


def test_what_is_async_looks_so(aio, name):
    cls = getattr(aio, name)
    for key in COROUTINE_FUNCTIONS[name]:
        function = getattr(cls, key)
        assert function.__qualname__.rpartition(".")[2] == key
        assert iscoroutinefunction(function)
        assert iscoroutinefunction(getattr(make(aio, name), key))


@since(3, 12)
def test_inspect_sees_it_too(aio, name):
    for key in COROUTINE_FUNCTIONS[name]:
        assert inspect.iscoroutinefunction(getattr(getattr(aio, name), key))
        assert inspect.iscoroutinefunction(getattr(make(aio, name), key))


@pytest.mark.parametrize(
    ("arguments", "keywords"),
    [
        ((), {"loop": None}),
        ((1, 2, 3), {}),
        ((-1,), {}),
        ((0,), {}),
        (("1",), {}),
        ((None,), {}),
        ((), {}),
        ((), {"value": -1}),
        ((), {"wrong": 1}),
        ((object(),), {}),
    ],
    ids=shown,
)
def test_arguments(native, name, arguments, keywords):
    ours = outcome(lambda: getattr(native, name)(*arguments, **keywords))
    assert ours == outcome(lambda: getattr(asyncio, name)(*arguments, **keywords))


def test_methods_refuse_other_arguments(native, name):
    for key in own_methods(getattr(asyncio, name)):
        ours = outcome(lambda key=key: getattr(make(native, name), key)(1, 2, 3, wrong=4))
        stock = outcome(lambda key=key: getattr(make(asyncio, name), key)(1, 2, 3, wrong=4))
        assert ours.cls is stock.cls is TypeError


def test_a_method_of_another_class_refuses(native):
    with pytest.raises(TypeError, match="does not apply to a 'Event' object"):
        native.Lock.acquire(native.Event())
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'self'"):
        native.Lock.acquire()


def test_repr(native, name):
    ours, stock = make(native, name), make(asyncio, name)
    assert repr(ours).startswith(f"<asyncioxide.locks.{name} object at 0x")
    assert normalized(repr(ours)).replace("asyncioxide", "asyncio") == normalized(repr(stock))


async def test_repr_with_waiters(loop, aio):
    lock, event, semaphore = aio.Lock(), aio.Event(), aio.Semaphore(0)
    condition, barrier = aio.Condition(), aio.Barrier(3)
    await lock.acquire()
    tasks = [
        loop.create_task(waiting)
        for waiting in (lock.acquire(), event.wait(), semaphore.acquire(), barrier.wait())
    ]

    async def wait():
        async with condition:
            await condition.wait()

    tasks.append(loop.create_task(wait()))
    await asyncio.sleep(0)
    assert repr(lock).endswith("[locked, waiters:1]>")
    assert repr(event).endswith("[unset, waiters:1]>")
    assert repr(semaphore).endswith("[locked, waiters:1]>")
    assert repr(condition).endswith("[unlocked, waiters:1]>")
    assert repr(barrier).endswith("[filling, waiters:1/3]>")
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    event.set()
    assert repr(event).endswith("[set]>")
    await barrier.abort()
    assert repr(barrier).endswith("[broken]>")
    assert repr(aio.Semaphore(5)).endswith("[unlocked, value:5]>")


def test_attributes_and_weak_references(aio, name):
    made = make(aio, name)
    made.own = 1
    assert made.own == 1
    assert made.__dict__["own"] == 1
    assert weakref.ref(made)() is made
    assert made != make(aio, name)
    assert hash(made) == object.__hash__(made)
    assert made._loop is None


def test_private_attributes(aio):
    assert aio.Lock()._waiters is None
    assert aio.Lock()._locked is False
    assert aio.Event()._waiters == collections.deque()
    assert aio.Event()._value is False
    assert aio.Semaphore(3)._value == 3
    assert aio.Semaphore()._waiters is None
    assert aio.BoundedSemaphore(3)._bound_value == 3
    condition = aio.Condition()
    assert type(condition._lock) is aio.Lock
    assert condition._waiters == collections.deque()
    barrier = aio.Barrier(2)
    assert (barrier._count, barrier._parties, barrier._state.value) == (0, 2, "filling")
    assert type(barrier._cond) is aio.Condition


async def test_the_queue_of_waiters_is_shared_once_seen(loop, aio):
    event = aio.Event()
    tasks = [loop.create_task(event.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert len(event._waiters) == 3
    assert event._waiters is event._waiters
    dropped = event._waiters.pop()
    event.set()
    assert not dropped.done()
    dropped.set_result(None)
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert done[:2] == [True, True]
    # Stock asyncio's deque misses it as well.
    assert isinstance(done[2], ValueError)
    later = loop.create_task(aio.Event.wait(event))
    assert await later is True
    event.clear()
    waiting = loop.create_task(event.wait())
    await asyncio.sleep(0)
    assert [waiter.done() for waiter in event._waiters] == [False]
    event.set()
    assert await waiting is True
    assert not event._waiters


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies(aio, name, copied):
    made = make(aio, name)
    made.own = ["anything"]
    twin = copied(made)
    assert type(twin) is type(made)
    assert twin.own == made.own
    assert normalized(repr(twin)) == normalized(repr(made))


def test_pickles_as_in_asyncio(native, name):
    ours, stock = make(native, name), make(asyncio, name)
    assert outcome(lambda: pickle.loads(pickle.dumps(ours))).raised == (
        outcome(lambda: pickle.loads(pickle.dumps(stock))).raised
    )


async def test_counts_with_any_number(loop, aio):
    semaphore = aio.Semaphore(math.inf)
    for _ in range(5):
        await semaphore.acquire()
    assert semaphore._value == math.inf
    assert not semaphore.locked()
    huge = aio.BoundedSemaphore(2**80)
    async with huge:
        assert huge._value == 2**80 - 1
    with pytest.raises(ValueError, match="^BoundedSemaphore released too many times$"):
        huge.release()
    most = aio.Semaphore(2**63 - 1)
    most.release()
    assert most._value == 2**63


async def test_async_with_calls_what_a_subclass_has(loop, aio):
    trail = []

    def derive(cls):
        class Derived(cls):
            async def acquire(self):
                trail.append("acquire")
                return await super().acquire()

            def release(self):
                trail.append("release")
                return super().release()

        return Derived()

    for cls in (aio.Lock, aio.Semaphore, aio.BoundedSemaphore):
        del trail[:]
        async with derive(cls) as found:
            assert found is None
            assert trail == ["acquire"]
        assert trail == ["acquire", "release"]


async def test_async_with_calls_what_an_instance_was_given(loop, aio):
    for cls in (aio.Lock, aio.Semaphore, aio.BoundedSemaphore, aio.Condition):
        trail = []
        made = cls()
        acquire = made.acquire

        async def acquiring(acquire=acquire, trail=trail):
            trail.append("acquire")
            return await acquire()

        made.acquire = acquiring
        async with made:
            assert trail == ["acquire"]


async def test_a_semaphore_asks_a_subclass_whether_it_is_locked(loop, aio):
    class Closed(aio.Semaphore):
        closed = True

        def locked(self):
            return self.closed or super().locked()

    semaphore = Closed(5)
    task = loop.create_task(semaphore.acquire())
    await asyncio.sleep(0)
    assert not task.done()
    semaphore.closed = False
    semaphore.release()
    assert await task is True
    assert "locked" not in repr(semaphore).partition("[")[2].replace("unlocked", "")


async def test_a_condition_of_any_lock(loop, aio):
    class Traced(aio.Lock):
        async def acquire(self):
            trail.append("acquire")
            return await super().acquire()

        def release(self):
            trail.append("release")
            super().release()

        def locked(self):
            trail.append("locked")
            return super().locked()

    trail = []
    for lock in (asyncio.Lock(), aio.Lock(), Traced()):
        del trail[:]
        condition = aio.Condition(lock)
        assert condition._lock is lock
        assert condition.acquire == lock.acquire
        assert condition.locked() is False
        async with condition:
            assert lock.locked()
            task = loop.create_task(condition.wait_for(lambda: True))
            assert await task is True
            waiter = loop.create_task(condition.wait())
            await asyncio.sleep(0)
            assert not lock.locked()
            await condition.acquire()
            condition.notify()
        assert await waiter is True
        condition.release()
        assert not lock.locked()
        if isinstance(lock, Traced):
            assert {"acquire", "release", "locked"} == set(trail)


def test_a_condition_asks_its_lock_for_the_methods(native):
    ours = outcome(lambda: native.Condition(object()))
    assert ours == outcome(lambda: asyncio.Condition(object()))


async def test_a_condition_that_is_initialised_again(loop, aio):
    condition = aio.Condition()
    condition.own = 1
    first = condition._lock
    async with condition:
        waiting = condition.wait()
        waiting.send(None)
        assert condition._loop is loop
        condition.__init__()
        assert condition.own == 1
        assert condition._loop is loop
        assert condition._waiters == collections.deque()
        assert condition._lock is not first
        assert condition.acquire.__self__ is condition._lock
        await condition.acquire()
        with pytest.raises(RuntimeError, match="^coroutine ignored GeneratorExit$"):
            waiting.close()
        condition.release()
        with pytest.raises(ValueError):
            waiting.send(None)


async def test_a_condition_calls_what_a_subclass_has(loop, aio):
    class Derived(aio.Condition):
        waits = notifications = 0

        async def wait(self):
            self.waits += 1
            return await super().wait()

        def notify(self, n=1):
            self.notifications += 1
            super().notify(n)

    condition = Derived()
    ready = []

    async def wait():
        async with condition:
            return await condition.wait_for(lambda: ready)

    task = loop.create_task(wait())
    await asyncio.sleep(0)
    async with condition:
        ready.append(1)
        condition.notify_all()
    assert await task is ready
    assert (condition.waits, condition.notifications) == (1, 1)


async def test_a_barrier_enters_as_a_subclass_waits(loop, aio):
    class Derived(aio.Barrier):
        async def wait(self):
            return "waited", await super().wait()

    async with Derived(1) as found:
        assert found == ("waited", 0)


def test_is_bound_to_the_loop_that_it_first_waits_on(loop_factory, aio):
    def waiting(made):
        if isinstance(made, aio.Barrier):
            return made.wait()
        if isinstance(made, aio.Event):
            return made.wait()
        return made.acquire()

    async def blocked(made):
        if isinstance(made, (aio.Lock, aio.Semaphore)) and not made.locked():
            await made.acquire()
        task = asyncio.ensure_future(waiting(made))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for made in (aio.Lock(), aio.Event(), aio.Semaphore(), aio.BoundedSemaphore(), aio.Barrier(2)):
        first, second = loop_factory(), loop_factory()
        try:
            first.run_until_complete(blocked(made))
            bound = made._cond if isinstance(made, aio.Barrier) else made
            assert bound._loop is first
            with pytest.raises(RuntimeError) as caught:
                second.run_until_complete(waiting(made))
            assert str(caught.value).startswith(repr(bound).partition("[")[0])
            assert str(caught.value).endswith("]> is bound to a different event loop")
        finally:
            first.close()
            second.close()


def test_outside_of_a_loop_nothing_is_needed_to_make_one(aio, name):
    made = make(aio, name)
    assert made._loop is None
    if isinstance(made, (aio.Lock, aio.Semaphore)):
        coroutine = made.acquire()
        with pytest.raises(StopIteration) as caught:
            coroutine.send(None)
        assert caught.value.value is True


async def test_waits_for_the_futures_that_the_loop_makes(loop, aio):
    made = []
    create = loop.create_future

    def create_future():
        made.append(create())
        return made[-1]

    loop.create_future = create_future
    try:
        event = aio.Event()
        task = loop.create_task(event.wait())
        await asyncio.sleep(0)
    finally:
        del loop.create_future
    assert len(made) == 1
    assert list(event._waiters) == made
    event.set()
    assert await task is True

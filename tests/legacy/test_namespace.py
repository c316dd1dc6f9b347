"""What the package gives, and what it leaves alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any

import asyncioxide
import asyncioxide.legacy as legacy
import pytest

OLD_NAMES = {
    "JoinableQueue",
    "SafeChildWatcher",
    "async",
    "async_",
    "coroutine",
    "get_child_watcher",
    "set_child_watcher",
}
SESSION = """
>>> import asyncioxide.legacy as asyncio
>>> @asyncio.coroutine
... def hello():
...     return 'Hello!'
>>> loop = asyncio.get_event_loop()
>>> loop.run_until_complete(hello())
'Hello!'
>>> loop.close()
"""


@pytest.fixture
def loop() -> Any:
    loop = legacy.new_event_loop()
    yield loop
    loop.close()


@legacy.coroutine
def generator(value: Any) -> Any:
    yield
    return value


async def native(value: Any) -> Any:
    return value


def test_has_every_name_of_asyncio_and_the_old_ones() -> None:
    for name in {*asyncio.__all__, *OLD_NAMES, "subprocess", "log", "protocols", "transports"}:
        assert hasattr(legacy, name), name
    starred: dict[str, Any] = {}
    exec("from asyncioxide.legacy import *", starred)
    assert set(asyncio.__all__) <= set(starred)
    assert starred["coroutine"] is legacy.coroutine
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        legacy.nothing_of_the_kind  # noqa: B018


def test_names_without_a_past_are_the_packages_own() -> None:
    assert legacy.CancelledError is asyncio.CancelledError
    assert legacy.TaskGroup is asyncioxide.TaskGroup
    assert legacy.protocols is asyncioxide.protocols


def test_importing_it_changes_nothing_in_asyncio() -> None:
    program = """
import asyncio, asyncio.subprocess, sys
import asyncioxide

def state():
    modules = [name for name in sys.modules if name.partition(".")[0] == "asyncio"]
    return {(name, key): value for name in modules
            for key, value in vars(sys.modules[name]).items()}

before = state()
import asyncioxide.legacy as legacy
legacy.get_event_loop().run_until_complete(legacy.sleep(0))
legacy.get_event_loop().close()
after = state()
# The policy and the current loop are the process's own.
assert {key for key in before | after if before.get(key) is not after.get(key)} <= {
    ("asyncio.events", "_event_loop_policy")
}
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True)
    assert (done.stderr, done.returncode) == (b"", 0)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="asyncio's tasks take generators")
def test_asyncio_and_the_packages_own_tasks_still_refuse_generators(loop: Any) -> None:
    for task in (asyncio.Task, asyncioxide.Task):
        refused = generator(1)
        with pytest.raises(TypeError, match="a coroutine was expected"):
            task(refused, loop=loop)
    ours = asyncioxide.new_event_loop()
    with pytest.raises(TypeError, match="a coroutine was expected"):
        ours.create_task(generator(1))
    ours.close()


def test_session_with_a_plain_function() -> None:
    # In a process of its own: the main thread gets a loop by itself only if nobody has set one.
    program = f"""
import doctest
test = doctest.DocTestParser().get_doctest({SESSION!r}, {{}}, "session", None, 0)
print(tuple(doctest.DocTestRunner().run(test)))
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=50)
    assert done.stdout == "(0, 5)\n", done.stdout + done.stderr


def test_tasks_and_futures_are_instances_in_both_namespaces(loop: Any) -> None:
    tasks = [
        legacy.Task(generator(1), loop=loop),
        legacy.Task(native(1), loop=loop),
        loop.create_task(generator(1)),
        loop.create_task(native(1)),
        asyncio.Task(native(1), loop=loop),
    ]
    futures = [legacy.Future(loop=loop), loop.create_future(), asyncio.Future(loop=loop)]
    for task in tasks:
        assert isinstance(task, legacy.Task)
        assert isinstance(task, asyncio.Task)
    for future in (*tasks, *futures):
        assert isinstance(future, legacy.Future)
        assert isinstance(future, asyncio.Future)
        assert asyncio.isfuture(future)
    for future in futures:
        assert not isinstance(future, legacy.Task)
    assert not isinstance(object(), legacy.Future)
    loop.run_until_complete(legacy.wait(tasks))


def test_classes_derived_from_tasks_and_futures_have_their_own_instances(loop: Any) -> None:
    class MyFuture(legacy.Future):
        pass

    class MyTask(legacy.Task):
        pass

    task = MyTask(generator(5), loop=loop)
    assert isinstance(task, MyTask)
    assert isinstance(task, legacy.Task)
    assert isinstance(MyFuture(loop=loop), MyFuture)
    assert not isinstance(loop.create_future(), MyFuture)
    assert not isinstance(loop.create_task(native(1)), MyTask)
    assert loop.run_until_complete(task) == 5


def test_streams_are_instances_of_the_classes_they_come_from(loop: Any) -> None:
    async def main() -> None:
        server = await legacy.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        reader, writer = await legacy.open_connection(*address)
        assert isinstance(reader, legacy.StreamReader)
        assert isinstance(writer, legacy.StreamWriter)
        assert isinstance(writer.transport.get_protocol(), legacy.StreamReaderProtocol)
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()

    loop.run_until_complete(main())


def test_repr_names_the_generator_and_its_line(loop: Any) -> None:
    first = generator.__code__.co_firstlineno
    task = loop.create_task(generator(1))
    place = f"{__file__}:{first}"
    assert repr(task) == (
        f"<Task pending name={task.get_name()!r} coro=<generator() running at {place}>>"
    )
    loop.run_until_complete(task)
    assert repr(task) == (
        f"<Task finished name={task.get_name()!r} "
        f"coro=<generator() done, defined at {place}> result=1>"
    )


def test_stack_of_a_task_is_that_of_its_generator(loop: Any) -> None:
    task = loop.create_task(generator(1))
    assert [frame.f_code.co_name for frame in task.get_stack()] == ["generator"]
    loop.run_until_complete(task)


def test_failing_generator_is_reported_once(loop: Any) -> None:
    reports: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: reports.append(context))

    @legacy.coroutine
    def fail() -> Any:
        yield
        raise LookupError("failed")

    with pytest.raises(LookupError, match="failed"):
        loop.run_until_complete(fail())
    loop.call_soon(loop.stop)
    with pytest.raises(RuntimeError, match="Event loop stopped before Future completed"):
        loop.run_until_complete(legacy.sleep(100))
    assert reports == []
    loop.create_task(fail())
    loop.run_until_complete(legacy.sleep(0.001))
    assert [report["message"] for report in reports] == ["Task exception was never retrieved"]


def test_generators_run_on_other_peoples_loops() -> None:
    loop = asyncio.new_event_loop()

    async def main() -> Any:
        task = legacy.ensure_future(generator(1))
        done, _ = await legacy.wait([generator(2), task])
        created = legacy.create_task(generator(3), name="third")
        assert created.get_name() == "third"
        return sorted(future.result() for future in done), await created

    assert loop.run_until_complete(main()) == ([1, 2], 3)
    loop.close()


def test_task_factory_is_asked_for_generators_too(loop: Any) -> None:
    made = []

    def factory(loop: Any, coro: Any, **keywords: Any) -> Any:
        made.append(coro)
        return legacy.Task(coro, loop=loop, **keywords)

    loop.set_task_factory(factory)
    coroutine = generator(1)
    assert loop.run_until_complete(coroutine) == 1
    assert made == [coroutine]


@pytest.mark.parametrize("cancelled", [False, True])
def test_as_completed_wakes_the_next_waiter_when_one_is_cancelled(
    loop: Any, cancelled: bool
) -> None:
    async def main() -> Any:
        first, second = loop.create_future(), loop.create_future()
        waiters = [legacy.ensure_future(f) for f in legacy.as_completed([first, second])]
        await asyncio.sleep(0)
        first.set_result(1)
        if cancelled:
            await asyncio.sleep(0)
            waiters[0].cancel()
        await asyncio.sleep(0)
        second.set_result(2)
        return await legacy.gather(*waiters, return_exceptions=True)

    results = loop.run_until_complete(main())
    if cancelled:
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1] == 1
    else:
        assert results == [1, 2]


def test_datagram_addresses_are_not_reused(loop: Any) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match="reuse_address=True"):
            await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0), reuse_address=True
            )
        transport, _ = await loop.create_datagram_endpoint(
            asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0), reuse_address=False
        )
        transport.close()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_old_name_of_ensure_future_is_there_for_getattr(loop: Any) -> None:
    task = getattr(legacy, "async")(generator("async"), loop=loop)
    assert loop.run_until_complete(task) == "async"
    assert legacy.async_ is legacy.ensure_future
    assert getattr(legacy.tasks, "async") is legacy.ensure_future


POLICIES = """
import sys, warnings
warnings.simplefilter("ignore")
import asyncioxide
if sys.argv[1] == "installed":
    asyncioxide.install()
from asyncioxide import legacy
print(type(legacy.get_event_loop_policy()))
loop = legacy.get_event_loop()
print(type(loop))
loop.close()
legacy.set_event_loop_policy(None)
print(type(legacy.get_event_loop_policy()))
"""


def test_policies_are_the_same_when_asyncio_has_our_names() -> None:
    def printed(argument: str) -> str:
        command = [sys.executable, "-c", POLICIES, argument]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed("installed") == printed("not installed")

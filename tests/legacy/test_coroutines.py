"""Generator-based coroutines: what they are for whom, and what debug mode tells of them."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
import types
import warnings
from pathlib import Path
from typing import Any

import asyncioxide.legacy as legacy
import pytest

NEVER_RUN = Path(__file__).parent / "programs" / "never_run.py"


async def native(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def undecorated(first: Any, /, second: Any = 2, *rest: Any, third: Any, **more: Any) -> Any:
    closed_over = first
    waited = yield from native("waited")  # type: ignore[attr-defined]
    return (lambda: closed_over)(), second, rest, third, more, waited


@pytest.fixture
def loop() -> Any:
    loop = legacy.new_event_loop()
    yield loop
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def test_plain_function_may_return_a_generator_that_waits_for_a_native_coroutine(loop: Any) -> None:
    @legacy.coroutine
    def plain(*args: Any, **keywords: Any) -> Any:
        return undecorated(*args, **keywords)

    result = loop.run_until_complete(plain(1, 5, 6, 7, third=3, fourth=4))
    assert result == (1, 5, (6, 7), 3, {"fourth": 4}, "waited")


def test_generator_that_has_begun_is_run_on_and_not_again(loop: Any) -> None:
    begun = []

    def counting() -> Any:
        begun.append(1)
        yield
        return "done"

    @legacy.coroutine
    def plain() -> Any:
        generator = counting()
        generator.send(None)
        return generator

    assert loop.run_until_complete(plain()) == "done"
    assert begun == [1]


def test_unmarked_generators_stay_what_they_are(loop: Any) -> None:
    @legacy.coroutine
    def plain() -> Any:
        return undecorated(1, third=3)

    loop.run_until_complete(plain())
    generator = undecorated(1, third=3)
    assert not inspect.isawaitable(generator)


@pytest.mark.parametrize("value", ["future", "native", "marked", "awaitable", "value"])
def test_plain_function_is_waited_for_if_its_result_can_be(loop: Any, value: str) -> None:
    @types.coroutine
    def marked() -> Any:
        yield
        return "marked"

    class Awaitable:
        def __await__(self) -> Any:
            yield
            return "awaitable"

    @legacy.coroutine
    def plain() -> Any:
        future = loop.create_future()
        loop.call_soon(future.set_result, "future")
        return {
            "future": lambda: future,
            "native": lambda: native("native"),
            "marked": marked,
            "awaitable": Awaitable,
            "value": lambda: "value",
        }[value]()

    assert loop.run_until_complete(plain()) == value


def test_async_functions_are_returned_as_they_are() -> None:
    assert legacy.coroutine(native) is native


def test_decorated_functions_are_coroutine_functions_for_asyncio_too() -> None:
    @legacy.coroutine
    def generator() -> Any:
        yield

    @legacy.coroutine
    def plain() -> int:
        return 1

    for function in (generator, plain, legacy.coroutine(plain)):
        assert legacy.iscoroutinefunction(function)
        with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
            assert asyncio.iscoroutinefunction(function)
        assert inspect.isgeneratorfunction(function)
    for coroutine in (generator(), plain()):
        assert legacy.iscoroutine(coroutine)
        assert inspect.isawaitable(coroutine)
    assert not legacy.iscoroutine(generator)
    assert not legacy.iscoroutinefunction(undecorated)


def test_decorated_methods_are_bound(loop: Any) -> None:
    class Service:
        @legacy.coroutine
        def status(self) -> Any:
            yield
            return self

        @classmethod
        @legacy.coroutine
        def kind(cls) -> Any:
            return cls

    service = Service()
    assert loop.run_until_complete(service.status()) is service
    assert loop.run_until_complete(Service.kind()) is Service


def test_the_loop_runs_one_once() -> None:
    @legacy.coroutine
    def once() -> Any:
        yield
        return 1

    loop = legacy.new_event_loop()
    coroutine = once()
    assert loop.run_until_complete(coroutine) == 1
    # A finished generator is an iterator without items.
    assert loop.run_until_complete(coroutine) is None
    loop.close()


def test_stop_iteration_does_not_end_a_coroutine(loop: Any) -> None:
    @legacy.coroutine
    def stopping() -> Any:
        yield
        raise StopIteration

    with pytest.raises(RuntimeError, match="generator raised StopIteration"):
        loop.run_until_complete(stopping())


def debug_run(source: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", source]
    return subprocess.run(command, capture_output=True, text=True, timeout=50)


def test_debug_mode_tells_where_a_coroutine_was_made_that_nobody_ran(tmp_path: Path) -> None:
    program = tmp_path / "never_run.py"
    program.write_text(
        NEVER_RUN.read_text().replace("import asyncio\n", "import asyncioxide.legacy as asyncio\n")
    )
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", str(program)],
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.stdout == "done\n"
    place = re.escape(str(program))
    told = re.findall(
        rf"^<CoroWrapper (.*), created at {place}:(\d+)> was never yielded from\n"
        r"Coroutine object created at \(most recent call last, truncated to 10 last lines\):\n"
        rf"(?:  .*\n)+?  File \"{place}\", line \2, in make\n    (.*)\n",
        done.stderr,
        re.MULTILINE,
    )
    assert told == [
        (f"forgotten() running at {program}:5", "16", "forgotten()"),
        (f"plain() running, defined at {program}:10", "17", "plain()"),
    ]


def test_debug_mode_changes_nothing_else() -> None:
    done = debug_run(
        """
import asyncio as stock
import asyncioxide.legacy as asyncio

@asyncio.coroutine
def inner(value):
    '''Documented.'''
    try:
        yield from asyncio.sleep(0)
    except asyncio.CancelledError:
        print("cancelled")
        raise
    return value

@asyncio.coroutine
def main():
    print((yield from inner(1)), (yield from asyncio.ensure_future(inner(2))))
    task = asyncio.ensure_future(inner(3))
    yield
    task.cancel()
    yield from asyncio.wait([task])
    print(repr(inner.__doc__), asyncio.iscoroutinefunction(inner))
    print((yield from asyncio.gather(inner(4), inner(5))))

async def modern():
    return await inner(6), stock.iscoroutine(coroutine := inner(7)), await coroutine

loop = asyncio.get_event_loop()
loop.run_until_complete(main())
print(loop.run_until_complete(modern()))
loop.close()
print(stock.run(modern()))
"""
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "1 2",
        "cancelled",
        "'Documented.' True",
        "[4, 5]",
        "(6, True, 7)",
        "(6, True, 7)",
    ]


@pytest.mark.parametrize("arguments", ["ValueError", "ValueError('x')", "ValueError, 'x', None"])
def test_debug_mode_passes_exceptions_on(arguments: str) -> None:
    done = debug_run(
        f"""
import asyncioxide.legacy as asyncio

@asyncio.coroutine
def catching():
    try:
        yield
    except ValueError as error:
        print(type(error).__name__, error.args)
        yield 1

coroutine = catching()
coroutine.send(None)
print(coroutine.throw({arguments}), coroutine.gi_running, coroutine.gi_yieldfrom)
coroutine.close()
print(coroutine.gi_frame)
"""
    )
    assert done.stderr == ""
    args = "()" if arguments == "ValueError" else "('x',)"
    assert done.stdout == f"ValueError {args}\n1 False None\nNone\n"

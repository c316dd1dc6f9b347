"""Asynchronous generators: hooks while the loop runs, and their shutdown."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading

import pytest


async def first(generator):
    """Begins a generator inside of a loop; only that makes the loop's hooks see it."""
    return await generator.__anext__()


class Trail:
    """An asynchronous generator that notes how it ended."""

    def __init__(self):
        self.seen = []

    async def __call__(self, count=10):
        try:
            for number in range(count):
                yield number
        finally:
            await asyncio.sleep(0)
            self.seen.append("closed")


def test_hooks_are_set_while_it_runs_only(loop):
    async def main():
        return sys.get_asyncgen_hooks()

    inside = loop.run_until_complete(main())
    assert inside.firstiter is not None
    assert inside.finalizer is not None
    assert sys.get_asyncgen_hooks() == (None, None)


def test_hooks_set_before_are_put_back(loop):
    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(firstiter=print, finalizer=repr)
    try:
        loop.run_until_complete(asyncio.sleep(0))
        assert sys.get_asyncgen_hooks() == (print, repr)
    finally:
        sys.set_asyncgen_hooks(*before)


async def test_one_that_was_dropped_is_closed_by_the_loop(loop):
    trail = Trail()

    async def use():
        async for number in trail():
            if number == 2:
                break

    await use()
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    assert trail.seen == ["closed"]


async def test_one_dropped_in_another_thread_is_closed_by_the_loop(loop):
    trail = Trail()
    generator = trail()
    await generator.__anext__()
    holder = [generator]
    del generator
    closed = loop.create_future()

    async def wait_for_it():
        while not trail.seen:
            await asyncio.sleep(0)
        closed.set_result(None)

    await loop.run_in_executor(None, holder.clear)
    await wait_for_it()
    assert trail.seen == ["closed"]
    assert threading.active_count() >= 1
    await closed


class TestShutdown:
    def test_closes_those_not_finished(self, loop):
        trail = Trail()
        generators = [trail() for _ in range(3)]

        async def main():
            for generator in generators:
                await generator.__anext__()
            await loop.shutdown_asyncgens()
            return list(trail.seen)

        assert loop.run_until_complete(main()) == ["closed"] * 3

    def test_across_runs(self, loop):
        trail = Trail()
        generator = trail()
        loop.run_until_complete(first(generator))
        assert trail.seen == []
        loop.run_until_complete(loop.shutdown_asyncgens())
        assert trail.seen == ["closed"]

    async def test_without_any_does_nothing(self, loop):
        assert await loop.shutdown_asyncgens() is None

    async def test_leaves_finished_ones_alone(self, loop):
        trail = Trail()
        assert [number async for number in trail(3)] == [0, 1, 2]
        await loop.shutdown_asyncgens()
        assert trail.seen == ["closed"]

    def test_reports_errors(self, loop, reports):
        error = ValueError("while closing")

        async def generate():
            try:
                yield 1
            finally:
                raise error

        generator = generate()
        loop.run_until_complete(first(generator))
        loop.run_until_complete(loop.shutdown_asyncgens())
        (report,) = reports
        assert set(report) == {"message", "exception", "asyncgen"}
        assert report["message"] == (
            f"an error occurred during closing of asynchronous generator {generator!r}"
        )
        assert report["exception"] is error
        assert report["asyncgen"] is generator
        error.__traceback__ = None

    def test_later_ones_are_warned_about(self, loop):
        trail = Trail()

        async def main():
            await loop.shutdown_asyncgens()
            generator = trail()
            with pytest.warns(ResourceWarning) as caught:
                await generator.__anext__()
            await generator.aclose()
            text = (
                f"asynchronous generator {generator!r} was scheduled after "
                f"loop.shutdown_asyncgens() call"
            )
            return [str(warning.message) for warning in caught] == [text]

        assert loop.run_until_complete(main())

    def test_a_runner_closes_them_at_the_end(self, loop_factory):
        trail = Trail()
        generator = trail()

        async def main():
            await generator.__anext__()

        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(main())
            assert trail.seen == []
        assert trail.seen == ["closed"]


def test_one_dropped_after_the_loop_was_closed_is_harmless(loop):
    async def generate():
        yield 1
        yield 2

    generator = generate()
    loop.run_until_complete(first(generator))
    loop.close()
    del generator
    gc.collect()

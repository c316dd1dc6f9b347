"""Random histories of a reader, on asyncio's class and on ours: the same can be seen of both."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest
from streams.conftest import Recorder, streams_of

HISTORIES = 400
STEPS = 40
ALPHABET = b"ab\n\r"


def random_bytes(rng, most):
    return bytes(rng.choice(ALPHABET) for _ in range(rng.randrange(most + 1)))


def random_separator(rng):
    separator = random_bytes(rng, 3)
    if sys.version_info >= (3, 13) and rng.random() < 0.3:
        return tuple(random_bytes(rng, 3) for _ in range(rng.randrange(4)))
    return separator


def random_step(rng):
    kind = rng.choice(
        ["feed"] * 6
        + ["read", "exactly", "until", "line", "next", "all", "cancel", "turn", "turn"]
        + (["eof", "failure", "limit", "look", "shorten"] if rng.random() < 0.2 else [])
    )
    match kind:
        case "feed":
            return kind, random_bytes(rng, rng.choice([1, 3, 20]))
        case "read" | "exactly":
            return kind, rng.randrange(-1, 12)
        case "until":
            return kind, random_separator(rng)
        case "limit":
            return kind, rng.randrange(1, 12)
        case _:
            return kind, None


def history(seed):
    rng = random.Random(seed)
    limit = rng.choice([1, 3, 8, 2**16])
    return limit, [random_step(rng) for _ in range(STEPS)]


class Run:
    """One reader going through a history; `trace` is what could be seen."""

    def __init__(self, streams, loop, limit):
        self.reader = streams.StreamReader(limit=limit, loop=loop)
        self.transport = Recorder()
        self.reader.set_transport(self.transport)
        self.task = None
        self.trace = []

    def awaitable(self, kind, argument):
        match kind:
            case "read":
                return self.reader.read(argument)
            case "exactly":
                return self.reader.readexactly(argument)
            case "until":
                return self.reader.readuntil(argument)
            case "line":
                return self.reader.readline()
            case "next":
                return anext(self.reader)
            case "all":
                return self.reader.read()

    async def outcome(self, kind, argument):
        try:
            return await self.awaitable(kind, argument)
        except asyncio.CancelledError:
            return "cancelled"
        except StopAsyncIteration:
            return "stop"
        except Exception as failure:
            details = vars(failure) | {"cause": repr(failure.__context__)}
            return type(failure).__name__, str(failure), details

    async def briefly(self, kind, argument):
        task = asyncio.ensure_future(self.outcome(kind, argument))
        for _ in range(3):
            await asyncio.sleep(0)
        task.cancel()
        return await task

    async def step(self, kind, argument):
        if self.task is not None and self.task.done():
            self.trace.append(("done", self.task.result()))
            self.task = None
        match kind:
            case "feed":
                try:
                    self.reader.feed_data(argument)
                except AssertionError as failure:
                    self.trace.append(str(failure))
            case "eof":
                self.reader.feed_eof()
            case "failure":
                self.reader.set_exception(ValueError("failed"))
            case "limit":
                self.reader._limit = argument
            case "look":
                self.trace.append(bytes(self.reader._buffer))
            case "shorten":
                del self.reader._buffer[:1]
            case "cancel":
                if self.task is not None:
                    self.task.cancel()
            case "turn":
                await asyncio.sleep(0)
            case _ if self.task is not None:
                self.trace.append(("second", await self.briefly(kind, argument)))
            case _:
                self.task = asyncio.ensure_future(self.outcome(kind, argument))
                await asyncio.sleep(0)
        self.trace.append((self.reader.at_eof(), tuple(self.transport.calls)))
        if self.task is None:
            self.trace.append(repr(self.reader))

    async def go(self, steps):
        for step in steps:
            await self.step(*step)
        if self.task is not None:
            self.task.cancel()
            self.trace.append(("last", await self.task))
        self.trace.append(bytes(self.reader._buffer))
        return self.trace


@pytest.mark.parametrize("block", range(8))
async def test_random_histories_agree_with_stock(loop, block):
    stock, ours = streams_of("asyncio"), streams_of("asyncioxide")
    for seed in range(block * HISTORIES, (block + 1) * HISTORIES):
        limit, steps = history(seed)
        expected = await Run(stock, loop, limit).go(steps)
        assert await Run(ours, loop, limit).go(steps) == expected, f"seed {seed}"

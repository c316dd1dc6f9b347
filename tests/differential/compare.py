"""Runs a program on two libraries and says where they part."""

from __future__ import annotations

import asyncio
import functools
import itertools
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grammar
from grammar import Program
from world import Trace, World

NewLoop = Callable[[], asyncio.AbstractEventLoop]


@dataclass(frozen=True)
class Contender:
    """A library's names on a loop; any library has to work on any loop."""

    name: str
    names: Any
    new_loop: NewLoop
    task_class: Any

    def trace(self, program: Program) -> Trace:
        loop = self.new_loop()
        if grammar.has_group_of_several(program):
            loop.set_task_factory(self._make_task)
        try:
            with warnings.catch_warnings():
                # A coroutine that gather() or wait_for() refuses, or that is cancelled first.
                warnings.filterwarnings("ignore", "coroutine .* was never awaited")
                return World(self.names, loop).trace(program)
        finally:
            loop.close()

    def _make_task(self, loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
        """Makes tasks whose hashes do not depend on where they are.

        A group keeps its tasks in a set and cancels them in the set's order.
        """
        return _subclass(self.task_class)(coro, loop=loop, **options)


@functools.cache
def _subclass(task_class: Any) -> Any:
    return type("Task", (task_class,), {"__hash__": lambda task: 0})


@dataclass(frozen=True)
class Difference:
    """A program on which a contender leaves another trace than stock asyncio."""

    contender: Contender
    program: Program

    def shrunk(self) -> Difference:
        """The smallest program found that still shows a difference."""
        program = self.program
        while True:
            for less in grammar.smaller(program):
                if differs(self.contender, less):
                    program = less
                    break
            else:
                return Difference(self.contender, program)

    def __str__(self) -> str:
        expected = stock().trace(self.program)
        got = self.contender.trace(self.program)
        same = sum(
            1
            for _ in itertools.takewhile(
                lambda pair: pair[0] == pair[1], zip(expected, got, strict=False)
            )
        )
        lines = [f"{self.contender.name} differs on", f"  {self.program!r}", "after"]
        lines += [f"  {entry}" for entry in expected[max(0, same - 5) : same]]
        lines += ["asyncio:", *(f"  {entry}" for entry in expected[same : same + 3])]
        lines += [f"{self.contender.name}:", *(f"  {entry}" for entry in got[same : same + 3])]
        return "\n".join(lines)


def stock() -> Contender:
    """The oracle."""
    return Contender("asyncio", asyncio, asyncio.new_event_loop, asyncio.Task)


def contenders() -> list[Contender]:
    """Our names on our loop, and either of the two with stock asyncio's other half."""
    import asyncioxide

    new_loop = asyncioxide.new_event_loop
    return [
        Contender("asyncioxide", asyncioxide, new_loop, asyncioxide.Task),
        Contender(
            "asyncioxide on asyncio's loop", asyncioxide, asyncio.SelectorEventLoop, asyncio.Task
        ),
        Contender("asyncio on asyncioxide's loop", asyncio, new_loop, asyncioxide.Task),
    ]


def differs(contender: Contender, program: Program) -> bool:
    return bool(program) and contender.trace(program) != stock().trace(program)


def differences(program: Program, among: list[Contender]) -> Iterator[Difference]:
    """Where the contenders leave another trace than stock asyncio."""
    expected = stock().trace(program)
    for contender in among:
        if contender.trace(program) != expected:
            yield Difference(contender, program)

"""Random programs over asyncio's primitives, as plain data.

A program is a list of blocks, one for each task that is there at the beginning. A block is a list
of steps, and a step is a tuple of an operation's name and its arguments, of which some are blocks
again. `world.py` says what each operation does. A program can be printed, and read again by
`ast.literal_eval`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

Step = tuple[Any, ...]
Block = list[Step]
Program = list[Block]

LOCKS = EVENTS = CONDITIONS = SEMAPHORES = BARRIERS = 2
QUEUES = 4
FUTURES = 3
TASKS = 8
TIMEOUTS = 3

# Due at once, or never while a program runs: what lies between depends on the machine. A timeout
# ends between two turns of a program's choice when a task reschedules it.
DELAYS = (None, 0, -1, 1000)
WHENS = ("FIRST_COMPLETED", "FIRST_EXCEPTION", "ALL_COMPLETED")

# How deep blocks are nested: enough for a timeout around a group around a lock.
DEPTH = 3


def program(seed: int, number: int) -> Program:
    """The program of that number; the same on every Python and machine."""
    grammar = _Grammar(Random(seed * 1_000_003 + number))
    return [grammar.block(DEPTH) for _ in range(grammar.random.randint(2, 5))]


def has_group_of_several(blocks: Program) -> bool:
    """Whether there is a group of two tasks or more anywhere in the program."""
    for block in blocks:
        for operation, *arguments in block:
            if operation == "group" and len(arguments[0]) > 1:
                return True
            for argument in arguments:
                inner = [argument] if _is_block(argument) else argument
                if isinstance(inner, list) and has_group_of_several(inner):
                    return True
    return False


def smaller(blocks: Program) -> Iterator[Program]:
    """All programs that are this one less a task, a step, or what is around a block."""
    for index in range(len(blocks)):
        yield blocks[:index] + blocks[index + 1 :]
    for index, block in enumerate(blocks):
        for less in _smaller_blocks(block):
            yield [*blocks[:index], less, *blocks[index + 1 :]]


def _smaller_blocks(block: Block) -> Iterator[Block]:
    for index, step in enumerate(block):
        before, after = block[:index], block[index + 1 :]
        yield before + after
        for position, argument in enumerate(step):
            if _is_block(argument):
                yield before + argument + after
                for less in _smaller_blocks(argument):
                    yield [*before, _replaced(step, position, less), *after]
            elif isinstance(argument, list):
                for less in smaller(argument):
                    yield [*before, _replaced(step, position, less), *after]


def _is_block(argument: Any) -> bool:
    return isinstance(argument, list) and all(isinstance(step, tuple) for step in argument)


def _replaced(step: Step, position: int, argument: Any) -> Step:
    return (*step[:position], argument, *step[position + 1 :])


class _Grammar:
    def __init__(self, random: Random) -> None:
        self.random = random

    def block(self, depth: int) -> Block:
        return [self.step(depth) for _ in range(self.random.randint(1, 4))]

    def blocks(self, depth: int) -> list[Block]:
        return [self.block(depth) for _ in range(self.random.randint(0, 3))]

    def step(self, depth: int) -> Step:
        pick = self.random.choice
        if depth == 0 or self.random.random() < 0.6:
            return pick(_LEAVES)(self)
        return pick(_COMPOUNDS)(self, depth - 1)

    def below(self, limit: int) -> int:
        return self.random.randrange(limit)

    def delay(self) -> float | None:
        return self.random.choice(DELAYS)

    def flag(self) -> bool:
        return self.random.random() < 0.5


def _leaf(name: str, *limits: int) -> Callable[[_Grammar], Step]:
    return lambda grammar: (name, *(grammar.below(limit) for limit in limits))


# Repeated where an operation should come up more often.
_LEAVES: tuple[Callable[[_Grammar], Step], ...] = (
    _leaf("sleep"),
    _leaf("sleep"),
    _leaf("lock.acquire", LOCKS),
    _leaf("lock.release", LOCKS),
    _leaf("event.wait", EVENTS),
    _leaf("event.set", EVENTS),
    _leaf("event.clear", EVENTS),
    _leaf("condition.acquire", CONDITIONS),
    _leaf("condition.release", CONDITIONS),
    _leaf("condition.wait", CONDITIONS),
    _leaf("condition.notify", CONDITIONS, 3),
    _leaf("condition.notify_all", CONDITIONS),
    _leaf("semaphore.acquire", SEMAPHORES),
    _leaf("semaphore.release", SEMAPHORES),
    _leaf("barrier.wait", BARRIERS),
    _leaf("barrier.wait", BARRIERS),
    _leaf("barrier.reset", BARRIERS),
    _leaf("barrier.abort", BARRIERS),
    _leaf("queue.put", QUEUES, 5),
    _leaf("queue.put", QUEUES, 5),
    _leaf("queue.get", QUEUES),
    _leaf("queue.get", QUEUES),
    _leaf("queue.put_nowait", QUEUES, 5),
    _leaf("queue.get_nowait", QUEUES),
    _leaf("queue.task_done", QUEUES),
    _leaf("queue.join", QUEUES),
    lambda grammar: ("queue.shutdown", grammar.below(QUEUES), grammar.flag()),
    _leaf("future.set", FUTURES),
    _leaf("future.fail", FUTURES),
    _leaf("future.cancel", FUTURES),
    _leaf("future.await", FUTURES),
    _leaf("future.shield", FUTURES),
    lambda grammar: ("future.wait_for", grammar.below(FUTURES), grammar.delay()),
    _leaf("task.cancel", TASKS),
    _leaf("task.cancel", TASKS),
    _leaf("task.await", TASKS),
    _leaf("task.shield", TASKS),
    _leaf("uncancel"),
    lambda grammar: (
        "wait",
        tuple(grammar.below(TASKS) for _ in range(grammar.random.randint(1, 3))),
        grammar.delay(),
        grammar.random.choice(WHENS),
    ),
    lambda grammar: ("reschedule", grammar.below(TIMEOUTS), grammar.delay()),
    lambda grammar: ("soon", grammar.step(0)),
    _leaf("raise"),
)

_COMPOUNDS: tuple[Callable[[_Grammar, int], Step], ...] = (
    lambda grammar, depth: ("with lock", grammar.below(LOCKS), grammar.block(depth)),
    lambda grammar, depth: ("with condition", grammar.below(CONDITIONS), grammar.block(depth)),
    lambda grammar, depth: ("with semaphore", grammar.below(SEMAPHORES), grammar.block(depth)),
    lambda grammar, depth: ("with barrier", grammar.below(BARRIERS), grammar.block(depth)),
    lambda grammar, depth: ("timeout", grammar.delay(), grammar.block(depth)),
    lambda grammar, depth: ("timeout", grammar.delay(), grammar.block(depth)),
    lambda grammar, depth: ("wait_for", grammar.delay(), grammar.block(depth)),
    lambda grammar, depth: ("group", grammar.blocks(depth), grammar.block(depth)),
    lambda grammar, depth: ("group", grammar.blocks(depth), grammar.block(depth)),
    lambda grammar, depth: ("gather", grammar.flag(), grammar.blocks(depth)),
    lambda grammar, depth: ("as_completed", grammar.delay(), grammar.blocks(depth)),
    lambda grammar, depth: ("async as_completed", grammar.delay(), grammar.blocks(depth)),
    lambda grammar, depth: ("shield", grammar.block(depth)),
    lambda grammar, depth: ("spawn", grammar.block(depth)),
    lambda grammar, depth: ("swallow", grammar.block(depth)),
    lambda grammar, depth: ("finally", grammar.block(depth), grammar.block(depth)),
)

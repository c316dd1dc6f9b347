"""Random programs over the primitives leave the trace that they leave on stock asyncio.

The first programs of `differential.py`, which has many more, and the tests of its own parts.
"""

from __future__ import annotations

import ast
import asyncio
import subprocess
import sys

import compare
import differential
import grammar
import pytest

SEED = 1
BATCH = 100
BATCHES = 15


@pytest.mark.parametrize("number", range(BATCHES))
def test_programs_leave_the_trace_that_they_leave_on_asyncio(number):
    among = compare.contenders()
    for program in range(number * BATCH, (number + 1) * BATCH):
        for difference in compare.differences(grammar.program(SEED, program), among):
            pytest.fail(f"program {program}: {difference.shrunk()}")


def test_a_program_is_the_same_whenever_it_is_made():
    assert grammar.program(3, 7) == grammar.program(3, 7) != grammar.program(3, 8)


def test_a_program_can_be_read_from_what_is_printed():
    program = grammar.program(3, 7)
    assert ast.literal_eval(repr(program)) == program


class Lock(asyncio.Lock):
    """Lets others go first."""

    async def acquire(self):
        await asyncio.sleep(0)
        return await super().acquire()


class UnfairNames:
    Lock = Lock

    def __getattr__(self, name):
        return getattr(asyncio, name)


def test_a_difference_is_found_and_shrunk_to_what_shows_it():
    unfair = compare.Contender("unfair", UnfairNames(), asyncio.new_event_loop, asyncio.Task)
    found = next(
        difference
        for number in range(100)
        for difference in compare.differences(grammar.program(SEED, number), [unfair])
    )
    shrunk = found.shrunk()
    assert sum(map(len, shrunk.program)) == 1
    assert "lock" in str(shrunk)


def test_the_command_runs_one_program():
    command = [sys.executable, differential.__file__, "--only", "0", "--jobs", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "1 programs with seed 1" in ended.stdout

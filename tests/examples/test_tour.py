"""The programs of the tour, each run as a program: the same words on stock asyncio and on ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

TOUR = Path(__file__).resolve().parents[2] / "examples" / "tour"
LOOPS = ("asyncio", "asyncioxide")
END_LIMIT_S = 50

EXPECTED = {
    "lifecycle": """\
made: at rest
first
handler: ValueError('a callback failed')
second: running
timer of 10 ms
timer of 20 ms
stopped: at rest
third
the same turn as stop
stopped again: at rest
after close: closed
refused: Event loop is closed
""",
    "tasks": """\
first completed: quick | pending: slow
after a time: pending: slow
cancelled: [True] | pending: none
first exception: wrong | pending: never
kept: TypeError("'<=' not supported between instances of 'str' and 'int'")
as completed: ['b', 'c', 'a'] | in order: ['a', 'b', 'c']
raised is kept: True
caught inside: did not sleep
p: done=False cancelled=False result raises InvalidStateError
f: done=True cancelled=False result 'f'
e: done=True cancelled=False result raises TypeError
c: done=True cancelled=True result raises CancelledError
""",
    "executors": """\
done before the word: [False, False, False]
threads: ['asyncio', 'mine', 'asyncio']
keywords, by partial: 255
failure: ValueError
primes: [5133, 5133]
in other processes: True
the loop ticked meanwhile: True
failure: ValueError
a lambda cannot be pickled: True
""",
    "queues": """\
put asked for, in the queue: 0
after its turn: 1
taken: letter
worked on: 200 each once: True
the items of a in order: True
the items of b in order: True
never more than its places: True
by priority: ['now', 'later', 'last']
last in, first out: ['now', 'last', 'later']
""",
    "hello": """\
arrived: ['world', 'Hello']
Hello world!
""",
    "styles": """\
user 1
  callbacks:  Ada: tea and cake for 7
  futures:    Ada: tea and cake for 7
  coroutines: Ada: tea and cake for 7
user 2
  callbacks:  failed for want of 'gold'
  futures:    failed for want of 'gold'
  coroutines: failed for want of 'gold'
user 3
  callbacks:  failed for want of 3
  futures:    failed for want of 3
  coroutines: failed for want of 3
""",
    "iterators": """\
by hand: [3, 2, 1]
others ran meanwhile: True
a generator, left early:
  3
  2
  the generator is closed
comprehension: {4: 16, 2: 4}
lines of a stream: ['one', 'two', 'three']
context manager by hand:
  connected
  working
  disconnected after all went well
  connected
  disconnected after ConnectionResetError
as a generator: ['begin', 'work', 'commit', 'begin', 'roll back', 'goes on outside']
lock: ['a in', 'a out', 'b in', 'b out']
deadline: passed
""",
}

ONE_BY_ONE = "".join(f"  {number} begins\n  {number} is over\n" for number in (1, 2, 3))
SIDE_BY_SIDE = "".join(
    f"  {number} {what}\n" for what in ("begins", "is over") for number in (1, 2, 3)
)
NAPS = f"callbacks:\n{ONE_BY_ONE}coroutines:\n{SIDE_BY_SIDE}a coroutine that blocks:\n{ONE_BY_ONE}"


def run(program: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(TOUR / f"{program}.py"), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=END_LIMIT_S)


def output(program: str, loop_name: str, *options: object) -> str:
    """Runs a program that must succeed in silence: what it printed."""
    done = run(program, "--loop", loop_name, *options)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


def line_of(program: str, text: str) -> int:
    """The number of the first line of a program that has this text."""
    lines = (TOUR / f"{program}.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("program", EXPECTED)
def test_prints_what_it_shows(program: str, loop_name: str) -> None:
    assert output(program, loop_name) == EXPECTED[program]


@pytest.mark.parametrize("loop_name", LOOPS)
def test_channels_pass_values_both_ways(loop_name: str) -> None:
    place = re.escape(f"{TOUR / 'generators.py'}:{line_of('generators', 'await middle(answer)')}")
    expected = rf"""send:
  asked 3
  answered 6
  asked 8
  answered 16
yield from: \[6, 30\]
waiting: outer > middle > inner
task: <Task pending name='chain' coro=<outer\(\) running at {place}> wait_for=<Future pending .*>>
stack: \['outer'\]
outer got HELLO!
"""
    printed = output("generators", loop_name)
    assert re.fullmatch(expected, printed), printed


@pytest.mark.parametrize("loop_name", LOOPS)
def test_naps_that_block_come_one_by_one(loop_name: str) -> None:
    assert output("blocking", loop_name, "--seconds", 0.05) == NAPS


@pytest.mark.parametrize("loop_name", LOOPS)
def test_debug_mode_names_what_blocks(loop_name: str) -> None:
    done = run("blocking", "--debug", "--loop", loop_name, "--seconds", 0.2)
    assert done.returncode == 0
    assert done.stdout == NAPS
    place = TOUR / "blocking.py"
    made_at = line_of("blocking", "loop.call_soon(nap")
    for number in (1, 2, 3):
        handle = (
            f"Executing <Handle nap({number}, 0.2) at {place}:{line_of('blocking', 'def nap(')} "
            f"created at {place}:{made_at}> took 0."
        )
        assert handle in done.stderr
    slow_steps = re.findall(
        r"^Executing <Task .*rude_nap\(\).* took 0\.", done.stderr, re.MULTILINE
    )
    assert len(slow_steps) == 3
    assert "gentle_nap" not in done.stderr


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_coroutine_takes_a_small_part_of_what_a_thread_does(loop_name: str) -> None:
    printed = output("memory", loop_name)
    figures = re.fullmatch(
        r"""10000 coroutines wait at once: True
each has answered: True
100 threads wait at once: True
a coroutine takes (\d+\.\d) KiB
a thread takes (\d+\.\d) KiB and reserves (\d+) KiB: (\d+) times as much
""",
        printed,
    )
    assert figures is not None, printed
    coroutine, thread, reserved, ratio = map(float, figures.groups())
    assert 0.5 < coroutine < 8
    assert coroutine < thread < reserved
    assert ratio > 100


PROGRAMS = sorted(path.stem for path in TOUR.glob("*.py") if "__main__" in path.read_text())


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_names_each_option(program: str) -> None:
    done = run(program, "--help")
    assert done.returncode == 0
    source = (TOUR / f"{program}.py").read_text()
    for option in ["--loop", *re.findall(r'"(--[a-z]+)"', source)]:
        assert option in done.stdout


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ("blocking", "--seconds=0"),
        ("blocking", "--seconds=nan"),
        ("queues", "--size=0"),
        ("executors", "--workers=none"),
        ("hello", "--loop=twisted"),
    ],
)
def test_wrong_option_is_refused_by_name(program: str, wrong: str) -> None:
    done = run(program, wrong)
    assert done.returncode == 2
    assert done.stdout == ""
    assert wrong.partition("=")[0] in done.stderr

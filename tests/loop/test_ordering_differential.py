"""Random programs leave the same trace, turn by turn, on stock asyncio and here."""

from __future__ import annotations

import asyncio

import pytest
from harness.programs import Run, programs
from hypothesis import HealthCheck, given, settings

pytestmark = [
    pytest.mark.ordering,
    # It asks the collector who refers to its generators, and the conftest hides that.
    pytest.mark.filterwarnings("ignore:It looks like `register_random`"),
]

thorough = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def trace_of(make_loop, sleep, program):
    loop = make_loop()
    try:
        run = Run(loop, sleep)
        trace = run.trace(program)
        run.clean_up()
    finally:
        loop.close()
    return trace


@thorough
@given(program=programs)
def test_a_program_leaves_the_trace_it_leaves_on_asyncio(program, loop_factory):
    expected = trace_of(asyncio.new_event_loop, asyncio.sleep, program)
    assert trace_of(loop_factory, asyncio.sleep, program) == expected


@thorough
@given(program=programs)
def test_native_sleep_leaves_the_trace_of_asyncio_sleep(program, loop_factory, names):
    expected = trace_of(asyncio.new_event_loop, asyncio.sleep, program)
    assert trace_of(loop_factory, names.sleep, program) == expected

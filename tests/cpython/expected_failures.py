"""The tests of CPython that cannot pass on asyncioxide yet, each with the missing part.

The list is strict: a test on it that passes is reported as a failure, and so is one that
crashes, or that hangs without being marked. It can only get shorter.
"""

from __future__ import annotations

from conformance.rules import Rule, needs

CALL_GRAPH = "the call graph of tasks and futures"

GRAPH_TESTS = (
    "test_stack_as_completed",
    "test_stack_as_completed_timeout",
    "test_stack_future",
    "test_stack_gather",
    "test_stack_shield",
    "test_stack_tgroup",
    "test_stack_timeout",
    "test_stack_wait",
    "test_stack_wait_for_non_positive_timeout",
)


TESTS: list[Rule] = [
    *needs(
        CALL_GRAPH,
        "test_graph",
        *(f"TestCallStackC.{name}" for name in GRAPH_TESTS),
        since=(3, 14),
    ),
]

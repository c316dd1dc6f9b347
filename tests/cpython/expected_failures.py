"""The tests of CPython that cannot pass on asyncioxide yet, each with the missing part.

The list is strict: a test on it that passes is reported as a failure, and so is one that
crashes, or that hangs without being marked. It can only get shorter.
"""

from __future__ import annotations

from conformance.rules import Rule, needs

UDP = "UDP"
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


_BASE_EVENTS: list[Rule] = [
    *needs(
        UDP, "test_base_events", "BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_*"
    ),
]

_EVENTS: list[Rule] = [
    *needs(UDP, "test_events", "EPollEventLoopTests.test_create_datagram_endpoint*"),
    *needs(UDP, "test_events", "EPollEventLoopTests.test_datagram_*", certain=False),
]

_REST: list[Rule] = [
    *needs(UDP, "test_sendfile", "EPollEventLoopTests.test_sendfile_not_supported"),
    *needs(
        CALL_GRAPH,
        "test_graph",
        *(f"TestCallStackC.{name}" for name in GRAPH_TESTS),
        since=(3, 14),
    ),
]

TESTS: list[Rule] = [*_BASE_EVENTS, *_EVENTS, *_REST]

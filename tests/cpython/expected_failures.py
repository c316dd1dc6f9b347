"""The tests of CPython that cannot pass on asyncioxide yet, each with the missing part.

The list is strict: a test on it that passes is reported as a failure, and so is one that
crashes, or that hangs without being marked. That of the loop is empty, and stays so: an entry is
for a part that is being built.
"""

from __future__ import annotations

from conformance.rules import Rule, needs

TESTS: list[Rule] = []

# With --namespace.
NAMESPACE: list[Rule] = [
    *needs(
        "tasks of a loop that runs while asyncio.events has its pure-Python running loop",
        "test_events",
        """
        TestPyGetEventLoop.test_get_event_loop_new_process
        TestPyGetEventLoop.test_get_event_loop_returns_running_loop
        TestPyGetEventLoop.test_get_event_loop_returns_running_loop2
        TestPyGetEventLoop.test_get_running_loop_already_running
        """,
        since=(3, 14),
        hangs=True,
    ),
]

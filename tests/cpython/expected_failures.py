"""The tests of CPython that cannot pass on asyncioxide yet, each with the missing part.

The list is strict: a test on it that passes is reported as a failure, and so is one that
crashes, or that hangs without being marked. That of the loop is empty, and stays so: an entry is
for a part that is being built.
"""

from __future__ import annotations

from conformance.rules import Rule

TESTS: list[Rule] = []

# With --namespace.
NAMESPACE: list[Rule] = []

"""The plugin that pytest gets: the loop under test first of all, and how each test ended.

It is imported before anything of the library's is, in xdist's workers too, so that a library finds
the names that are ours however it takes them. The outcomes go to a file, line by line, so that what
is known when a run ends badly is not lost.
"""

from __future__ import annotations

import os
from typing import Any

OURS = "asyncioxide"
# Set by run.py.
KIND_VARIABLE = "LIBRARY_SUITE_KIND"
OUTCOMES_VARIABLE = "LIBRARY_SUITE_OUTCOMES"

if os.environ.get(KIND_VARIABLE) == OURS:
    import asyncioxide

    asyncioxide.install()


def pytest_runtest_logreport(report: Any) -> None:
    """Notes the outcome of one of a test's three parts: setting up, the call, tearing down."""
    # The controller hears of its workers' tests.
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    expected = hasattr(report, "wasxfail")
    outcome = "xfailed" if expected and report.skipped else report.outcome
    with open(os.environ[OUTCOMES_VARIABLE], "a", encoding="utf-8") as file:
        print(outcome, ascii(report.nodeid)[1:-1], sep="\t", file=file)

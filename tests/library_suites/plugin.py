"""The plugin that pytest gets: the loop under test first of all, and how each test ended.

It is imported before anything of the library's is, in xdist's workers too, so that a library finds
the names that are ours however it takes them. The outcomes go to a file, line by line, so that what
is known when a run ends badly is not lost.
"""

from __future__ import annotations

import logging
import os
from typing import Any

OURS = "asyncioxide"
# Set by run.py.
KIND_VARIABLE = "LIBRARY_SUITE_KIND"
OUTCOMES_VARIABLE = "LIBRARY_SUITE_OUTCOMES"
# A file with the names of the only tests to run, if not all of them are.
WANTED_VARIABLE = "LIBRARY_SUITE_WANTED"
# The logger that the library's own runner silences.
SILENT_VARIABLE = "LIBRARY_SUITE_SILENT"

if os.environ.get(KIND_VARIABLE) == OURS:
    import asyncioxide

    asyncioxide.install()


def pytest_runtest_setup() -> None:
    """Silences that logger for each test anew: some of them set its level."""
    if silent := os.environ.get(SILENT_VARIABLE):
        logging.getLogger(silent).setLevel(logging.CRITICAL)


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Leaves the tests that were asked for: not all names can be given as arguments again."""
    if wanted := os.environ.get(WANTED_VARIABLE):
        with open(wanted, encoding="utf-8") as file:
            names = set(file.read().splitlines())
        items[:] = [item for item in items if as_line(item.nodeid) in names]


def pytest_runtest_logreport(report: Any) -> None:
    """Notes the outcome of one of a test's three parts: setting up, the call, tearing down."""
    # The controller hears of its workers' tests.
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    expected = hasattr(report, "wasxfail")
    outcome = "xfailed" if expected and report.skipped else report.outcome
    with open(os.environ[OUTCOMES_VARIABLE], "a", encoding="utf-8") as file:
        print(outcome, as_line(report.nodeid), sep="\t", file=file)


def as_line(test: str) -> str:
    """The name of a test, which can have anything in it, in one line."""
    return ascii(test)[1:-1]

"""Runs one module of uvloop's suite in this process; `run.py` starts it.

The suite runs each shared test twice: in a class that derives from `UVTestCase`, which
makes its loops with `uvloop`, and in one that derives from `AIOTestCase`. The first kind
gets the loop under test, since `uvloop` is that of the folder `stand_in`; the second
kind, which would test stock asyncio, is excluded.
"""

from __future__ import annotations

import importlib
import sys
import types
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import exclusions
from conformance import work
from conformance.job import Job

UVLOOP = "uvloop"
STOCK = "asyncio"
NEITHER = "another loop"


def load_module(job: Job) -> types.ModuleType:
    """The test module, pointed at the loop by the `uvloop` that it imports."""
    assert job.folder is not None
    package = types.ModuleType(job.package)
    package.__path__ = [job.folder]
    sys.modules[job.package] = package
    if job.loop == UVLOOP:
        _use_testbase_of(job)
    else:
        _be_asyncio(importlib.import_module("uvloop._testbase").UVTestCase)
    return importlib.import_module(f"{job.package}.{job.module}")


def _use_testbase_of(job: Job) -> None:
    """The installed uvloop ships its `_testbase` too; the suite's own goes with its tests."""
    uvloop: Any = importlib.import_module("uvloop")
    uvloop.__path__.insert(0, str(Path(job.folder or "").with_name("testbase")))


def _be_asyncio(case: Any) -> None:
    """Has the tests expect what asyncio does where uvloop does something else.

    Many tests skip themselves on asyncio, for what was missing in some old version of it.
    Such a skip is not taken: the test is repeated as one of a third loop.
    """
    case.implementation = STOCK
    case.is_asyncio_loop = lambda self: True
    original: Callable[[Any, Callable[[], Any]], None] = case._callTestMethod

    def _callTestMethod(self: Any, method: Callable[[], Any]) -> None:
        try:
            original(self, method)
        except unittest.SkipTest:
            self.tearDown()
            self.implementation = NEITHER
            self.setUp()
            original(self, method)

    case._callTestMethod = _callTestMethod


if __name__ == "__main__":
    loop = Job.load(Path(sys.argv[1])).loop
    work.run(sys.argv[1:], load_module, exclusions.tests_left_out(loop))

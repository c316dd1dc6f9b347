"""Stands for uvloop in its tests and in the programs that they start.

Its loops are those of the loop under test; run.py puts this folder on PYTHONPATH and says
in the environment which loop that is and where uvloop's suite is.
"""

import asyncio
import functools
import importlib
import os
import warnings

LOOP = os.environ["UVLOOP_SUITE_LOOP"]
OPTIONS = {"poll_every_turn": True} if os.environ["UVLOOP_SUITE_POLL_EVERY_TURN"] else {}

__version__ = "0"
__path__.append(os.environ["UVLOOP_SUITE_TESTBASE"])  # for uvloop._testbase


def _factory():
    module, _, path = LOOP.partition(":")
    return functools.reduce(getattr, path.split("."), importlib.import_module(module))


new_event_loop = functools.partial(_factory(), **OPTIONS)
_probe = new_event_loop()
Loop = type(_probe)
_probe.close()

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    _StockPolicy = asyncio.DefaultEventLoopPolicy


class EventLoopPolicy(_StockPolicy):
    """The stock policy, child watcher and all, with loops under test."""

    _loop_factory = staticmethod(new_event_loop)


def run(main, *, loop_factory=new_event_loop, debug=None):
    with asyncio.Runner(loop_factory=loop_factory, debug=debug) as runner:
        return runner.run(main)

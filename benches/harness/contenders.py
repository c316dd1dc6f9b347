"""The loops that can be compared, by name."""

import asyncio
import importlib

from harness.row import LoopFactory

SUBJECT = "asyncioxide"
# What stands in a loop's column and is none.
LIMIT = "limit"
BASELINES = ("uvloop", "asyncio")

# Each gives its loop under the name `new_event_loop`.
LOOPS = ("asyncio", "uvloop", "rloop", "rsloop", "zuvloop", SUBJECT)


def loop_factory(name: str) -> LoopFactory:
    """What makes a loop of that name."""
    if name == "asyncio":
        return asyncio.new_event_loop
    factory: LoopFactory = importlib.import_module(name).new_event_loop
    return factory

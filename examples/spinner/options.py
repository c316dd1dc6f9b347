"""The command line that the three spinners share, and the choice of the event loop."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import math
import sys
from collections.abc import Callable

LOOPS = ("asyncioxide", "asyncio", "uvloop")  # each has its new_event_loop()

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


def parse(description: str) -> argparse.Namespace:
    """Read ``--loop`` and ``--seconds``; a wrong value ends the program with its reason."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--loop",
        choices=LOOPS,
        default=LOOPS[0],
        help="whose event loop runs the program; the thread version needs none (%(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=_duration,
        default=3.0,
        metavar="S",
        help="how long the slow function thinks (%(default)s)",
    )
    return parser.parse_args()


def loop_factory(name: str) -> LoopFactory:
    """Give ``new_event_loop`` of the chosen package, imported only now."""
    try:
        package = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        source = "." if name == "asyncioxide" else name
        sys.exit(f"{name} is not installed: run `pip install {source}` in the project's folder")
    factory: LoopFactory = package.new_event_loop
    return factory


def _duration(text: str) -> float:
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError(f"not a duration in seconds: {text}")
    return seconds

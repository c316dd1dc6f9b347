"""What the programs share, those of the tour and others: ``--loop``, and a runner on that loop."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import math
import sys
from pathlib import Path

# The choice of the loop is that of the flag downloader, in the folder beside this one.
sys.path.append(str(Path(__file__).resolve().parents[1] / "flags"))

from loops import LOOPS, loop_factory

__all__ = ["count", "new_loop", "parser", "port", "require", "runner", "seconds"]


def parser(description: str) -> argparse.ArgumentParser:
    """Give a parser that knows ``--loop``, for a program to add its own options to."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument(
        "--loop",
        choices=LOOPS,
        default=LOOPS[0],
        help="whose event loop runs the program (%(default)s)",
    )
    return made


def require(*packages: str) -> None:
    """End the program with what to do where a package is missing: status 2."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f"not installed: {', '.join(missing)}; run `pip install -r requirements/examples.txt` "
            "in the project's folder",
            file=sys.stderr,
        )
        raise SystemExit(2)


def new_loop(arguments: argparse.Namespace) -> asyncio.AbstractEventLoop:
    """Make the chosen loop, for a program that runs and closes it itself."""
    loop: asyncio.AbstractEventLoop = loop_factory(arguments.loop)()
    return loop


def runner(arguments: argparse.Namespace, *, debug: bool | None = None) -> asyncio.Runner:
    """Give a runner on the chosen loop; ``debug`` as for ``asyncio.Runner``."""
    return asyncio.Runner(loop_factory=loop_factory(arguments.loop), debug=debug)


def seconds(text: str) -> float:
    """Read a finite duration above 0, as the ``type`` of an option."""
    value = float(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"not a duration above 0 seconds: {text}")
    return value


def count(text: str) -> int:
    """Read a whole number above 0, as the ``type`` of an option."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"not a number above 0: {text}")
    return value


def port(text: str) -> int:
    """Read a port, 0 for any free one, as the ``type`` of an option."""
    value = int(text)
    if not 0 <= value <= 65535:
        raise argparse.ArgumentTypeError(f"not a port: {text}")
    return value

"""Command-line options that several of the programs share, and the kinds of values they take."""

from __future__ import annotations

import argparse
import math

import loops

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8676


def add_loop_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--loop``."""
    parser.add_argument(
        "--loop",
        choices=loops.LOOPS,
        default=loops.LOOPS[0],
        help="whose event loop runs the program (%(default)s)",
    )


def add_serving_options(parser: argparse.ArgumentParser) -> None:
    """Add what the server and the proxy take."""
    add_loop_option(parser)
    parser.add_argument("--host", default=DEFAULT_HOST, help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port",
        type=port_number,
        default=DEFAULT_PORT,
        help="port to listen on; 0 takes a free one (%(default)s)",
    )
    parser.add_argument(
        "--delay",
        type=duration,
        default=0.150,
        metavar="S",
        help="seconds before each answer (%(default)s)",
    )


def duration(text: str) -> float:
    """Read seconds: a number, not negative, not endless."""
    seconds = float(text)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise argparse.ArgumentTypeError(f"not a duration in seconds: {text}")
    return seconds


def port_number(text: str) -> int:
    """Read a port."""
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"not a port: {text}")
    return port


def positive(text: str) -> int:
    """Read a count of at least one."""
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"not a count of at least one: {text}")
    return count

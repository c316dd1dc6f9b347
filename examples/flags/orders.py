"""What a client is asked to do, and the clock it does it by."""

from __future__ import annotations

import argparse
import gc
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import arguments
import pictures
from tally import Tally

PROBE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Orders:
    """A client's command line."""

    host: str
    port: int
    seconds: float
    rounds: int
    save: Path | None
    progress: bool
    loop: str


def read(client: str, description: str, *, on_a_loop: bool) -> tuple[Orders, Tally]:
    """Read the command line of ``client``; end the program if it is wrong or nobody serves."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", default=arguments.DEFAULT_HOST, help="the server's (%(default)s)")
    parser.add_argument(
        "--port",
        type=arguments.port_number,
        default=arguments.DEFAULT_PORT,
        help="the server's (%(default)s)",
    )
    parser.add_argument(
        "--seconds",
        type=arguments.duration,
        default=10.0,
        metavar="S",
        help="ask no more after so long, and report what was done (%(default)s)",
    )
    parser.add_argument(
        "--rounds",
        type=arguments.positive,
        default=1,
        metavar="N",
        help="ask for everything N times, if the seconds suffice (%(default)s)",
    )
    parser.add_argument("--save", type=Path, metavar="DIR", help="keep the pictures in this folder")
    parser.add_argument(
        "--progress", action="store_true", help="print lines of progress before the result"
    )
    if on_a_loop:
        arguments.add_loop_option(parser)
    options = parser.parse_args()
    orders = Orders(
        options.host,
        options.port,
        options.seconds,
        options.rounds,
        options.save,
        options.progress,
        options.loop if on_a_loop else "none",
    )
    _probe(orders)
    if orders.save is not None:
        orders.save.mkdir(parents=True, exist_ok=True)
    return orders, Tally(client, orders.loop, save=orders.save, progress=orders.progress)


def carry_out(orders: Orders, tally: Tally, one_round: Callable[[float], None]) -> None:
    """Run the rounds, each told its deadline; then print the result and leave.

    The pictures to compare with are drawn before the clock starts, as the imports were done. After
    the first, a round is begun only if another one as long would be over in time.
    """
    pictures.all_pictures()
    deadline = time.monotonic() + orders.seconds
    for number in range(orders.rounds):
        if number and time.monotonic() + tally.last_round_seconds > deadline:
            break
        gc.collect()  # what a round leaves behind is not the next one's cost
        with tally.timed():
            one_round(deadline)
    tally.report()
    sys.exit(0 if tally.clean else 1)


def _probe(orders: Orders) -> None:
    try:
        socket.create_connection((orders.host, orders.port), PROBE_TIMEOUT_S).close()
    except OSError as error:
        sys.exit(
            f"no server at {orders.host}, port {orders.port} ({error.strerror or error}): "
            "start `python examples/flags/server.py`"
        )

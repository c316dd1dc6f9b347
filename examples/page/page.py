"""A web page that is built from two database queries at once.

    python examples/page/page.py                           # SQLite; the address to open is printed
    python examples/page/page.py --database postgresql     # PostgreSQL, started by the example
    python examples/page/page.py --once                    # asks for the page itself, and compares

The two queries have nothing to do with each other, so the page waits for both at the same time and
is ready when the slower one is: ``Shop.facts`` in ``shop.py``. ``/?sequential`` asks for one after
the other, for comparison; ``/?customer=2`` shows another customer.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import options

if TYPE_CHECKING:
    from books import Database


def main() -> int:
    """Serve or show the page, on the chosen loop, over the chosen database."""
    parser = options.parser("A web page built from two database queries at once.")
    parser.add_argument(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what is asked; the example starts its own PostgreSQL (%(default)s)",
    )
    parser.add_argument(
        "--delay",
        type=options.seconds,
        default=0.2,
        metavar="S",
        help="how long each query takes (%(default)s)",
    )
    parser.add_argument(
        "--port",
        type=options.port,
        default=8080,
        metavar="N",
        help="where to listen on 127.0.0.1; 0 takes a free port (%(default)s)",
    )
    parser.add_argument(
        "--once", action="store_true", help="ask for the page, show it and end, serving nobody else"
    )
    arguments = parser.parse_args()
    options.require("aiohttp", "asyncpg", "rich")
    import postgres

    with options.runner(arguments) as runner:
        try:
            runner.run(work(arguments))
        except postgres.Failure as failure:
            print(failure, file=sys.stderr)
            return 1
    return 0


async def work(arguments: argparse.Namespace) -> None:
    """Open the database, and do what the command line says."""
    import postgres
    import sqlite
    from visitor import ask_once

    opening: AbstractAsyncContextManager[Database]
    opening = sqlite.database() if arguments.database == "sqlite" else postgres.database()
    async with opening as database:
        if arguments.once:
            await ask_once(database, arguments.delay)
        else:
            await serve(database, arguments.port, arguments.delay)


async def serve(database: Database, port: int, delay: float) -> None:
    """Serve the page until SIGINT or SIGTERM."""
    from shop import Shop, serving

    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with serving(Shop(database, delay), port) as address:
        print(address, flush=True)
        await ended.wait()


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130) from None

"""The flag downloader with a pool of threads: as many requests at a time as threads."""

from __future__ import annotations

import http.client
import time
from concurrent.futures import ThreadPoolExecutor

import codes
import orders
from client_sequential import GRACE_S, get_flag
from orders import Orders
from tally import Tally

THREADS = 20

Outcome = tuple[int, bytes] | Exception | None


def download_one(order: Orders, code: str, deadline: float) -> Outcome:
    """Ask for one picture in a thread of the pool; ``None`` after the deadline."""
    left = deadline - time.monotonic()
    if left <= 0:
        return None
    try:
        return get_flag(order.host, order.port, code, left + GRACE_S)
    except (OSError, http.client.HTTPException) as error:
        return error


def download_many(order: Orders, tally: Tally, deadline: float) -> None:
    """Ask for all of them until the deadline; the main thread counts."""
    names = codes.shuffled()
    with ThreadPoolExecutor(max_workers=THREADS) as pool:
        outcomes = pool.map(lambda code: download_one(order, code, deadline), names)
        for code, outcome in zip(names, outcomes, strict=True):
            if isinstance(outcome, Exception):
                tally.fail(code, outcome)
            elif outcome is not None:
                tally.record(code, *outcome)


def main() -> None:
    """Run the client with threads."""
    order, tally = orders.read(
        "threads", f"Download the pictures with {THREADS} threads.", on_a_loop=False
    )
    orders.carry_out(order, tally, lambda deadline: download_many(order, tally, deadline))


if __name__ == "__main__":
    main()

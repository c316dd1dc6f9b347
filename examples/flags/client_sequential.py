"""The flag downloader, one request after the other: each waits for the one before."""

from __future__ import annotations

import http.client
import time

import codes
import orders
from orders import Orders
from tally import Tally

GRACE_S = 5.0  # for the request under way at the deadline


def get_flag(host: str, port: int, code: str, timeout_s: float) -> tuple[int, bytes]:
    """Ask for one picture: the status and what came."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request("GET", codes.path_of(code), headers={"Connection": "close"})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def download_many(order: Orders, tally: Tally, deadline: float) -> None:
    """Ask for all of them until the deadline."""
    for code in codes.shuffled():
        left = deadline - time.monotonic()
        if left <= 0:
            return
        try:
            status, body = get_flag(order.host, order.port, code, left + GRACE_S)
        except (OSError, http.client.HTTPException) as error:
            tally.fail(code, error)
        else:
            tally.record(code, status, body)


def main() -> None:
    """Run the sequential client."""
    order, tally = orders.read(
        "sequential", "Download the pictures one after the other.", on_a_loop=False
    )
    orders.carry_out(order, tally, lambda deadline: download_many(order, tally, deadline))


if __name__ == "__main__":
    main()

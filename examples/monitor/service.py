"""A Thrift service with two bugs, on thriftpy2's asyncio server.

``monitor.py`` runs and watches it. It listens on a Unix socket, logs to standard error, and ends on
SIGTERM and SIGINT.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import options

LISTENING = "listening"  # the monitor looks for this in the log
CRASHED = 70

log = logging.getLogger("tally")


class Handler:
    """The functions of ``tally.thrift``."""

    def __init__(self, interface: Any) -> None:
        self._interface = interface
        self._sums = Counter[str]()
        self._calls = 0

    async def status(self) -> Any:
        """Tell that we are alive."""
        return self._interface.Status(process=os.getpid(), calls=self._calls)

    async def add(self, name: str, amount: int) -> int:
        """Add to a sum; a wrong amount is an error that the interface declares."""
        self._calls += 1
        if self._sums[name] + amount < 0:
            log.warning("refused: %s %d", name, amount)
            raise self._interface.Refused(reason=f"only {self._sums[name]} {name}")
        self._sums[name] += amount
        log.info("%s: %d", name, self._sums[name])
        return self._sums[name]

    async def hang(self, seconds: float) -> None:
        """Forget that this is a coroutine: nobody else is served meanwhile."""
        log.info("hanging")
        time.sleep(seconds)

    async def crash(self) -> None:
        """End without a word to anybody."""
        log.error("crashing")
        os._exit(CRASHED)


def main() -> None:
    """Serve on the chosen loop."""
    parser = options.parser("A Thrift service with two bugs.")
    parser.add_argument("socket", help="path of the Unix socket to listen on")
    arguments = parser.parse_args()
    options.require("thriftpy2")
    from interface import tally
    from thriftpy2.contrib.aio.rpc import make_server

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    with options.runner(arguments) as runner:
        loop = runner.get_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, loop.stop)
        handler, path = Handler(tally), arguments.socket
        server: Any = make_server(tally.Tally, handler, unix_socket=path, loop=loop)
        try:
            server.init_server()
        except OSError as error:
            sys.exit(f"cannot listen on {path}: {error.strerror}")
        log.info(LISTENING)
        loop.run_forever()
        log.info("ending")
        runner.run(server.close())


if __name__ == "__main__":
    main()

"""Runs a service, watches it, and starts it again when it crashes or hangs.

    python examples/monitor/monitor.py

- Its log is followed line by line; one of the lines says that it is ready.
- A watchdog calls it every now and then. No answer in time, and it is ended.
- Signals: SIGINT and SIGTERM end both, SIGHUP starts the service anew, SIGUSR1 asks for a summary.
- Should the monitor itself be killed, the kernel kills the service: see ``child.py``.

The last line of a life is why it ended. ``demo.py`` shows all of it in a few seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import enum
import signal
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "tour"))

import child
import options
from service import LISTENING

if TYPE_CHECKING:
    from display import Display  # needs rich, whose absence is explained first

SERVICE = Path(__file__).resolve().with_name("service.py")


class Order(enum.Enum):
    """What a signal asks for."""

    END = "told to end"
    RENEW = "told to start it anew"


class Monitor:
    """Watches one service through all its lives."""

    def __init__(self, arguments: argparse.Namespace, socket: Path, display: Display) -> None:
        self._arguments = arguments
        self._socket = socket
        self._display = display
        self._orders: asyncio.Queue[Order] = asyncio.Queue()
        self._ready = asyncio.Event()
        self._lives = 0
        self._checks = 0

    async def run(self) -> int:
        """Give the service one life after the other: 0 when told to end, 1 if it is hopeless."""
        self._handle_signals()
        fruitless = 0
        while True:
            before = self._checks
            order = await self._life()
            if order is Order.END:
                self.summary()
                return 0
            # A life without a single good answer is a bad one; several in a row are hopeless.
            fruitless = fruitless + 1 if self._checks == before and order is None else 0
            if fruitless == self._arguments.attempts:
                self._display.monitor(f"it ended {fruitless} times without an answer: giving up")
                return 1

    async def _life(self) -> Order | None:
        """Start the service and watch it to its end: gives the order that ended it, if one did."""
        self._lives += 1
        self._ready.clear()
        self._socket.unlink(missing_ok=True)
        command = [sys.executable, str(SERVICE), "--loop", self._arguments.loop, str(self._socket)]
        async with child.running(command, self._on_line, self._arguments.grace) as process:
            self._display.monitor(f"process {process.pid} started")
            order = asyncio.create_task(self._orders.get())
            watchdog = asyncio.create_task(self._watch())
            ending = asyncio.create_task(process.wait())
            watching = (order, watchdog, ending)
            await asyncio.wait(watching, return_when=asyncio.FIRST_COMPLETED)
            await cancel(watching)
            if not order.cancelled():
                self._display.monitor(order.result().value)
            elif not watchdog.cancelled():
                self._display.monitor(watchdog.result())
        self._display.monitor(f"process {process.pid} ended: {_ending(process.returncode)}")
        return None if order.cancelled() else order.result()

    async def _watch(self) -> str:
        """Be the watchdog: returns when there is something to bark about."""
        try:
            await asyncio.wait_for(self._ready.wait(), self._arguments.start)
        except TimeoutError:
            return "it does not become ready"
        while True:
            try:
                await self._check()
            except Exception as error:  # whatever it is, the service does not do its work
                return f"no answer: {type(error).__name__}"
            await asyncio.sleep(self._arguments.interval)

    async def _check(self) -> None:
        """Call the service."""
        from interface import connected

        async with asyncio.timeout(self._arguments.patience):
            async with connected(self._socket, self._arguments.patience) as client:
                status = await client.status()
        self._checks += 1
        self._display.check(f"process {status.process} answers, {status.calls} calls so far")

    def _on_line(self, line: str) -> None:
        """Take a line of the service's log."""
        self._display.service(line)
        if line.endswith(LISTENING):
            self._ready.set()

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
            loop.add_signal_handler(number, self._orders.put_nowait, Order.END)
        loop.add_signal_handler(signal.SIGHUP, self._orders.put_nowait, Order.RENEW)
        loop.add_signal_handler(signal.SIGUSR1, self.summary)
        if self._arguments.seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, self._arguments.seconds)  # then SIGALRM

    def summary(self) -> None:
        """Tell what there has been so far."""
        self._display.monitor(f"lives: {self._lives}, good answers: {self._checks}")


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended.

    Once may not be enough: up to Python 3.11 ``wait_for``, which thriftpy2 uses, goes on as if
    nothing had happened when the cancellation and its result come in the same turn.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=0.1)


def _ending(status: int | None) -> str:
    """Put a return code into words."""
    if status is not None and status < 0:
        with suppress(ValueError):
            return signal.Signals(-status).name
    return f"status {status}"


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = options.parser("Run a Thrift service, watch it, start it again.")
    parser.add_argument("--socket", help="path of the service's socket (in a temporary folder)")
    times = (
        ("--seconds", None, "end after this time (when told to)"),
        ("--interval", 0.5, "time between two calls of the watchdog (%(default)s)"),
        ("--patience", 0.5, "how long an answer may take (%(default)s)"),
        ("--grace", 0.5, "how long the service may take to end (%(default)s)"),
        ("--start", 20.0, "how long it may take to become ready (%(default)s)"),
    )
    for name, default, text in times:
        parser.add_argument(name, type=options.seconds, default=default, metavar="S", help=text)
    parser.add_argument(
        "--attempts",
        type=options.count,
        default=3,
        metavar="N",
        help="give up after so many lives without an answer (%(default)s)",
    )
    return parser.parse_args()


async def watch(arguments: argparse.Namespace) -> int:
    """Run the monitor, with a folder for the socket if none is named."""
    from display import Display

    with ExitStack() as stack:
        if arguments.socket is not None:
            socket = Path(arguments.socket)
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="monitor-"))
            socket = Path(folder) / "tally.sock"
        display = Display()
        display.monitor(f"socket {socket}")
        return await Monitor(arguments, socket, display).run()


def main() -> int:
    """Watch on the chosen loop."""
    arguments = read_options()
    options.require("rich", "thriftpy2")
    with options.runner(arguments) as runner:
        return runner.run(watch(arguments))


if __name__ == "__main__":
    raise SystemExit(main())

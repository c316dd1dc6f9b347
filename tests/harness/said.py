"""What a program makes asyncio say, in the log and in warnings.

Without what differs between any two runs, such as addresses and times.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

NEVER = 3600

# A record of the log, or a warning: level or category, and the text.
Said = tuple[str, str]
Program = Callable[[asyncio.AbstractEventLoop], None]

# Where in asyncio itself, or in whatever runs the program, something was made is not compared.
_FRAME = r' *File "(?![^"]*/debug_)[^"]*", line \d+, in .*\n(?:    .*(?:\n|$))*'
_SAME = [
    (r"_SelectorSocketTransport|StreamTransport", "Transport"),
    (r"_SelectorDatagramTransport", "DatagramTransport"),
    (r"_Unix(Read|Write|Sub)", r"\1"),
    (r"asyncio\.sslproto\.SSLProtocol\b|asyncioxide\.TlsProtocol", "TlsProtocol"),
    (r"asyncio\.sslproto\._SSLProtocolTransport|asyncioxide\.TlsTransport", "TlsTransport"),
    (r"\bpipe \d+ connected", "pipe N connected"),
    (r"\bpid[= ]\d+", "pid N"),
    (r"\bstdin=\d+", "stdin=N"),
    (r"/tmp/tmp\w+", "/tmp/folder"),
    (r"_UnixSelectorEventLoop|BaseEventLoop|EventLoop", "Loop"),
    (r"0x[0-9a-f]+", "0x"),
    (r"\bfd=\d+", "fd=N"),
    (r"'127\.0\.0\.1', \d+|'?127\.0\.0\.1'?:\d+", "PORT"),
    (r"Task-\d+", "Task-N"),
    (r"took \d+\.\d+ ?(seconds|ms)", r"took T \1"),
    (r"in \d+\.\d{3} ms", "in T ms"),
    (r"when=[\d.]+", "when=T"),
    (r"<Future finis[^>]*>|<Task finis[^>]*\.\.\.[^>]*>", "<Future>"),
    (r"[^ ]*/(?:asyncio|futures|asyncioxide)/\w+\.py:\d+", "ASYNCIO"),
    (r"'source_traceback': \[.*?\]", "'source_traceback': ..."),
    (_FRAME, ""),
    (r" created at [^ ]*/(?!debug_)\w+\.py:\d+| created at ASYNCIO", " created elsewhere"),
]


def normal(text: str) -> str:
    for pattern, replacement in _SAME:
        text = re.sub(pattern, replacement, text)
    lines = text.splitlines()
    return "\n".join(line.rstrip() for line in lines if line.strip("~^ "))


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[Said] = []

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        # The stock loop's alone: ours has no selector, and no child watcher, which 3.11 logs by.
        if not re.match(r"Using selector:|process \d+ exited with", text):
            exception = record.exc_info and record.exc_info[1]
            self.said.append((record.levelname, f"{normal(text)}\n{exception!r}"))


@contextlib.contextmanager
def listening() -> Iterator[list[Said]]:
    listener = _Listener()
    logger = logging.getLogger("asyncio")
    before = logger.level, logger.filters, logger.propagate
    # The fixture's filter would take the records away, and pytest's handlers would keep them.
    logger.filters, logger.propagate = [], False
    logger.addHandler(listener)
    logger.setLevel(logging.DEBUG)
    with warnings.catch_warnings():
        warnings.simplefilter("always")

        def show(message: Any, category: type[Warning], *_: Any) -> None:
            text = str(message)
            # When the collector ends asyncio's transport, the socket may be the first to complain.
            if not text.startswith("unclosed <socket."):
                listener.said.append((category.__name__, normal(text)))

        warnings.showwarning = show
        try:
            yield listener.said
        finally:
            logger.removeHandler(listener)
            level, logger.filters, logger.propagate = before
            logger.setLevel(level)


def said_by(make_loop: Callable[[], asyncio.AbstractEventLoop], run: Program) -> list[Said]:
    """Everything that is said while the program runs on a loop in debug mode, and afterwards."""
    with listening() as said:
        loop = make_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = NEVER
        try:
            run(loop)
        finally:
            if not loop.is_closed():
                loop.close()
        del loop
        gc.collect()
        return list(said)

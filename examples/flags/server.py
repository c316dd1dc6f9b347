"""The server of the flag downloader: small pictures, each behind a delay.

``GET /br/br.gif`` gives the picture, any other path 404, after ``--delay`` seconds that pass in
``call_later``: however many requests wait, none holds up another. ``GET /stats`` answers at once
with counts, the peak of requests waiting together among them.

Connections are kept alive and may be pipelined; answers leave in the order of the requests. A
malformed request gets 400 and loses its connection, and costs nobody else anything.
"""

from __future__ import annotations

import argparse
import asyncio
import enum
import json
from collections import deque
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import cast

import arguments
import codes
import loops
import pictures
import serving
from request_head import Refused, RequestHead, parse_head

HEAD_LIMIT_BYTES = 8192
PIPELINE_LIMIT = 64  # requests of one connection; beyond, its input is left to wait
LINGER_S = 1.0  # to let a refused peer read why, before its unread input breaks the connection


@dataclass(slots=True)
class Counts:
    """What has happened on the server so far."""

    requests: int = 0
    pictures: int = 0
    missing: int = 0
    refused: int = 0
    abandoned: int = 0
    waiting: int = 0
    peak_waiting: int = 0


class Site:
    """What is served, and what all connections share."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.counts = Counts()
        self.connections = serving.Connections()
        self._pictures = {
            codes.path_of(code): picture for code, picture in pictures.all_pictures().items()
        }

    def answer(self, request: RequestHead) -> bytes:
        """Make the answer to a request for a picture, and count it."""
        picture = self._pictures.get(request.path)
        if picture is None:
            self.counts.missing += 1
            return response(HTTPStatus.NOT_FOUND, "text/plain", b"no such picture\n", request)
        self.counts.pictures += 1
        return response(HTTPStatus.OK, "image/gif", picture, request)

    def stats(self, request: RequestHead) -> bytes:
        """Make the answer to a request for the counts."""
        figures = {
            **asdict(self.counts),
            "connections": self.connections.total,
            "peak_connections": self.connections.peak,
        }
        return response(HTTPStatus.OK, "application/json", json.dumps(figures).encode(), request)


def response(status: HTTPStatus, kind: str, body: bytes, request: RequestHead | None) -> bytes:
    """Put an answer together; without a request it is a refusal and the connection's last."""
    keep_alive = request is not None and request.keep_alive
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        f"Content-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"Connection: {'keep-alive' if keep_alive else 'close'}\r\n\r\n"
    )
    return head.encode() + (b"" if request is not None and request.method == "HEAD" else body)


class Phase(enum.Enum):
    """The life of a connection."""

    OPEN = enum.auto()  # requests are read
    LAST = enum.auto()  # no more are read: the answers leave, then it is closed
    REFUSED = enum.auto()  # as LAST, but input is thrown away for a while before closing
    LINGERING = enum.auto()  # all is said: input is thrown away until the peer closes


@dataclass(slots=True, eq=False)
class Answer:
    """An answer in its place in line; without a timer it may leave."""

    payload: bytes
    timer: asyncio.TimerHandle | None = None


class FlagsProtocol(asyncio.Protocol):
    """One connection."""

    _transport: asyncio.Transport

    def __init__(self, site: Site) -> None:
        self._site = site
        self._loop = asyncio.get_running_loop()
        self._phase = Phase.OPEN
        self._input = bytearray()
        self._answers: deque[Answer] = deque()
        self._writable = True
        self._reading = True
        self._linger: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._site.connections.add(self._transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the answers that nobody waits for any more."""
        if self._linger is not None:
            self._linger.cancel()
        for answer in self._answers:
            if answer.timer is not None:
                answer.timer.cancel()
                self._site.counts.waiting -= 1
                self._site.counts.abandoned += 1
        self._answers.clear()
        self._site.connections.remove(self._transport)

    def data_received(self, data: bytes) -> None:
        """Take input in; what follows the last request is thrown away."""
        if self._phase is Phase.OPEN:
            self._input += data
            self._read_requests()

    def eof_received(self) -> bool:
        """Keep the other half open while there is something to answer."""
        if self._phase is Phase.OPEN:
            self._phase = Phase.LAST
        return bool(self._answers)

    def pause_writing(self) -> None:
        """Stop reading from a peer that does not take its answers."""
        self._writable = False
        self._choose_reading()

    def resume_writing(self) -> None:
        """Read again."""
        self._writable = True
        self._read_requests()

    def _read_requests(self) -> None:
        while self._phase is Phase.OPEN and self._writable and len(self._answers) < PIPELINE_LIMIT:
            # Some clients send an empty line too many after a request.
            del self._input[: len(self._input) - len(self._input.lstrip(b"\r\n"))]
            end = self._input.find(b"\r\n\r\n", 0, HEAD_LIMIT_BYTES)
            if end < 0:
                if len(self._input) >= HEAD_LIMIT_BYTES:
                    self._refuse(
                        Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "head too large")
                    )
                break
            head = bytes(self._input[:end])
            del self._input[: end + 4]
            try:
                request = parse_head(head)
            except Refused as refusal:
                self._refuse(refusal)
            else:
                self._accept(request)
        self._choose_reading()
        self._send()

    def _accept(self, request: RequestHead) -> None:
        if not request.keep_alive:
            self._phase = Phase.LAST
        if request.path == "/stats":
            self._answers.append(Answer(self._site.stats(request)))
            return
        counts = self._site.counts
        counts.requests += 1
        counts.waiting += 1
        counts.peak_waiting = max(counts.peak_waiting, counts.waiting)
        answer = Answer(self._site.answer(request))
        answer.timer = self._loop.call_later(self._site.delay_s, self._due, answer)
        self._answers.append(answer)

    def _due(self, answer: Answer) -> None:
        answer.timer = None
        self._site.counts.waiting -= 1
        self._send()
        if self._phase is Phase.OPEN and not self._reading:
            self._read_requests()

    def _refuse(self, refusal: Refused) -> None:
        self._site.counts.refused += 1
        self._phase = Phase.REFUSED
        self._input.clear()
        text = f"{refusal.reason}\n".encode()
        self._answers.append(Answer(response(refusal.status, "text/plain", text, None)))

    def _send(self) -> None:
        """Write the answers that are due and first in line; end what has come to its end."""
        if self._transport.is_closing():
            return
        ready = []
        while self._answers and self._answers[0].timer is None:
            ready.append(self._answers.popleft().payload)
        if ready:
            self._transport.write(b"".join(ready))
        if self._answers:
            return
        if self._phase is Phase.LAST:
            self._transport.close()
        elif self._phase is Phase.REFUSED:
            self._phase = Phase.LINGERING
            self._transport.write_eof()
            self._linger = self._loop.call_later(LINGER_S, self._transport.abort)

    def _choose_reading(self) -> None:
        wanted = self._phase is not Phase.OPEN or (
            self._writable and len(self._answers) < PIPELINE_LIMIT
        )
        if wanted and not self._reading:
            self._transport.resume_reading()
        elif not wanted and self._reading:
            self._transport.pause_reading()
        self._reading = wanted


async def serve(host: str, port: int, delay_s: float) -> None:
    """Serve the pictures until a signal ends the program."""
    site = Site(delay_s)
    await serving.serve(lambda: FlagsProtocol(site), site.connections, host, port)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(
        description="Serve 194 small pictures under 676 names, each answer behind a delay."
    )
    arguments.add_serving_options(parser)
    options = parser.parse_args()
    loops.allow_open_files()
    with asyncio.Runner(loop_factory=loops.loop_factory(options.loop)) as runner:
        runner.run(serve(options.host, options.port, options.delay))


if __name__ == "__main__":
    main()

"""The flag downloader's server and proxy, spoken to over plain sockets."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import ModuleType
from typing import BinaryIO, NamedTuple

import pytest

FLAGS = Path(__file__).resolve().parents[2] / "examples" / "flags"
LOOPS = ("asyncio", "asyncioxide")
LONG = 3600  # a delay that a test never sees the end of

Serving = Callable[..., AbstractContextManager[int]]
Flags = Callable[[str], ModuleType]


@pytest.fixture(scope="module", params=LOOPS)
def loop_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def port(serving: Serving, loop_name: str) -> Iterator[int]:
    """A server without delay, for the tests that do not look at its counts."""
    with serving("server.py", loop_name, 0) as listening:
        yield listening


class Answer(NamedTuple):
    status: int
    fields: dict[str, str]
    body: bytes


class Talk:
    """A connection to the server."""

    def __init__(self, connection: socket.socket, stream: BinaryIO) -> None:
        self.connection = connection
        self._stream = stream

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def ask(self, *codes: str, last: bool = False) -> None:
        """Sends requests for pictures in one piece."""
        close = b"Connection: close\r\n" if last else b""
        self.send(
            b"".join(
                b"GET /%b/%b.gif HTTP/1.1\r\nHost: x\r\n%b\r\n" % (c, c, close)
                for c in map(str.encode, codes)
            )
        )

    def answer(self, *, bodiless: bool = False) -> Answer:
        status_line = self._stream.readline()
        assert status_line.startswith(b"HTTP/1.1 "), status_line
        fields: dict[str, str] = {}
        while (line := self._stream.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            fields[name.lower()] = value.strip()
        length = 0 if bodiless else int(fields["content-length"])
        return Answer(int(status_line.split()[1]), fields, self._stream.read(length))

    def ended(self) -> bool:
        return self._stream.read() == b""


@contextmanager
def talk(port: int) -> Iterator[Talk]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=40) as connection,
        connection.makefile("rb") as stream,
    ):
        yield Talk(connection, stream)


def stats(port: int) -> dict[str, int]:
    with talk(port) as asker:
        asker.send(b"GET /stats HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        counts: dict[str, int] = json.loads(asker.answer().body)
        return counts


def until(port: int, condition: Callable[[dict[str, int]], bool]) -> dict[str, int]:
    """Asks for the counts until they are as expected; the test's time limit ends a vain wait."""
    while not condition(counts := stats(port)):
        pass
    return counts


def test_picture_and_missing_picture(port: int, flags: Flags) -> None:
    with talk(port) as asker:
        asker.ask("fr", "xx")
        found, missing = asker.answer(), asker.answer()
    assert found.status == 200
    assert found.fields["content-type"] == "image/gif"
    assert found.body == flags("pictures").draw("fr")
    assert missing.status == 404


def test_pipelined_answers_come_in_order(serving: Serving, flags: Flags, loop_name: str) -> None:
    # More than a connection may have waiting, so the server must stop reading and go on.
    asked = flags("codes").shuffled()[:300]
    pictures = flags("pictures").all_pictures()
    with serving("server.py", loop_name, 0.01) as port, talk(port) as asker:
        asker.ask(*asked)
        for code in asked:
            answer = asker.answer()
            assert answer.status == (200 if code in pictures else 404)
            assert code not in pictures or answer.body == pictures[code]
        counts = stats(port)
    assert counts["requests"] == 300
    assert 1 < counts["peak_waiting"] <= 64


def test_request_in_single_bytes(port: int) -> None:
    with talk(port) as asker:
        asker.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"\r\n\r\nGET /fr/fr.gif?large HTTP/1.1\r\nHost: x\r\n\r\n":
            asker.send(bytes([byte]))
        assert asker.answer().status == 200


def test_head_has_no_body(port: int) -> None:
    with talk(port) as asker:
        asker.send(b"HEAD /fr/fr.gif HTTP/1.1\r\nHost: x\r\n\r\n")
        head = asker.answer(bodiless=True)
        asker.ask("fr")
        assert head.status == 200
        assert int(head.fields["content-length"]) == len(asker.answer().body)


@pytest.mark.parametrize(
    ("request_head", "stays"),
    [
        (b"GET /fr/fr.gif HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"GET /fr/fr.gif HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", False),
        (b"GET /fr/fr.gif HTTP/1.0\r\n\r\n", False),
        (b"GET /fr/fr.gif HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_keep_alive_is_as_asked(port: int, request_head: bytes, stays: bool) -> None:
    with talk(port) as asker:
        asker.send(request_head)
        answer = asker.answer()
        assert answer.status == 200
        assert answer.fields["connection"] == ("keep-alive" if stays else "close")
        if stays:
            asker.ask("fr", last=True)
            assert asker.answer().status == 200
        assert asker.ended()


HOST = b"\r\nHost: x"


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"nonsense", 400),
        (b"\0\xff\xfe", 400),
        (b"GET /fr/fr.gif", 400),
        (b"GET /fr /fr.gif HTTP/1.1" + HOST, 400),
        (b"GET /fr/fr.gif HTTP/1.1", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + HOST, 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nno colon", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\n folded: line", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nspace : x", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nX: a\0b", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nX: a\nY: b", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nContent-Length: 5", 400),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nTransfer-Encoding: chunked", 400),
        (b"POST /fr/fr.gif HTTP/1.1" + HOST, 405),
        (b"GET /fr/fr.gif HTTP/1.1" + HOST + b"\r\nX: " + b"x" * 9000, 431),
        (b"x" * 200_000, 431),
        (b"GET /fr/fr.gif HTTP/2.0" + HOST, 505),
    ],
)
def test_malformed_request_is_answered_and_loses_its_connection(
    port: int, head: bytes, status: int
) -> None:
    with talk(port) as other:
        with talk(port) as asker:
            asker.send(head + b"\r\n\r\n")
            answer = asker.answer()
            assert answer.status == status
            assert answer.fields["connection"] == "close"
            assert asker.ended()
        other.ask("fr")
        assert other.answer().status == 200


def test_refusal_comes_in_its_place(serving: Serving, loop_name: str) -> None:
    with serving("server.py", loop_name, 0.2) as port, talk(port) as asker:
        asker.ask("fr", "br")
        asker.send(b"nonsense\r\n\r\n")
        asker.ask("be")
        assert [asker.answer().status for _ in range(3)] == [200, 200, 400]
        assert asker.ended()


def test_half_closed_client_still_gets_its_answers(serving: Serving, loop_name: str) -> None:
    with serving("server.py", loop_name, 0.05) as port, talk(port) as asker:
        asker.ask("fr", "xx")
        asker.connection.shutdown(socket.SHUT_WR)
        assert [asker.answer().status for _ in range(2)] == [200, 404]
        assert asker.ended()


def test_client_that_leaves_during_the_delay_is_forgotten(serving: Serving, loop_name: str) -> None:
    with serving("server.py", loop_name, LONG) as port:
        with talk(port) as leaver:
            leaver.ask("fr", "br", "be")
            until(port, lambda counts: counts["waiting"] == 3)
            # Closed with a reset.
            leaver.connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
        counts = until(port, lambda counts: counts["waiting"] == 0)
    assert counts["abandoned"] == 3


def test_client_that_never_reads_holds_up_nobody(serving: Serving, loop_name: str) -> None:
    with serving("server.py", loop_name, 0) as port, talk(port) as glutton:
        glutton.connection.setblocking(False)
        requests = b"GET /fr/fr.gif HTTP/1.1\r\nHost: x\r\n\r\n" * 1000
        sent = 0
        while True:
            # Far more than the kernel holds: else the server keeps all answers in its memory.
            assert sent < 50_000_000
            try:
                sent += glutton.connection.send(requests)
            except BlockingIOError:
                # Full, and the server, which has had its turns, took no more.
                if stats(port)["requests"] == stats(port)["requests"] > 0:
                    break
        with talk(port) as other:
            other.ask("fr")
            assert other.answer().status == 200


def test_server_ends_with_answers_outstanding(serving: Serving, loop_name: str) -> None:
    with serving("server.py", loop_name, LONG) as port, talk(port) as waiter:
        waiter.ask("fr")
        until(port, lambda counts: counts["waiting"] == 1)
        # Leaving `serving` ends the server while the client still waits.


def test_taken_port_is_reported(port: int, loop_name: str) -> None:
    command = [sys.executable, str(FLAGS / "server.py"), "--loop", loop_name]
    second = subprocess.run([*command, "--port", str(port)], capture_output=True, text=True)
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {port}: " in second.stderr
    assert "Traceback" not in second.stderr


def test_proxy_passes_everything_on(serving: Serving, flags: Flags, loop_name: str) -> None:
    with (
        serving("server.py", loop_name, 0) as origin,
        serving("proxy.py", loop_name, 0.05, "--origin-port", origin) as port,
        talk(port) as asker,
    ):
        asked = flags("codes").shuffled()[:200]
        pictures = flags("pictures").all_pictures()
        asker.ask(*asked)
        asker.connection.shutdown(socket.SHUT_WR)
        for code in asked:
            answer = asker.answer()
            assert (answer.body == pictures[code]) if code in pictures else answer.status == 404
        assert asker.ended()


def test_proxy_without_an_origin_answers_502(serving: Serving, loop_name: str) -> None:
    with serving("proxy.py", loop_name, 0, "--origin-port", 1) as port, talk(port) as asker:
        assert asker.answer().status == 502
        assert asker.ended()


def test_client_of_the_proxy_that_leaves_costs_nothing(serving: Serving, loop_name: str) -> None:
    with (
        serving("server.py", loop_name, 0) as origin,
        serving("proxy.py", loop_name, LONG, "--origin-port", origin) as port,
    ):
        with talk(port) as leaver:
            leaver.ask("fr")
            until(origin, lambda counts: counts["peak_connections"] >= 2)
        assert stats(origin)["requests"] == 0

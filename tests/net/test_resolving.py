"""Names and addresses: getaddrinfo answers as the socket module does.

Literal addresses are taken for what the resolver would make of them, without asking it. No
combination asks a name server: hosts are literal, local, or refused before.
"""

from __future__ import annotations

import asyncio
import itertools
import socket

import pytest
from harness.outcome import Outcome, outcome

HOSTS = [
    "127.0.0.1",
    b"127.0.0.1",
    "127.1",
    "0x7f000001",
    "0.0.0.0",
    "255.255.255.255",
    "::1",
    "::",
    "::ffff:127.0.0.1",
    "0:0:0:0:0:0:0:1",
    "fe80::1%lo",
    "fe80::1%nowhere",
    "localhost",
    b"localhost",
    "",
    None,
    "a\0b",
    "x" * 300,
    "a..b",
    5,
]
PORTS = [0, 80, 65535, 65536, -1, "80", b"80", "http", "no-such-service", "", None, 1.5, 1 << 70]
FAMILIES = [socket.AF_UNSPEC, socket.AF_INET, socket.AF_INET6, socket.AF_UNIX, -1]
TYPES = [0, socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW]
PROTOCOLS = [0, socket.IPPROTO_TCP, socket.IPPROTO_UDP, 255]
FLAGS = [
    0,
    socket.AI_PASSIVE,
    socket.AI_NUMERICHOST,
    socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    socket.AI_CANONNAME,
    1 << 30,
]
GRID = list(itertools.product(HOSTS, PORTS, FAMILIES, TYPES, PROTOCOLS, FLAGS))
# Every host with every port, and of the rest each value with each other one, in time for a test.
STEP = 37


def test_getaddrinfo_answers_as_the_socket_module(loop):
    sample = GRID[::STEP]
    assert len(sample) >= 2000

    async def ask(host, port, family, type_, proto, flags):
        try:
            return await loop.getaddrinfo(
                host, port, family=family, type=type_, proto=proto, flags=flags
            )
        except Exception as error:
            return type(error), str(error)

    def expected(*arguments):
        try:
            return socket.getaddrinfo(*arguments)
        except Exception as error:
            return type(error), str(error)

    async def compare():
        return [arguments for arguments in sample if await ask(*arguments) != expected(*arguments)]

    assert loop.run_until_complete(compare()) == []


def test_the_sample_has_every_value(loop_kind):
    for position, values in enumerate((HOSTS, PORTS, FAMILIES, TYPES, PROTOCOLS, FLAGS)):
        seen = {repr(arguments[position]) for arguments in GRID[::STEP]}
        assert seen == set(map(repr, values))


LITERALS = [
    ("127.0.0.1", socket.AF_UNSPEC),
    ("127.0.0.1", socket.AF_INET),
    (b"127.0.0.1", socket.AF_UNSPEC),
    ("0.0.0.0", socket.AF_UNSPEC),
    ("255.255.255.255", socket.AF_INET),
    ("::1", socket.AF_UNSPEC),
    ("::1", socket.AF_INET6),
    ("::", socket.AF_UNSPEC),
    ("0:0:0:0:0:0:0:1", socket.AF_UNSPEC),
    ("::FFFF:127.0.0.1", socket.AF_UNSPEC),
    ("::127.0.0.1", socket.AF_INET6),
    ("fe80::1", socket.AF_UNSPEC),
]
# What the shortcut must leave to the resolver.
OTHERS = [
    ("127.0.0.1", socket.AF_INET6),
    ("::1", socket.AF_INET),
    ("127.1", socket.AF_UNSPEC),
    ("0x7f000001", socket.AF_UNSPEC),
    ("::1%lo", socket.AF_UNSPEC),
    ("127.0.0.1 ", socket.AF_UNSPEC),
    ("[::1]", socket.AF_UNSPEC),
    ("", socket.AF_UNSPEC),
]


class Recorder:
    """Stands in for socket.socket and notes what would be connected to."""

    seen: list

    def __init__(self, *, family, type, proto):
        self.family, self.type, self.proto = family, type, proto

    def setblocking(self, flag):
        pass

    def fileno(self):
        return -1

    def connect(self, address):
        self.seen.append((self.family, self.type, self.proto, "", address))
        raise OSError("noted")

    def close(self):
        pass


@pytest.fixture
def targets(loop, monkeypatch):
    """Tells what create_connection would connect to, and whether it asked the resolver."""

    def find(host, port, **options):
        asked = []
        real = type(loop).getaddrinfo

        async def getaddrinfo(*arguments, **keywords):
            asked.append(arguments)
            # Never a name server: whatever is no literal for the C library is an error.
            keywords["flags"] |= socket.AI_NUMERICHOST
            return await real(loop, *arguments, **keywords)

        Recorder.seen = []
        with monkeypatch.context() as patched:
            patched.setattr(loop, "getaddrinfo", getaddrinfo, raising=False)
            patched.setattr(socket, "socket", Recorder)
            found = outcome(
                lambda: loop.run_until_complete(
                    loop.create_connection(asyncio.Protocol, host, port, **options)
                )
            )
        return found, Recorder.seen, bool(asked)

    # The executor's threads are there before sockets are replaced.
    loop.run_until_complete(loop.getaddrinfo("127.0.0.1", 1))
    return find


def canonical(info):
    family, type_, proto, name, (host, *rest) = info
    host = host.decode() if isinstance(host, bytes) else host
    return int(family), int(type_), proto, name, socket.inet_pton(family, host), *rest


PORT_FORMS = [0, 80, 65535, "80", b"80", "", b"", None, True]


@pytest.mark.parametrize("proto", [0, socket.IPPROTO_TCP])
@pytest.mark.parametrize("port", PORT_FORMS, ids=repr)
@pytest.mark.parametrize(("host", "family"), LITERALS)
def test_literal_addresses_are_what_the_resolver_would_give(targets, host, family, port, proto):
    _, seen, asked = targets(host, port, family=family, proto=proto)
    assert not asked
    wanted = int(port) if port else 0
    expected = socket.getaddrinfo(host, wanted, family, socket.SOCK_STREAM, proto)
    assert list(map(canonical, seen)) == list(map(canonical, expected))


@pytest.mark.parametrize(("host", "family"), OTHERS)
def test_everything_else_is_asked(targets, host, family):
    _, seen, asked = targets(host, 80, family=family)
    assert asked
    try:
        expected = socket.getaddrinfo(
            host or None, 80, family, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST
        )
    except socket.gaierror:
        expected = []
    if host:
        assert list(map(canonical, seen)) == list(map(canonical, expected))


@pytest.mark.parametrize("port", ["http", "no-such-service", "1.5", "80 x"])
def test_service_names_are_asked(targets, port):
    _, _, asked = targets("127.0.0.1", port)
    assert asked


def test_names_in_other_alphabets_are_encoded(loop):
    asked = []

    async def getaddrinfo(host, *arguments, **keywords):
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 1))]

    loop.getaddrinfo = getaddrinfo
    found = outcome(
        lambda: loop.run_until_complete(
            loop.create_connection(asyncio.Protocol, "b\u00fccher.example", 1)
        )
    )
    del loop.getaddrinfo
    assert found == Outcome(True, ConnectionRefusedError, found.text)
    assert asked == ["b\u00fccher.example"]

"""Bad arguments of the methods that connect and listen fail as they do in asyncio: class and text.

Each row is a call. It is made on a stock loop and on the loop under test, what it opens is closed
again, and the two outcomes are compared. What is no error in asyncio has to agree too.
"""

from __future__ import annotations

import asyncio
import math
import socket
import ssl

import pytest
from harness.outcome import same_as_asyncio
from harness.protocols import Recorder


class Wrong:
    def __repr__(self):
        return "<wrong>"


WRONG = Wrong()
NUMERIC = socket.AI_NUMERICHOST

# No row asks a name server: what could be a name comes with AI_NUMERICHOST.
HOSTS = {
    "NUL": "127.0.0.1\0",
    "NUL within": "a\0b",
    "bytes with NUL": b"a\0b",
    "long": "x" * 300,
    "long label": "x" * 64 + ".example",
    "long bytes": b"x" * 300,
    "empty": "",
    "empty bytes": b"",
    "empty label": "a..b",
    "dot": ".",
    "surrogate": "\udcff",
    "IDNA": "b\u00fccher.example",
    "bytes no text": b"\xff",
    "bytes no IDNA": b"xn--a.example",
    "brackets": "[::1]",
    "blank": "127.0.0.1 ",
    "five parts": "1.2.3.4.5",
    "scope": "fe80::1%nowhere",
    "empty scope": "fe80::1%",
    "scoped IPv4": "127.0.0.1%lo",
    "scope of loopback": "::1%lo",
    "no scope": "fe80::1",
    "number": 5,
    "float": 1.5,
    "True": True,
    "object": WRONG,
    "tuple": ("127.0.0.1",),
    "bytearray": bytearray(b"127.0.0.1"),
}

PORTS = {
    "-1": -1,
    "65536": 65536,
    "1 << 31": 1 << 31,
    "1 << 63": 1 << 63,
    "1 << 70": 1 << 70,
    "-1 << 70": -1 << 70,
    "unknown service": "no-such-service",
    "service of udp": "tftp",
    "NUL": "80\0",
    "surrogate": "\udcff",
    "negative text": "-1",
    "large text": "65536",
    "huge text": "9" * 30,
    "blank": " 1",
    "bytes": b"1",
    "bytes no text": b"\xff",
    "float": 1.5,
    "nan": math.nan,
    "inf": math.inf,
    "object": WRONG,
    "list": [1],
    "1": 1,
}

OPTIONS = {
    "family 99": {"family": 99},
    "family -1": {"family": -1},
    "family unix": {"family": socket.AF_UNIX},
    "family text": {"family": "AF_INET"},
    "family None": {"family": None},
    "family huge": {"family": 1 << 70},
    "flags unknown": {"flags": 1 << 30},
    "flags -1": {"flags": -1},
    "flags text": {"flags": "x"},
    "flags huge": {"flags": 1 << 70},
    "flags float": {"flags": 1.5},
    "unknown": {"wrong": 1},
}

CONNECT_OPTIONS = {
    "proto 99": {"proto": 99},
    "proto -1": {"proto": -1},
    "proto udp": {"proto": socket.IPPROTO_UDP},
    "proto text": {"proto": "tcp"},
    "local_addr empty": {"local_addr": ()},
    "local_addr one": {"local_addr": ("127.0.0.1",)},
    "local_addr three": {"local_addr": ("127.0.0.1", 0, 0)},
    "local_addr text": {"local_addr": "ab"},
    "local_addr number": {"local_addr": 5},
    "local_addr port": {"local_addr": ("127.0.0.1", -1)},
    "local_addr port text": {"local_addr": ("127.0.0.1", "no-such-service")},
    "local_addr family": {"local_addr": ("::1", 0)},
    "local_addr foreign": {"local_addr": ("192.0.2.1", 0)},
    "local_addr NUL": {"local_addr": ("a\0b", 0)},
    "delay negative": {"happy_eyeballs_delay": -1},
    "interleave text": {"interleave": "x"},
    "interleave float": {"interleave": 1.5},
    "all_errors": {"all_errors": True},
    "server_hostname": {"server_hostname": "x"},
    "handshake": {"ssl_handshake_timeout": 1},
    "shutdown": {"ssl_shutdown_timeout": 1},
    "handshake zero": {"ssl_handshake_timeout": 0},
    "ssl false": {"ssl": False, "server_hostname": ""},
}

SERVE_OPTIONS = {
    "backlog text": {"backlog": "x"},
    "backlog None": {"backlog": None},
    "backlog negative": {"backlog": -1},
    "backlog float": {"backlog": 1.5},
    "backlog huge": {"backlog": 1 << 70},
    "reuse_address object": {"reuse_address": WRONG},
    "reuse_port object": {"reuse_port": WRONG},
    "start_serving 0": {"start_serving": 0},
    "ssl True": {"ssl": True},
    "ssl False": {"ssl": False},
    "ssl 1": {"ssl": 1},
    "handshake": {"ssl_handshake_timeout": 1},
    "shutdown": {"ssl_shutdown_timeout": 1},
}


async def opened(call):
    """Makes the call, and closes what it gives."""
    made = await call
    if isinstance(made, tuple):
        transport, protocol = made
        transport.abort()
        await protocol.lost
    else:
        made.close()
        await made.wait_closed()
    await asyncio.sleep(0)


def rows(table):
    return pytest.mark.parametrize("value", table.values(), ids=table.keys())


METHODS = pytest.mark.parametrize("method", ["create_connection", "create_server"])
DEBUG = pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])


def same(loop, call, debug=False):
    async def run(loop):
        loop.set_debug(debug)
        try:
            await opened(call(loop))
        finally:
            loop.set_debug(False)

    return same_as_asyncio(loop, run)


@METHODS
@rows(HOSTS)
def test_hosts(loop, method, value):
    same(loop, lambda loop: getattr(loop, method)(Recorder, value, 1, flags=NUMERIC))


@rows(HOSTS)
def test_hosts_in_a_list(loop, value):
    hosts = ["127.0.0.1", value]
    same(loop, lambda loop: loop.create_server(Recorder, hosts, 0, flags=NUMERIC))


@METHODS
@rows(PORTS)
def test_ports(loop, method, value):
    same(loop, lambda loop: getattr(loop, method)(Recorder, "127.0.0.1", value))


@METHODS
@rows(OPTIONS)
def test_options(loop, method, value):
    same(loop, lambda loop: getattr(loop, method)(Recorder, "127.0.0.1", 1, **value))


@DEBUG
@rows(CONNECT_OPTIONS)
def test_options_of_connections(loop, log, value, debug):
    call = {"host": "127.0.0.1", "port": 1, **value}
    same(loop, lambda loop: loop.create_connection(Recorder, **call), debug)


@DEBUG
@rows(SERVE_OPTIONS)
def test_options_of_servers(loop, log, value, debug):
    call = {"host": "127.0.0.1", "port": 0, **value}
    same(loop, lambda loop: loop.create_server(Recorder, **call), debug)


@pytest.mark.only("asyncioxide")
def test_a_delay_that_is_no_number_is_found_out_at_once(loop):
    # asyncio compares it when the first attempt has failed, and since 3.14 in a group.
    text = "^'<=' not supported between instances of 'str' and 'int'$"
    with pytest.raises(TypeError, match=text):
        loop.run_until_complete(
            loop.create_connection(Recorder, "127.0.0.1", 1, happy_eyeballs_delay="x")
        )


FACTORIES = {"number": 5, "None": None, "gives None": lambda: None, "too few": lambda _: None}


@rows(FACTORIES)
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_factories_of_connections(loop, value):
    async def connect(loop):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            await loop.create_connection(value, *listener.getsockname())

    assert same_as_asyncio(loop, connect).raised


def fresh(*kind):
    return lambda: socket.socket(*kind)


def closed():
    sock = socket.socket()
    sock.close()
    return sock


def secure():
    return ssl.create_default_context().wrap_socket(socket.socket(), server_hostname="x")


SOCKETS = {
    "closed": closed,
    "udp": fresh(socket.AF_INET, socket.SOCK_DGRAM),
    "unix datagrams": fresh(socket.AF_UNIX, socket.SOCK_DGRAM),
    "unix packets": fresh(socket.AF_UNIX, socket.SOCK_SEQPACKET),
    "tls": secure,
    "number": lambda: 5,
    "object": lambda: WRONG,
    "text": lambda: "socket",
}

TAKERS = [
    "create_connection",
    "create_server",
    "create_unix_connection",
    "create_unix_server",
    "connect_accepted_socket",
]


@DEBUG
@pytest.mark.parametrize("method", TAKERS)
@rows(SOCKETS)
def test_sockets(loop, log, method, value, debug):
    async def call(loop):
        sock = value()
        loop.set_debug(debug)
        try:
            await getattr(loop, method)(Recorder, sock=sock)
        finally:
            loop.set_debug(False)
            if isinstance(sock, socket.socket):
                sock.close()

    assert same_as_asyncio(loop, call).raised


@pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
def test_internet_sockets_are_no_unix_sockets(loop, method):
    async def call(loop):
        with socket.socket() as sock:
            await getattr(loop, method)(Recorder, sock=sock)

    assert same_as_asyncio(loop, call).raised


UNIX = {
    "nothing": lambda loop: loop.create_unix_connection(Recorder),
    "no factory": lambda loop: loop.create_unix_connection(),
    "too many": lambda loop: loop.create_unix_connection(Recorder, "/x", 5),
    "unknown": lambda loop: loop.create_unix_connection(Recorder, "/x", wrong=1),
    "both": lambda loop: loop.create_unix_connection(Recorder, "/x", sock=5),
    "hostname": lambda loop: loop.create_unix_connection(Recorder, "/x", server_hostname="x"),
    "hostname number": lambda loop: loop.create_unix_connection(Recorder, "/x", server_hostname=5),
    "ssl without name": lambda loop: loop.create_unix_connection(Recorder, "/x", ssl=True),
    "handshake": lambda loop: loop.create_unix_connection(Recorder, "/x", ssl_handshake_timeout=1),
    "shutdown": lambda loop: loop.create_unix_connection(Recorder, "/x", ssl_shutdown_timeout=1),
    "server nothing": lambda loop: loop.create_unix_server(Recorder),
    "server no factory": lambda loop: loop.create_unix_server(),
    "server too many": lambda loop: loop.create_unix_server(Recorder, "/x", 5),
    "server unknown": lambda loop: loop.create_unix_server(Recorder, "/x", wrong=1),
    "server both": lambda loop: loop.create_unix_server(Recorder, "/x", sock=5),
    "server ssl True": lambda loop: loop.create_unix_server(Recorder, "/x", ssl=True),
    "server ssl False": lambda loop: loop.create_unix_server(Recorder, "/x", ssl=False),
    "server handshake": lambda loop: loop.create_unix_server(
        Recorder, "/x", ssl_handshake_timeout=1
    ),
    "server shutdown": lambda loop: loop.create_unix_server(Recorder, "/x", ssl_shutdown_timeout=1),
    "server unbound": lambda loop: loop.create_unix_server(Recorder, "\0", backlog="x"),
    "accepted nothing": lambda loop: loop.connect_accepted_socket(Recorder),
    "accepted too many": lambda loop: loop.connect_accepted_socket(Recorder, 5, 5),
    "accepted unknown": lambda loop: loop.connect_accepted_socket(Recorder, 5, wrong=1),
}


@rows(UNIX)
def test_unix_and_accepted_sockets(loop, log, value):
    assert same_as_asyncio(loop, value).raised


TIMEOUTS = {
    "handshake": {"ssl_handshake_timeout": 1},
    "shutdown": {"ssl_shutdown_timeout": 1},
}


@rows(TIMEOUTS)
def test_timeouts_of_accepted_sockets(loop, value):
    async def call(loop):
        with socket.socket() as sock:
            await loop.connect_accepted_socket(Recorder, sock, **value)

    assert same_as_asyncio(loop, call).raised


BLOCKING = {
    "sock_recv": lambda loop, sock: loop.sock_recv(sock, 1),
    "sock_recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
    "sock_recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 1),
    "sock_recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
    "sock_sendall": lambda loop, sock: loop.sock_sendall(sock, b"x"),
    "sock_sendto": lambda loop, sock: loop.sock_sendto(sock, b"x", ("127.0.0.1", 9)),
    "sock_connect": lambda loop, sock: loop.sock_connect(sock, ("127.0.0.1", 9)),
    "sock_accept": lambda loop, sock: loop.sock_accept(sock),
}


@rows(BLOCKING)
@pytest.mark.parametrize("timeout", [None, 1.0], ids=["blocking", "timeout"])
def test_blocking_sockets_in_debug_mode(loop, value, timeout):
    async def call(loop):
        loop.set_debug(True)
        with socket.socket() as sock:
            sock.settimeout(timeout)
            try:
                await value(loop, sock)
            finally:
                loop.set_debug(False)

    found = same_as_asyncio(loop, call)
    assert found.cls is ValueError
    assert found.text == "the socket must be non-blocking"


@rows(BLOCKING)
def test_closed_sockets(loop, value):
    async def call(loop):
        sock = socket.socket()
        sock.setblocking(False)
        sock.close()
        await value(loop, sock)

    assert same_as_asyncio(loop, call).raised

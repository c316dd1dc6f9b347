"""Methods of the loop that a program has replaced: the loop's other methods call them.

A subclass, an attribute of the loop and an attribute of its class are the three ways; libraries
that bring their own resolver, proxy or firewall use them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from harness.peers import unused_port

HOST = "some.example"
WAYS = ("subclass", "instance", "class")
# Python 3.11 does not know the argument.
ALL_ERRORS = (False, True) if sys.version_info >= (3, 12) else (False,)


@dataclass
class Asked:
    """Which of the replaced methods were called, with what."""

    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)

    def names(self) -> list[str]:
        return [name for name, _, _ in self.calls]

    def arguments(self, name: str) -> list[tuple[Any, ...]]:
        return [arguments for called, arguments, _ in self.calls if called == name]


Replace = Callable[..., Any]


@pytest.fixture
def replaced(loop, request, monkeypatch):
    """Makes a loop with methods replaced in one of the three ways: `replaced(way, name=function)`.

    Each function gets the loop first, like a method.
    """
    made = []

    def make(way: str, **methods: Callable[..., Any]) -> Any:
        base = type(loop)
        if way == "subclass":
            own = type("Own", (base,), methods)()
        else:
            own = type("Own", (base,), {})()
            for name, method in methods.items():
                if way == "class":
                    setattr(type(own), name, method)
                else:
                    setattr(own, name, method.__get__(own))
        made.append(own)
        return own

    yield make
    for own in made:
        own.run_until_complete(own.shutdown_default_executor())
        own.close()


def tells(asked: Asked, name: str, base: type[Any]) -> Callable[..., Any]:
    """A method that does what the loop's own does, and says so."""

    def method(self: Any, *arguments: Any, **keywords: Any) -> Any:
        asked.calls.append((name, arguments, keywords))
        return getattr(base, name)(self, *arguments, **keywords)

    return method


def answers(asked: Asked, *infos: Any) -> Callable[..., Any]:
    """A `getaddrinfo` that knows these addresses."""

    async def getaddrinfo(self: Any, *arguments: Any, **keywords: Any) -> Any:
        asked.calls.append(("getaddrinfo", arguments, keywords))
        return list(infos)

    return getaddrinfo


def info(port: int, type_: int = socket.SOCK_STREAM, host: str = "127.0.0.1") -> Any:
    return (socket.AF_INET, type_, 0, "", (host, port))


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


class Quiet(asyncio.Protocol):
    """Knows when its connection is over."""

    def connection_made(self, transport: Any) -> None:
        self.over = asyncio.get_running_loop().create_future()

    def connection_lost(self, exception: Exception | None) -> None:
        self.over.set_result(exception)


async def connect(own: Any, port: int, **options: Any) -> None:
    transport, protocol = await own.create_connection(Quiet, HOST, port, **options)
    assert transport.get_extra_info("peername") == ("127.0.0.1", port)
    transport.abort()
    await protocol.over


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("delay", [None, 60])
def test_create_connection_asks_both(loop, replaced, listener, way, delay):
    asked, port = Asked(), listener.getsockname()[1]
    own = replaced(
        way,
        getaddrinfo=answers(asked, info(port)),
        sock_connect=tells(asked, "sock_connect", type(loop)),
    )
    own.run_until_complete(connect(own, port, happy_eyeballs_delay=delay))
    assert asked.names() == ["getaddrinfo", "sock_connect"]
    (_, arguments, keywords), (_, (sock, address), _) = asked.calls
    assert arguments == (HOST, port)
    assert keywords == {"family": 0, "type": socket.SOCK_STREAM, "proto": 0, "flags": 0}
    assert address == ("127.0.0.1", port)
    assert sock.gettimeout() == 0


@pytest.mark.parametrize("way", WAYS)
def test_open_connection_asks_both(loop, replaced, listener, way):
    asked, port = Asked(), listener.getsockname()[1]
    own = replaced(
        way,
        getaddrinfo=answers(asked, info(port)),
        sock_connect=tells(asked, "sock_connect", type(loop)),
    )

    async def main() -> None:
        _, writer = await asyncio.open_connection(HOST, port)
        writer.close()
        await writer.wait_closed()

    own.run_until_complete(main())
    assert asked.names() == ["getaddrinfo", "sock_connect"]


@pytest.mark.parametrize("way", WAYS)
def test_create_server_asks_getaddrinfo_for_each_host(replaced, way):
    asked = Asked()
    own = replaced(way, getaddrinfo=answers(asked, info(0)))

    async def main() -> None:
        server = await own.create_server(asyncio.Protocol, [HOST, "other.example"], 0)
        assert [each.getsockname()[0] for each in server.sockets] == ["127.0.0.1"]
        server.close()
        await server.wait_closed()

    own.run_until_complete(main())
    hosts = [arguments[0] for arguments in asked.arguments("getaddrinfo")]
    assert sorted(hosts) == ["other.example", HOST]


@pytest.mark.parametrize("way", WAYS)
def test_create_datagram_endpoint_asks_both(loop, replaced, way):
    asked = Asked()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        port = peer.getsockname()[1]
        own = replaced(
            way,
            getaddrinfo=answers(asked, info(port, socket.SOCK_DGRAM)),
            sock_connect=tells(asked, "sock_connect", type(loop)),
        )

        class Gone(asyncio.DatagramProtocol):
            def connection_made(self, transport: Any) -> None:
                self.over = own.create_future()

            def connection_lost(self, exception: Exception | None) -> None:
                self.over.set_result(exception)

        async def main() -> None:
            made = await own.create_datagram_endpoint(Gone, remote_addr=(HOST, port))
            transport, protocol = made
            transport.close()
            assert await protocol.over is None

        own.run_until_complete(main())
    assert asked.names() == ["getaddrinfo", "sock_connect"]
    assert asked.calls[0][2]["type"] == socket.SOCK_DGRAM


@pytest.mark.parametrize("type_", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_sock_connect_asks_getaddrinfo_for_the_sockets_own_type(replaced, listener, type_):
    asked, port = Asked(), listener.getsockname()[1]
    own = replaced("subclass", getaddrinfo=answers(asked, info(port, type_)))
    with socket.socket(socket.AF_INET, type_) as sock:
        sock.setblocking(False)
        own.run_until_complete(own.sock_connect(sock, (HOST, port)))
        assert sock.getpeername() == ("127.0.0.1", port)
    [(_, arguments, keywords)] = asked.calls
    assert arguments == (HOST, port)
    assert keywords == {"family": socket.AF_INET, "type": type_, "proto": 0, "flags": 0}


@pytest.mark.parametrize("way", WAYS)
def test_create_unix_connection_asks_sock_connect(loop, replaced, way, tmp_path):
    asked, path = Asked(), str(tmp_path / "socket")
    own = replaced(way, sock_connect=tells(asked, "sock_connect", type(loop)))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()

        async def main() -> None:
            transport, protocol = await own.create_unix_connection(Quiet, path)
            transport.abort()
            await protocol.over

        own.run_until_complete(main())
    assert [address for _, address in asked.arguments("sock_connect")] == [path]


class TestErrors:
    """What a replaced method raises, or answers, is treated like the loop's own."""

    @pytest.mark.parametrize("delay", [None, 60])
    def test_the_next_address_is_tried_after_an_oserror(self, loop, replaced, listener, delay):
        asked, port = Asked(), listener.getsockname()[1]
        own_connect = type(loop).sock_connect

        async def sock_connect(self: Any, sock: Any, address: Any) -> None:
            asked.calls.append(("sock_connect", (sock, address), {}))
            if address[0] == "127.0.0.2":
                raise PermissionError(1, "not there")
            await own_connect(self, sock, address)

        own = replaced(
            "subclass",
            getaddrinfo=answers(asked, info(port, host="127.0.0.2"), info(port)),
            sock_connect=sock_connect,
        )
        own.run_until_complete(connect(own, port, happy_eyeballs_delay=delay))
        (first, _), (second, _) = asked.arguments("sock_connect")
        assert first is not second
        assert first.fileno() == -1

    @pytest.mark.parametrize("delay", [None, 60])
    @pytest.mark.parametrize("all_errors", ALL_ERRORS)
    def test_all_errors_are_told(self, replaced, delay, all_errors):
        asked, ports = Asked(), (1, 2)

        async def sock_connect(self: Any, sock: Any, address: Any) -> None:
            raise OSError(f"no {address[1]}")

        own = replaced(
            "instance", getaddrinfo=answers(asked, *map(info, ports)), sock_connect=sock_connect
        )
        options = {"all_errors": True} if all_errors else {}
        with pytest.raises((OSError, ExceptionGroup)) as caught:
            own.run_until_complete(connect(own, 1, happy_eyeballs_delay=delay, **options))
        if all_errors:
            assert caught.value.message == "create_connection failed"
            assert [str(error) for error in caught.value.exceptions] == ["no 1", "no 2"]
        else:
            assert str(caught.value) == "Multiple exceptions: no 1, no 2"

    def test_another_exception_ends_it(self, replaced):
        asked, socks = Asked(), []

        def sock_connect(self: Any, sock: Any, address: Any) -> None:
            socks.append(sock)
            raise ZeroDivisionError

        own = replaced(
            "class", getaddrinfo=answers(asked, info(1), info(2)), sock_connect=sock_connect
        )
        with pytest.raises(ZeroDivisionError):
            own.run_until_complete(connect(own, 1))
        assert [sock.fileno() for sock in socks] == [-1]

    @pytest.mark.parametrize("delay", [None, 60])
    def test_a_cancellation_reaches_it(self, replaced, delay):
        asked, socks = Asked(), []

        async def sock_connect(self: Any, sock: Any, address: Any) -> None:
            socks.append(sock)
            try:
                await self.create_future()
            except asyncio.CancelledError:
                assert sock.fileno() >= 0
                asked.calls.append(("cancelled", (), {}))
                raise

        own = replaced("subclass", getaddrinfo=answers(asked, info(1)), sock_connect=sock_connect)

        async def main() -> None:
            task = own.create_task(connect(own, 1, happy_eyeballs_delay=delay))
            while not socks:
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while "cancelled" not in asked.names():
                await asyncio.sleep(0)

        own.run_until_complete(main())
        assert [sock.fileno() for sock in socks] == [-1]

    def test_it_binds_to_the_local_address_first(self, loop, replaced, listener):
        asked, port = Asked(), listener.getsockname()[1]
        local = unused_port()
        seen = []

        async def sock_connect(self: Any, sock: Any, address: Any) -> None:
            seen.append(sock.getsockname())
            await type(loop).sock_connect(self, sock, address)

        own = replaced("subclass", sock_connect=sock_connect)

        async def main() -> None:
            transport, protocol = await own.create_connection(
                Quiet, "127.0.0.1", port, local_addr=("127.0.0.1", local)
            )
            transport.abort()
            await protocol.over

        own.run_until_complete(main())
        assert seen == [("127.0.0.1", local)]
        assert asked.calls == []

    @pytest.mark.parametrize("answer", [[], (), None])
    @pytest.mark.parametrize("method", ["create_connection", "create_server"])
    def test_no_answer_is_an_empty_list(self, replaced, method, answer):
        async def getaddrinfo(self: Any, *arguments: Any, **keywords: Any) -> Any:
            return answer

        own = replaced("instance", getaddrinfo=getaddrinfo)
        with pytest.raises(OSError, match=r"^getaddrinfo\(.*\) returned empty list$"):
            own.run_until_complete(getattr(own, method)(asyncio.Protocol, HOST, 1))

    def test_no_address_for_sock_connect(self, replaced):
        own = replaced("subclass", getaddrinfo=answers(Asked()))
        with socket.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(IndexError, match=r"^list index out of range$"):
                own.run_until_complete(own.sock_connect(sock, (HOST, 1)))


@pytest.mark.parametrize("way", WAYS)
def test_run_until_complete_runs_through_run_forever(loop, replaced, way):
    asked = Asked()
    own = replaced(way, run_forever=tells(asked, "run_forever", type(loop)))
    assert own.run_until_complete(asyncio.sleep(0, "done")) == "done"
    assert asked.names() == ["run_forever"]


def test_run_until_complete_raises_what_run_forever_raises(replaced):
    def run_forever(self: Any) -> None:
        raise ZeroDivisionError

    own = replaced("class", run_forever=run_forever)
    future = own.create_future()
    with pytest.raises(ZeroDivisionError):
        own.run_until_complete(future)
    future.cancel()
    del type(own).run_forever


def test_close_gives_signals_back_through_remove_signal_handler(loop):
    asked = Asked()
    own = type("Own", (type(loop),), {})()
    own.remove_signal_handler = tells(asked, "remove_signal_handler", type(loop)).__get__(own)
    with contextlib.closing(own):
        own.add_signal_handler(signal.SIGUSR1, lambda: None)
    assert asked.arguments("remove_signal_handler") == [(signal.SIGUSR1,)]
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL

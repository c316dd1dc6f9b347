"""create_server: where it listens, and how."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading

import pytest
from harness.outcome import outcome
from harness.peers import dialled
from harness.protocols import Echo
from harness.versions import since


async def answers(address):
    """Whether an echo server is there."""
    reader, writer = await asyncio.open_connection(*address[:2])
    writer.write(b"there?")
    found = await reader.readexactly(6)
    writer.close()
    await writer.wait_closed()
    return found == b"there?"


@pytest.fixture
def serve(loop):
    """Starts echo servers that are closed at the end."""
    servers = []

    async def start(*args, **options):
        servers.append(await loop.create_server(Echo, *args, **options))
        return servers[-1]

    yield start

    async def end():
        for server in servers:
            server.close()
            await server.wait_closed()

    loop.run_until_complete(end())


class TestAddresses:
    async def test_port_zero_takes_a_free_one(self, loop, serve):
        server = await serve("127.0.0.1", 0)
        (sock,) = server.sockets
        host, port = sock.getsockname()
        assert host == "127.0.0.1"
        assert port > 0
        assert await answers((host, port))

    async def test_a_port_given(self, loop, serve):
        first = await serve("127.0.0.1", 0)
        port = first.sockets[0].getsockname()[1]
        first.close()
        await first.wait_closed()
        server = await serve("127.0.0.1", port)
        assert server.sockets[0].getsockname() == ("127.0.0.1", port)

    async def test_a_port_as_text(self, loop, serve):
        server = await serve("127.0.0.1", "0")
        assert await answers(server.sockets[0].getsockname())

    @pytest.mark.parametrize("host", [None, ""], ids=["None", "empty"])
    async def test_no_host_means_every_interface(self, loop, serve, host):
        server = await serve(host, 0)
        families = {sock.family for sock in server.sockets}
        assert families == {socket.AF_INET, socket.AF_INET6}
        for sock in server.sockets:
            port = sock.getsockname()[1]
            loopback = "127.0.0.1" if sock.family == socket.AF_INET else "::1"
            assert await answers((loopback, port))

    @pytest.mark.parametrize("make", [list, tuple, iter], ids=["list", "tuple", "iterator"])
    async def test_several_hosts(self, loop, serve, make):
        server = await serve(make(["127.0.0.1", "::1"]), 0)
        hosts = {sock.getsockname()[0] for sock in server.sockets}
        assert hosts == {"127.0.0.1", "::1"}
        for sock in server.sockets:
            assert await answers(sock.getsockname())

    async def test_the_same_host_twice_is_one_socket(self, loop, serve):
        server = await serve(["127.0.0.1", "127.0.0.1"], 0)
        assert len(server.sockets) == 1

    async def test_a_name(self, loop, serve):
        server = await serve("localhost", 0)
        assert server.sockets
        for sock in server.sockets:
            assert await answers(sock.getsockname())

    async def test_ipv6_sockets_leave_ipv4_alone(self, loop, serve):
        server = await serve("::1", 0)
        (sock,) = server.sockets
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1

    async def test_a_family(self, loop, serve):
        server = await serve(None, 0, family=socket.AF_INET)
        assert [sock.family for sock in server.sockets] == [socket.AF_INET]

    def test_an_address_in_use_fails_as_in_asyncio(self, loop):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = taken.getsockname()

            def on(which):
                return outcome(
                    lambda: which.run_until_complete(which.create_server(Echo, *address))
                )

            stock = asyncio.new_event_loop()
            expected = on(stock)
            stock.close()
            assert expected.raised
            assert "error while attempting to bind on address" in expected.text
            assert on(loop) == expected

    async def test_one_address_in_use_of_two_leaves_none_open(self, loop):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(OSError, match="error while attempting to bind"):
                await loop.create_server(Echo, ["127.0.0.2", "127.0.0.1"], port)


class TestSocketGiven:
    async def test_is_listened_on(self, loop, serve):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        server = await serve(sock=sock)
        assert [each.fileno() for each in server.sockets] == [sock.fileno()]
        assert sock.gettimeout() == 0
        assert await answers(sock.getsockname())

    async def test_one_that_listens_already(self, loop, serve):
        sock = socket.create_server(("127.0.0.1", 0))
        await serve(sock=sock)
        assert await answers(sock.getsockname())

    async def test_connections_waiting_in_it_are_accepted(self, loop, serve):
        sock = socket.create_server(("127.0.0.1", 0))
        with dialled(sock.getsockname()) as peer:
            peer.sock.sendall(b"early")
            await serve(sock=sock)
            assert await peer.receive(5) == b"early"

    async def test_a_unix_socket_works_too(self, loop, serve, tmp_path):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(str(tmp_path / "s"))
        await serve(sock=sock)

        def talk():
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "s"))
                client.sendall(b"hello")
                return client.recv(5)

        assert await asyncio.to_thread(talk) == b"hello"

    async def test_is_closed_by_the_server(self, loop, serve):
        sock = socket.create_server(("127.0.0.1", 0))
        server = await serve(sock=sock)
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0)
        assert sock.fileno() == -1


class TestReuse:
    async def test_addresses_are_reused_by_default(self, loop, serve):
        server = await serve("127.0.0.1", 0)
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) != 0

    async def test_not_when_told_so(self, loop, serve):
        server = await serve("127.0.0.1", 0, reuse_address=False)
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 0

    async def test_two_servers_share_a_port(self, loop, serve):
        first = await serve("127.0.0.1", 0, reuse_port=True)
        port = first.sockets[0].getsockname()[1]
        second = await serve("127.0.0.1", port, reuse_port=True)
        assert first.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) != 0
        assert second.sockets[0].getsockname() == ("127.0.0.1", port)
        assert await answers(("127.0.0.1", port))

    async def test_ports_are_not_shared_by_default(self, loop, serve):
        server = await serve("127.0.0.1", 0)
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) == 0

    @since(3, 13)
    async def test_keep_alive(self, loop, serve):
        server = await serve("127.0.0.1", 0, keep_alive=True)
        assert server.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) != 0
        plain = await serve("127.0.0.1", 0)
        assert plain.sockets[0].getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 0


class TestStarting:
    async def test_at_once_by_default(self, loop, serve):
        server = await serve("127.0.0.1", 0)
        assert server.is_serving()
        assert await answers(server.sockets[0].getsockname())

    async def test_later_when_told_so(self, loop, serve):
        server = await serve("127.0.0.1", 0, start_serving=False)
        assert not server.is_serving()
        address = server.sockets[0].getsockname()
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, *address)
        await server.start_serving()
        assert server.is_serving()
        assert await answers(address)

    @pytest.mark.parametrize("backlog", [1, 5, 1000])
    async def test_any_backlog_accepts_one_after_another(self, loop, serve, backlog):
        server = await serve("127.0.0.1", 0, backlog=backlog)
        for _ in range(10):
            assert await answers(server.sockets[0].getsockname())

    async def test_the_default_backlog_takes_a_crowd(self, loop, serve):
        server = await serve("127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        assert all(await asyncio.gather(*(answers(address) for _ in range(60))))

    async def test_a_crowd_from_threads(self, loop, serve):
        server = await serve("127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        seen = []

        def client():
            with dialled(address) as peer:
                for _ in range(20):
                    peer.sock.sendall(b"hello")
                    seen.append(peer._receive(5))

        threads = [threading.Thread(target=client) for _ in range(8)]
        for thread in threads:
            thread.start()
        await asyncio.gather(*(asyncio.to_thread(thread.join) for thread in threads))
        assert seen == [b"hello"] * 160

    async def test_debug_mode_logs_it(self, loop, serve, log):
        loop.set_debug(True)
        server = await serve("127.0.0.1", 0)
        assert f"{server!r} is serving" in log.messages(0)
        loop.set_debug(False)


class TestTheFactory:
    async def test_is_called_once_a_connection(self, loop):
        made = []

        def factory():
            made.append(Echo())
            return made[-1]

        server = await loop.create_server(factory, "127.0.0.1", 0)
        assert made == []
        for count in (1, 2, 3):
            assert await answers(server.sockets[0].getsockname())
            assert len(made) == count
        server.close()
        await server.wait_closed()
        made.clear()

    @pytest.mark.only("asyncioxide")
    async def test_that_fails_costs_the_connection_only(self, loop):
        # asyncio leaves the accepted socket to the collector.
        calls = itertools.count()

        def factory():
            if next(calls) == 0:
                raise ValueError("not this one")
            return Echo()

        server = await loop.create_server(factory, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        loop.set_exception_handler(lambda loop, context: None)
        with dialled(address) as peer:
            assert await peer.read_to_end() == b""
        assert await answers(address)
        loop.set_exception_handler(None)
        server.close()
        await server.wait_closed()

"""create_connection: where it connects to, how it fails, and several addresses at once."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import weakref

import pytest
from harness.outcome import outcome
from harness.peers import connected_pair, full_backlog, unused_port
from harness.protocols import Echo, Recorder
from harness.versions import since, skip_stock_bug


@pytest.fixture
def serve(loop):
    """Starts echo servers that are closed at the end."""
    servers = []

    async def start(*hosts):
        server = await loop.create_server(Echo, hosts or ["127.0.0.1"], 0)
        servers.append(server)
        return server.sockets[0].getsockname()

    yield start

    async def end():
        for server in servers:
            server.close()
            await server.wait_closed()

    loop.run_until_complete(end())


@pytest.fixture
def resolve(monkeypatch):
    """Makes every name stand for the addresses given."""

    def to(*addresses):
        infos = [
            (
                socket.AF_INET6 if ":" in address[0] else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                address,
            )
            for address in addresses
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: infos)

    return to


async def talk(transport, protocol):
    transport.write(b"there?")
    assert await protocol.has_received(6) == b"there?"
    transport.close()
    assert await protocol.lost is None


class TestConnecting:
    async def test_gives_transport_and_protocol_when_connected(self, loop, serve):
        address = await serve()
        made = []

        def factory():
            made.append(Recorder())
            return made[-1]

        connection = await loop.create_connection(factory, *address)
        assert type(connection) is tuple
        transport, protocol = connection
        assert made == [protocol]
        assert protocol.transport is transport
        assert protocol.calls == ["connection_made"]
        await talk(transport, protocol)
        made.clear()

    async def test_by_name(self, loop, serve):
        address = await serve()
        await talk(*await loop.create_connection(Recorder, "localhost", address[1]))

    async def test_by_ipv6_address(self, loop, serve):
        address = await serve("::1")
        await talk(*await loop.create_connection(Recorder, "::1", address[1]))

    async def test_a_port_as_text(self, loop, serve):
        address = await serve()
        await talk(*await loop.create_connection(Recorder, "127.0.0.1", str(address[1])))

    async def test_a_family(self, loop, serve, resolve):
        address = await serve()
        options = {"family": socket.AF_INET}
        await talk(*await loop.create_connection(Recorder, "127.0.0.1", address[1], **options))

    async def test_a_socket_connected_already(self, loop):
        ours, theirs = connected_pair()
        ours.setblocking(True)
        transport, protocol = await loop.create_connection(Recorder, sock=ours)
        assert ours.gettimeout() == 0
        theirs.sendall(b"hello")
        assert await protocol.has_received(5) == b"hello"
        transport.close()
        await protocol.lost
        theirs.close()

    async def test_a_local_address(self, loop, serve):
        address = await serve()
        port = unused_port()
        transport, protocol = await loop.create_connection(
            Recorder, *address, local_addr=("127.0.0.1", port)
        )
        assert transport.get_extra_info("sockname") == ("127.0.0.1", port)
        await talk(transport, protocol)

    async def test_many_at_once(self, loop, serve):
        address = await serve()
        connections = await asyncio.gather(
            *(loop.create_connection(Recorder, *address) for _ in range(80))
        )
        await asyncio.gather(*(talk(*connection) for connection in connections))

    async def test_to_a_server_that_hangs_up_at_once(self, loop):
        class HangsUp(asyncio.Protocol):
            def connection_made(self, transport):
                transport.close()

        server = await loop.create_server(HangsUp, "127.0.0.1", 0)
        for _ in range(20):
            _, protocol = await loop.create_connection(Recorder, *server.sockets[0].getsockname())
            assert await protocol.lost is None
        server.close()
        await server.wait_closed()


class TestFailing:
    async def test_refused(self, loop):
        port = unused_port()
        with pytest.raises(ConnectionRefusedError) as caught:
            await loop.create_connection(Recorder, "127.0.0.1", port)
        assert str(caught.value) == f"[Errno 111] Connect call failed ('127.0.0.1', {port})"
        assert caught.value.errno == 111

    async def test_refused_by_two_addresses(self, loop, resolve):
        ports = unused_port(), unused_port()
        resolve(("127.0.0.1", ports[0]), ("127.0.0.1", ports[1]))
        with pytest.raises(OSError) as caught:
            await loop.create_connection(Recorder, "both.example", 1)
        first, second = (f"[Errno 111] Connect call failed ('127.0.0.1', {p})" for p in ports)
        assert str(caught.value) == f"Multiple exceptions: {first}, {second}"

    async def test_refused_twice_alike(self, loop, resolve):
        port = unused_port()
        resolve(("127.0.0.1", port), ("127.0.0.1", port))
        with pytest.raises(ConnectionRefusedError) as caught:
            await loop.create_connection(Recorder, "both.example", 1)
        assert str(caught.value) == f"[Errno 111] Connect call failed ('127.0.0.1', {port})"

    @since(3, 12)
    async def test_all_errors_come_as_a_group(self, loop, resolve):
        ports = unused_port(), unused_port()
        resolve(("127.0.0.1", ports[0]), ("127.0.0.1", ports[1]))
        with pytest.raises(ExceptionGroup) as caught:
            await loop.create_connection(Recorder, "both.example", 1, all_errors=True)
        assert caught.value.message == "create_connection failed"
        assert [type(error) for error in caught.value.exceptions] == [ConnectionRefusedError] * 2

    @since(3, 12)
    async def test_all_errors_of_one_is_a_group_too(self, loop):
        with pytest.raises(ExceptionGroup) as caught:
            await loop.create_connection(Recorder, "127.0.0.1", unused_port(), all_errors=True)
        assert len(caught.value.exceptions) == 1

    async def test_the_second_address_is_tried(self, loop, serve, resolve):
        address = await serve()
        resolve(("127.0.0.1", unused_port()), address)
        await talk(*await loop.create_connection(Recorder, "both.example", 1))

    async def test_a_local_address_in_use(self, loop, serve):
        address = await serve()

        with socket.create_server(("127.0.0.1", 0)) as taken:

            def on(which):
                coro = which.create_connection(Recorder, *address, local_addr=taken.getsockname())
                return outcome(lambda: which.run_until_complete(coro))

            def stock():
                which = asyncio.new_event_loop()
                try:
                    return on(which)
                finally:
                    which.close()

            expected = await asyncio.to_thread(stock)
            assert expected.raised
            with pytest.raises(expected.cls) as caught:
                await loop.create_connection(Recorder, *address, local_addr=taken.getsockname())
            assert str(caught.value) == expected.text

    async def test_the_protocol_factory_fails(self, loop, serve, names):
        skip_stock_bug(names, sys.version_info < (3, 14, 10), "leaves the socket open")
        address = await serve()

        def factory():
            raise KeyError("factory")

        with pytest.raises(KeyError, match="factory"):
            await loop.create_connection(factory, *address)

    async def test_connection_made_fails(self, loop, reports):
        class Fails(Recorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                raise ValueError("in connection_made")

        ours, theirs = connected_pair()
        transport, protocol = await loop.create_connection(Fails, sock=ours)
        assert [str(report["exception"]) for report in reports] == ["in connection_made"]
        theirs.sendall(b"still read")
        assert await protocol.has_received(10) == b"still read"
        transport.close()
        await protocol.lost
        theirs.close()

    async def test_can_be_cancelled(self, loop):
        with full_backlog() as address:
            task = loop.create_task(loop.create_connection(Recorder, *address))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not task.done()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    @pytest.mark.parametrize(
        "options", [{}, {"happy_eyeballs_delay": 0.001}], ids=["plain", "race"]
    )
    async def test_keeps_a_task_alive_that_nobody_refers_to(self, loop, resolve, options):
        with full_backlog() as silent:
            resolve(silent, silent)
            connecting = loop.create_connection(Recorder, "name.example", 1, **options)
            task = weakref.ref(loop.create_task(connecting))
            del connecting
            await asyncio.sleep(0.02)
            gc.collect()
            assert task() is not None
            assert not task().done()
            task().cancel()
            with pytest.raises(asyncio.CancelledError):
                await task()

    async def test_can_be_timed_out(self, loop):
        with full_backlog() as address, pytest.raises(TimeoutError):
            await asyncio.wait_for(loop.create_connection(Recorder, *address), 0.01)

    async def test_an_open_connection_survives_another_ones_failure(self, loop, serve):
        address = await serve()
        transport, protocol = await loop.create_connection(Recorder, *address)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(Recorder, "127.0.0.1", unused_port())
        await talk(transport, protocol)


class TestHappyEyeballs:
    async def test_does_not_wait_for_a_silent_address(self, loop, serve, resolve):
        address = await serve()
        with full_backlog() as silent:
            resolve(silent, address)
            connection = await asyncio.wait_for(
                loop.create_connection(Recorder, "both.example", 1, happy_eyeballs_delay=0.01), 30
            )
            assert connection[0].get_extra_info("peername") == address
            await talk(*connection)

    async def test_goes_on_at_once_after_a_refusal(self, loop, serve, resolve):
        address = await serve()
        resolve(("127.0.0.1", unused_port()), address)
        await talk(
            *await asyncio.wait_for(
                loop.create_connection(Recorder, "both.example", 1, happy_eyeballs_delay=3600), 30
            )
        )

    async def test_prefers_the_first_address(self, loop, serve, resolve):
        first, second = await serve(), await serve()
        resolve(first, second)
        transport, protocol = await loop.create_connection(
            Recorder, "both.example", 1, happy_eyeballs_delay=30
        )
        assert transport.get_extra_info("peername") == first
        await talk(transport, protocol)

    async def test_fails_when_all_fail(self, loop, resolve):
        ports = unused_port(), unused_port()
        resolve(*(("127.0.0.1", port) for port in ports))
        with pytest.raises(OSError, match=r"^Multiple exceptions: \[Errno 111\] Connect call"):
            await loop.create_connection(Recorder, "both.example", 1, happy_eyeballs_delay=0.01)

    async def test_one_address_is_no_race(self, loop, serve):
        address = await serve()
        await talk(*await loop.create_connection(Recorder, *address, happy_eyeballs_delay=0.01))

    async def test_can_be_cancelled(self, loop, resolve):
        with full_backlog() as silent:
            resolve(silent, silent)
            task = loop.create_task(
                loop.create_connection(Recorder, "both.example", 1, happy_eyeballs_delay=0.001)
            )
            await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    @pytest.mark.parametrize(("interleave", "position"), [(None, 2), (1, 1), (2, 2)])
    async def test_families_take_turns(self, loop, resolve, interleave, position):
        """Every address refuses, and the errors come in the order of trying."""
        refused = [("127.0.0.1", unused_port()), ("127.0.0.1", unused_port())]
        resolve(*refused, ("::1", unused_port(), 0, 0))
        with pytest.raises(OSError) as caught:
            await loop.create_connection(Recorder, "all.example", 1, interleave=interleave)
        text = str(caught.value)
        tried = sorted([*map(repr, refused), "('::1'"], key=text.index)
        assert tried.index("('::1'") == position

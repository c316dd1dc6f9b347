"""The Server object: serving, closing, waiting, and its clients."""

from __future__ import annotations

import asyncio
import sys

import pytest
from harness.peers import dialled
from harness.protocols import Echo, KeepsOpen, Recorder
from harness.versions import since

waits_for_clients = since(3, 12)


@pytest.fixture
def accepted(loop):
    """Server protocols in the order of their connections."""
    return []


@pytest.fixture
def serve(loop, accepted):
    async def start(cls=Recorder, **options):
        def factory():
            accepted.append(cls())
            return accepted[-1]

        return await loop.create_server(factory, "127.0.0.1", 0, **options)

    yield start
    accepted.clear()


def address_of(server):
    return server.sockets[0].getsockname()


async def connected(loop, server, accepted, count=1):
    """Connects that many clients; gives them when the server has taken them all."""
    clients = [
        (await loop.create_connection(Recorder, *address_of(server)))[1] for _ in range(count)
    ]
    while len(accepted) < count:
        await asyncio.sleep(0)
    for protocol in accepted:
        await protocol.made
    return clients


class TestObject:
    async def test_is_an_abstract_server_of_the_loop(self, loop, names, serve):
        server = await serve()
        assert isinstance(server, asyncio.AbstractServer)
        assert type(server) is names.Server
        assert server.get_loop() is loop
        server.close()
        await server.wait_closed()

    async def test_sockets_are_transport_sockets(self, loop, serve):
        server = await serve()
        assert type(server.sockets) is tuple
        assert all(isinstance(s, asyncio.trsock.TransportSocket) for s in server.sockets)
        server.close()
        assert server.sockets == ()
        await server.wait_closed()

    async def test_repr_shows_the_sockets(self, loop, serve):
        server = await serve()
        assert repr(server).startswith("<Server sockets=")
        assert "127.0.0.1" in repr(server)
        server.close()
        assert repr(server).startswith("<Server sockets=")
        await server.wait_closed()

    async def test_has_every_public_method(self, loop, serve):
        server = await serve()
        wanted = {name for name in dir(asyncio.base_events.Server) if not name.startswith("_")}
        assert wanted <= set(dir(server))
        server.close()
        await server.wait_closed()


class TestServing:
    async def test_states(self, loop, serve):
        server = await serve(start_serving=False)
        assert server.is_serving() is False
        await server.start_serving()
        assert server.is_serving() is True
        await server.start_serving()
        assert server.is_serving() is True
        server.close()
        assert server.is_serving() is False
        await server.wait_closed()

    async def test_serve_forever_begins_and_cancelling_it_closes(self, loop, serve):
        server = await serve(Echo, start_serving=False)
        task = loop.create_task(server.serve_forever())
        await asyncio.sleep(0)
        assert server.is_serving()
        with dialled(address_of(server)) as peer:
            peer.sock.sendall(b"hello")
            assert await peer.receive(5) == b"hello"
            peer.finish()
            await peer.read_to_end()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert server.sockets == ()
        assert not server.is_serving()

    async def test_closing_ends_serve_forever(self, loop, serve):
        server = await serve()
        task = loop.create_task(server.serve_forever())
        await asyncio.sleep(0)
        server.close()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_serve_forever_twice_is_refused(self, loop, serve):
        server = await serve()
        task = loop.create_task(server.serve_forever())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError) as caught:
            await server.serve_forever()
        text = f"server {server!r} is already being awaited on serve_forever()"
        assert str(caught.value) == text
        task.cancel()
        await asyncio.wait([task])

    async def test_serve_forever_of_a_closed_one_is_refused(self, loop, serve):
        server = await serve()
        server.close()
        with pytest.raises(RuntimeError) as caught:
            await server.serve_forever()
        assert str(caught.value) == f"server {server!r} is closed"
        await server.wait_closed()

    async def test_start_serving_of_a_closed_one_is_an_error(self, loop, serve):
        server = await serve()
        server.close()
        await server.wait_closed()
        with pytest.raises((TypeError, RuntimeError)):
            await server.start_serving()

    async def test_as_a_context_manager(self, loop, serve):
        async with await serve() as server:
            assert server.is_serving()
            assert server.sockets
        assert server.sockets == ()


class TestClosing:
    async def test_new_connections_are_refused(self, loop, serve):
        server = await serve()
        address = address_of(server)
        server.close()
        await asyncio.sleep(0)
        with pytest.raises(ConnectionRefusedError):
            await loop.create_connection(asyncio.Protocol, *address)
        await server.wait_closed()

    async def test_twice_is_once(self, loop, serve):
        server = await serve()
        server.close()
        server.close()
        await server.wait_closed()
        await server.wait_closed()

    async def test_connections_go_on(self, loop, serve, accepted):
        server = await serve(Echo)
        with dialled(address_of(server)) as peer:
            peer.sock.sendall(b"1")
            assert await peer.receive(1) == b"1"
            server.close()
            peer.sock.sendall(b"2")
            assert await peer.receive(1) == b"2"
            peer.finish()
            assert await peer.read_to_end() == b""
        await server.wait_closed()

    async def test_in_a_callback_of_a_connection(self, loop, serve, accepted):
        class Closes(Recorder):
            def data_received(self, data):
                server.close()
                self.transport.close()

        server = await serve(Closes)
        with dialled(address_of(server)) as peer:
            peer.sock.sendall(b"x")
            assert await peer.read_to_end() == b""
        await server.wait_closed()

    def test_a_server_left_open_in_a_closed_loop_is_no_crash(self, loop, serve):
        server = loop.run_until_complete(serve())
        loop.close()
        server.close()
        assert server.sockets == ()


class TestWaitClosed:
    async def test_of_an_open_server_waits(self, loop, serve):
        server = await serve()
        task = loop.create_task(server.wait_closed())
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        server.close()
        await task

    async def test_without_clients_ends_at_once(self, loop, serve):
        server = await serve()
        server.close()
        await asyncio.wait_for(server.wait_closed(), 10)

    @waits_for_clients
    async def test_waits_for_the_last_client(self, loop, serve, accepted):
        server = await serve()
        clients = await connected(loop, server, accepted, 3)
        server.close()
        task = loop.create_task(server.wait_closed())
        for client, protocol in zip(clients, list(accepted), strict=True):
            for _ in range(5):
                await asyncio.sleep(0)
            assert not task.done()
            client.transport.close()
            await protocol.lost
        await task

    @waits_for_clients
    async def test_many_may_wait(self, loop, serve, accepted):
        server = await serve()
        (client,) = await connected(loop, server, accepted)
        tasks = [loop.create_task(server.wait_closed()) for _ in range(3)]
        await asyncio.sleep(0)
        server.close()
        client.transport.abort()
        await asyncio.gather(*tasks)

    @pytest.mark.skipif(sys.version_info >= (3, 12), reason="waits for clients since 3.12")
    async def test_in_311_does_not_wait_for_clients(self, loop, serve, accepted):
        server = await serve()
        (client,) = await connected(loop, server, accepted)
        server.close()
        await server.wait_closed()
        assert not accepted[0].lost.done()
        client.transport.abort()
        await accepted[0].lost

    async def test_can_be_cancelled(self, loop, serve):
        server = await serve()
        task = loop.create_task(server.wait_closed())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.close()
        await server.wait_closed()


@since(3, 13)
class TestClients:
    async def test_close_clients_lets_them_finish(self, loop, serve, accepted):
        server = await serve()
        clients = await connected(loop, server, accepted, 3)
        for protocol in accepted:
            protocol.transport.write(b"last words")
        server.close()
        server.close_clients()
        await server.wait_closed()
        for client in clients:
            assert await client.lost is None
            assert bytes(client.received) == b"last words"

    async def test_abort_clients_does_not(self, loop, serve, accepted):
        server = await serve(KeepsOpen)
        clients = await connected(loop, server, accepted, 3)
        for protocol in accepted:
            protocol.transport.write(b"x" * 5_000_000)
        for client in clients:
            client.transport.pause_reading()
        server.close()
        server.abort_clients()
        await asyncio.wait_for(server.wait_closed(), 10)
        for protocol in accepted:
            assert await protocol.lost is None
        for client in clients:
            client.transport.abort()
            await client.lost

    async def test_without_any_do_nothing(self, loop, serve):
        server = await serve()
        server.close_clients()
        server.abort_clients()
        assert server.is_serving()
        server.close()
        await server.wait_closed()

    async def test_new_ones_may_come_after_close_clients(self, loop, serve, accepted):
        server = await serve()
        (first,) = await connected(loop, server, accepted)
        server.close_clients()
        assert await first.lost is None
        second = (await loop.create_connection(Recorder, *address_of(server)))[1]
        second.transport.close()
        await second.lost
        server.close()
        await server.wait_closed()

    @since(3, 14)
    async def test_cancelling_serve_forever_closes_them(self, loop, serve, accepted):
        server = await serve()
        (client,) = await connected(loop, server, accepted)
        task = loop.create_task(server.serve_forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await client.lost is None


async def test_private_names_that_libraries_read(loop, serve):
    server = await serve()
    assert server._ssl_context is None
    server.close()
    await server.wait_closed()

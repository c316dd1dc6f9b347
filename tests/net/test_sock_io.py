"""sock_recv, sock_sendall and their relatives: on a socket that the caller made and keeps."""

from __future__ import annotations

import asyncio
import io
import socket
import tempfile

import pytest

BIG = bytes(range(256)) * 20_000


@pytest.fixture
def pair():
    """Two connected stream sockets that do not block."""
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        yield near, far


@pytest.fixture
def datagrams():
    """Two datagram sockets that do not block."""
    with (
        socket.socket(type=socket.SOCK_DGRAM) as near,
        socket.socket(type=socket.SOCK_DGRAM) as far,
    ):
        for each in (near, far):
            each.setblocking(False)
            each.bind(("127.0.0.1", 0))
        yield near, far


@pytest.fixture
def listener():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


async def receive_all(loop, sock, count):
    received = bytearray()
    while len(received) < count:
        received += await loop.sock_recv(sock, 65536)
    return bytes(received)


async def is_waiting(task):
    """Gives the task some turns, after which it must still wait."""
    for _ in range(5):
        await asyncio.sleep(0)
    return not task.done()


class TestReceiving:
    async def test_what_is_there_takes_no_turn(self, loop, pair):
        near, far = pair
        far.send(b"there")
        coroutine = loop.sock_recv(near, 3)
        with pytest.raises(StopIteration) as stop:
            coroutine.send(None)
        assert stop.value.value == b"the"
        assert await loop.sock_recv(near, 10) == b"re"

    async def test_what_is_not_there_is_waited_for(self, loop, pair):
        near, far = pair
        task = asyncio.ensure_future(loop.sock_recv(near, 10))
        assert await is_waiting(task)
        far.send(b"late")
        assert await task == b"late"
        assert loop.remove_reader(near) is False

    async def test_the_end_is_empty(self, loop, pair):
        near, far = pair
        task = asyncio.ensure_future(loop.sock_recv(near, 10))
        assert await is_waiting(task)
        far.close()
        assert await task == b""

    async def test_into_a_buffer(self, loop, pair):
        near, far = pair
        buffer = bytearray(4)
        task = asyncio.ensure_future(loop.sock_recv_into(near, buffer))
        assert await is_waiting(task)
        far.send(b"filled")
        assert await task == 4
        assert buffer == b"fill"

    async def test_an_error_is_raised(self, loop, listener):
        client = socket.create_connection(listener.getsockname())
        near, _ = await loop.sock_accept(listener)
        with near:
            task = asyncio.ensure_future(loop.sock_recv(near, 10))
            assert await is_waiting(task)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            client.close()
            with pytest.raises(ConnectionResetError):
                await task
            assert loop.remove_reader(near) is False

    async def test_cancelling_leaves_the_data_and_no_reader(self, loop, pair):
        near, far = pair
        task = asyncio.ensure_future(loop.sock_recv(near, 10))
        assert await is_waiting(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert loop.remove_reader(near) is False
        far.send(b"kept")
        assert await loop.sock_recv(near, 10) == b"kept"

    async def test_a_reader_that_took_its_place_stays(self, loop, pair):
        near, _far = pair
        task = asyncio.ensure_future(loop.sock_recv(near, 10))
        assert await is_waiting(task)
        loop.add_reader(near, print)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert loop.remove_reader(near) is True


class TestDatagrams:
    async def test_there_and_back(self, loop, datagrams):
        near, far = datagrams
        task = asyncio.ensure_future(loop.sock_recvfrom(near, 10))
        assert await is_waiting(task)
        assert await loop.sock_sendto(far, b"ping", near.getsockname()) == 4
        assert await task == (b"ping", far.getsockname())

    @pytest.mark.parametrize("size", [(), (0,), (3,)])
    async def test_into_a_buffer(self, loop, datagrams, size):
        near, far = datagrams
        buffer = bytearray(8)
        task = asyncio.ensure_future(loop.sock_recvfrom_into(near, buffer, *size))
        assert await is_waiting(task)
        await loop.sock_sendto(far, b"abcdef", near.getsockname())
        count = 3 if size == (3,) else 6
        assert await task == (count, far.getsockname())
        assert buffer == b"abcdef"[:count].ljust(8, b"\0")

    async def test_one_that_is_too_long_is_an_error(self, loop, datagrams):
        near, far = datagrams
        with pytest.raises(OSError, match="Message too long"):
            await loop.sock_sendto(far, bytes(70_000), near.getsockname())


class TestSending:
    @pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
    async def test_all_of_it_arrives(self, loop, pair, make):
        near, far = pair
        task = asyncio.ensure_future(loop.sock_sendall(near, make(BIG)))
        assert await is_waiting(task)
        assert await receive_all(loop, far, len(BIG)) == BIG
        assert await task is None
        assert loop.remove_writer(near) is False

    async def test_nothing_is_sent_at_once(self, loop, pair):
        near, _far = pair
        assert await loop.sock_sendall(near, b"") is None

    async def test_one_that_goes_away_is_an_error(self, loop, pair):
        near, far = pair
        task = asyncio.ensure_future(loop.sock_sendall(near, BIG))
        assert await is_waiting(task)
        far.close()
        with pytest.raises((BrokenPipeError, ConnectionResetError)):
            await task

    async def test_cancelling_leaves_no_writer(self, loop, pair):
        near, _far = pair
        task = asyncio.ensure_future(loop.sock_sendall(near, BIG))
        assert await is_waiting(task)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert loop.remove_writer(near) is False


class TestAccepting:
    async def test_waits_for_a_client_and_gives_a_socket_that_does_not_block(self, loop, listener):
        task = asyncio.ensure_future(loop.sock_accept(listener))
        assert await is_waiting(task)
        with socket.create_connection(listener.getsockname()) as client:
            connection, address = await task
            with connection:
                assert connection.gettimeout() == 0
                assert address == client.getsockname()
        assert loop.remove_reader(listener) is False

    async def test_clients_that_wait_are_accepted_one_by_one(self, loop, listener):
        clients = [socket.create_connection(listener.getsockname()) for _ in range(3)]
        accepted = [await loop.sock_accept(listener) for _ in clients]
        assert [each[1] for each in accepted] == [each.getsockname() for each in clients]
        for each in [*clients, *(each[0] for each in accepted)]:
            each.close()


class TestSendingFiles:
    async def test_from_the_file_to_the_socket(self, loop, pair):
        near, far = pair
        with tempfile.TemporaryFile() as file:
            file.write(BIG)
            task = asyncio.ensure_future(loop.sock_sendfile(near, file, 100, 1_000_000))
            assert await receive_all(loop, far, 1_000_000) == BIG[100:1_000_100]
            assert await task == 1_000_000
            assert file.tell() == 1_000_100

    async def test_what_is_no_real_file_is_read(self, loop, pair):
        near, far = pair
        task = asyncio.ensure_future(loop.sock_sendfile(near, io.BytesIO(BIG)))
        assert await receive_all(loop, far, len(BIG)) == BIG
        assert await task == len(BIG)

    async def test_without_a_fallback_that_is_refused(self, loop, pair):
        near, _far = pair
        with pytest.raises(asyncio.SendfileNotAvailableError, match="not a regular file"):
            await loop.sock_sendfile(near, io.BytesIO(BIG), fallback=False)


CALLS = {
    "recv": lambda loop, sock: loop.sock_recv(sock, 1),
    "recv_into": lambda loop, sock: loop.sock_recv_into(sock, bytearray(1)),
    "recvfrom": lambda loop, sock: loop.sock_recvfrom(sock, 1),
    "recvfrom_into": lambda loop, sock: loop.sock_recvfrom_into(sock, bytearray(1)),
    "sendall": lambda loop, sock: loop.sock_sendall(sock, b"x"),
    "sendto": lambda loop, sock: loop.sock_sendto(sock, b"x", ("127.0.0.1", 1)),
    "accept": lambda loop, sock: loop.sock_accept(sock),
    "sendfile": lambda loop, sock: loop.sock_sendfile(sock, io.BytesIO(b"x")),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
class TestRefusals:
    async def test_a_socket_that_blocks_in_debug_mode(self, loop, call):
        loop.set_debug(True)
        with (
            socket.socket() as sock,
            pytest.raises(ValueError, match="^the socket must be non-blocking$"),
        ):
            await call(loop, sock)

    async def test_an_ssl_socket(self, loop, call):
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        sock = context.wrap_socket(socket.socket(), do_handshake_on_connect=False)
        with sock, pytest.raises(TypeError, match="^Socket cannot be of type SSLSocket$"):
            await call(loop, sock)

    async def test_a_socket_of_a_transport(self, loop, call, listener):
        if call in (CALLS["sendfile"], CALLS["accept"]):
            pytest.skip("gets an answer before the loop is asked")
        client = socket.create_connection(listener.getsockname())
        near, _ = await loop.sock_accept(listener)
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        transport.write(bytes(20_000_000))
        sock = transport.get_extra_info("socket")
        try:
            with pytest.raises(RuntimeError, match="is used by transport"):
                await call(loop, sock._sock)
        finally:
            transport.abort()
            client.close()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

"""Programs for debug mode: connections, servers and streams."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
import tempfile

from harness.peers import connected_pair
from harness.said import Program

PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


class Plain(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc):
        if not self.lost.done():
            self.lost.set_result(exc)

    def __repr__(self):
        return f"<{type(self).__name__}>"


@program
def connection_and_server(loop):
    async def main():
        accepted = []

        class Accepted(Plain):
            def connection_made(self, transport):
                accepted.append((transport, self))

        server = await loop.create_server(Accepted, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        transport, protocol = await loop.create_connection(Plain, *address)
        while not accepted:
            await asyncio.sleep(0)
        transport.pause_reading()
        transport.pause_reading()
        transport.resume_reading()
        transport.close()
        await protocol.lost
        await accepted[0][1].lost
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@program
def server_that_starts_later(loop):
    async def main():
        server = await loop.create_server(Plain, "127.0.0.1", 0, start_serving=False)
        await server.start_serving()
        await server.start_serving()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@program
def connection_to_a_given_socket(loop):
    async def main():
        near, far = connected_pair()
        transport, protocol = await loop.create_connection(Plain, sock=near)
        far.close()
        await protocol.lost
        assert transport.is_closing()

    loop.run_until_complete(main())


@program
def connection_that_is_reset(loop):
    async def main():
        near, far = connected_pair()
        _, protocol = await loop.create_connection(Plain, sock=near)
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
        await protocol.lost

    loop.run_until_complete(main())


@program
def write_to_a_reset_connection(loop):
    async def main():
        near, far = connected_pair()
        transport, protocol = await loop.create_connection(Plain, sock=near)
        transport.pause_reading()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
        transport.write(b"x")
        for _ in range(8):
            transport.write(b"y")
        await protocol.lost

    loop.run_until_complete(main())


@program
def protocol_that_fails_with_bytes(loop):
    class Fails(Plain):
        def data_received(self, data):
            raise ValueError("cannot take it")

    async def main():
        near, far = connected_pair()
        with far:
            _, protocol = await loop.create_connection(Fails, sock=near)
            far.send(b"x")
            await protocol.lost

    loop.run_until_complete(main())


@program
def protocol_that_fails_at_the_end(loop):
    class Fails(Plain):
        def eof_received(self):
            raise ValueError("cannot end")

        def connection_lost(self, exc):
            super().connection_lost(exc)
            raise LookupError("cannot go")

    async def main():
        near, far = connected_pair()
        _, protocol = await loop.create_connection(Fails, sock=near)
        far.close()
        await protocol.lost
        await asyncio.sleep(0)

    loop.run_until_complete(main())


@program
def protocol_factory_that_fails(loop):
    def factory():
        raise ValueError("no protocol today")

    async def main():
        failed = loop.create_future()

        def handler(loop, context):
            loop.default_exception_handler(context)
            failed.set_result(None)

        loop.set_exception_handler(handler)
        server = await loop.create_server(factory, "127.0.0.1", 0)
        with socket.create_connection(server.sockets[0].getsockname()):
            await failed
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@program
def unclosed_transport(loop):
    async def main():
        near, far = connected_pair()
        with far:
            transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
            transport.pause_reading()
            del transport, near
            gc.collect()

    loop.run_until_complete(main())


@program
def unclosed_server(loop):
    async def main():
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        address = server.sockets[0].getsockname()
        del server
        gc.collect()
        return address

    loop.run_until_complete(main())


@program
def streams(loop):
    async def main():
        async def handle(reader, writer):
            writer.write(await reader.read())
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"hello")
        writer.write_eof()
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@program
def stream_handler_that_fails(loop):
    async def main():
        async def handle(reader, writer):
            writer.close()
            raise ValueError("in the handler")

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    loop.run_until_complete(main())


@program
def sockets_that_block(loop):
    async def main():
        with socket.socket() as sock:
            for call in (
                loop.sock_recv(sock, 1),
                loop.sock_sendall(sock, b""),
                loop.sock_accept(sock),
                loop.sock_connect(sock, ("127.0.0.1", 1)),
            ):
                try:
                    await call
                except ValueError as error:
                    logging.getLogger("asyncio").info("%s", error)

    loop.run_until_complete(main())


@program
def sendfile(loop):
    async def main():
        near, far = connected_pair()
        with far, tempfile.TemporaryFile() as file:
            file.write(b"contents")
            file.seek(0)
            transport, protocol = await loop.create_connection(Plain, sock=near)
            await loop.sendfile(transport, file)
            transport.close()
            await protocol.lost

    loop.run_until_complete(main())

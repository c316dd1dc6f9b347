"""Programs for debug mode: Unix sockets, TLS, datagrams, pipes and processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile

from harness.debug_net import Plain
from harness.peers import connected_pair
from harness.said import Program
from harness.tls import client_context, server_context

PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


@program
def unix_connection_and_server(loop):
    async def main():
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            lost = loop.create_future()

            class Accepted(Plain):
                def connection_lost(self, exc):
                    lost.set_result(exc)

            server = await loop.create_unix_server(Accepted, path)
            transport, protocol = await loop.create_unix_connection(Plain, path)
            transport.pause_reading()
            transport.resume_reading()
            transport.close()
            await protocol.lost
            await lost
            server.close()
            await server.wait_closed()

    loop.run_until_complete(main())


@program
def accepted_socket(loop):
    async def main():
        near, far = connected_pair()
        with far:
            transport, protocol = await loop.connect_accepted_socket(Plain, near)
            transport.close()
            await protocol.lost

    loop.run_until_complete(main())


@program
def tls_handshake_that_fails(loop):
    async def main():
        near, far = connected_pair()
        far.sendall(b"this is no TLS at all, and long enough to be seen as such")
        with contextlib.suppress(OSError):
            await loop.create_connection(
                Plain, sock=near, ssl=client_context(), server_hostname="localhost"
            )
        far.close()
        for _ in range(5):
            await asyncio.sleep(0)

    loop.run_until_complete(main())


@program
def tls_connection(loop):
    async def main():
        lost = loop.create_future()

        class Accepted(Plain):
            def connection_lost(self, exc):
                lost.set_result(exc)

        near, far = connected_pair()
        accepting = loop.connect_accepted_socket(Accepted, far, ssl=server_context())
        connecting = loop.create_connection(
            Plain, sock=near, ssl=client_context(), server_hostname="localhost"
        )
        (transport, protocol), _ = await asyncio.gather(connecting, accepting)
        transport.close()
        await protocol.lost
        await lost

    loop.run_until_complete(main())


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.lost = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc):
        self.lost.set_result(exc)

    def __repr__(self):
        return f"<{type(self).__name__}>"


@program
def datagram_endpoint(loop):
    async def main():
        transport, protocol = await loop.create_datagram_endpoint(
            Datagrams, local_addr=("127.0.0.1", 0)
        )
        other, other_protocol = await loop.create_datagram_endpoint(
            Datagrams, remote_addr=transport.get_extra_info("sockname")
        )
        other.sendto(b"x")
        for each in (transport, other):
            each.close()
        await protocol.lost
        await other_protocol.lost

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


@program
def pipes(loop):
    async def main():
        read, write = os.pipe()
        reading, protocol = await loop.connect_read_pipe(Plain, os.fdopen(read, "rb", 0))
        writing, write_protocol = await loop.connect_write_pipe(Plain, os.fdopen(write, "wb", 0))
        reading.pause_reading()
        reading.resume_reading()
        writing.write(b"x")
        writing.close()
        await write_protocol.lost
        await protocol.lost

    loop.run_until_complete(main())


@program
def pipe_whose_reader_leaves(loop):
    async def main():
        read, write = os.pipe()
        _, protocol = await loop.connect_write_pipe(Plain, os.fdopen(write, "wb", 0))
        os.close(read)
        await protocol.lost

    loop.run_until_complete(main())


@program
def write_to_a_pipe_without_reader(loop):
    async def main():
        read, write = os.pipe()
        transport, protocol = await loop.connect_write_pipe(Plain, os.fdopen(write, "wb", 0))
        os.close(read)
        for _ in range(8):
            transport.write(b"x")
        await protocol.lost

    loop.run_until_complete(main())


async def ended(creating, stdin):
    """The exit code of a process that waits for the end of its input, once it is created."""
    read, write = stdin
    made = await creating
    os.close(read)
    os.close(write)
    return await made.wait()


@program
def process(loop):
    async def main():
        pipe = os.pipe()
        code = "import sys; sys.stdin.read(); sys.exit(3)"
        creating = asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe[0])
        assert await ended(creating, pipe) == 3

    loop.run_until_complete(main())
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))


@program
def shell(loop):
    async def main():
        pipe = os.pipe()
        creating = asyncio.create_subprocess_shell(
            "cat; exit 4", stdin=pipe[0], stdout=asyncio.subprocess.DEVNULL
        )
        assert await ended(creating, pipe) == 4

    loop.run_until_complete(main())
    for _ in range(3):
        loop.run_until_complete(asyncio.sleep(0))


@program
def socket_already_in_use(loop):
    async def main():
        near, far = socket.socketpair()
        with far:
            transport, protocol = await loop.create_unix_connection(Plain, sock=near)
            with contextlib.suppress(RuntimeError):
                loop.add_reader(near, print)
            transport.close()
            await protocol.lost

    loop.run_until_complete(main())

"""Every method that waits is cancelled wherever it waits, and every descriptor is closed once.

An operation is one row: a function, named for what it calls, that sets a scene up and gives
the coroutine to be cancelled. It is run again and again, cancelled at its first await point,
then at its second, until it ends before it can be cancelled; once while what it waits for
goes on, and once when that is done. Meanwhile a thread opens and closes descriptors, and
would notice if anybody closed one of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import os
import socket
import tempfile
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from harness import tls
from harness.cancelling import Point, points, settle, stranger
from harness.protocols import Recorder

LOCALHOST = "127.0.0.1"
BIG = b"x" * 1_000_000
# Cancelling never needs more; an operation that waits longer does not end by itself.
PATIENCE_S = 40.0


class Scene:
    """What an operation needs; everything in it is closed when the operation is over."""

    def __init__(self, loop: Any, folder: str) -> None:
        self.loop = loop
        self.folder = folder
        self.stack = contextlib.AsyncExitStack()

    def keep(self, sock: Any) -> Any:
        self.stack.callback(sock.close)
        return sock

    def pair(self, kind: int = socket.SOCK_STREAM) -> tuple[socket.socket, socket.socket]:
        made = socket.socketpair(type=kind)
        for sock in made:
            sock.setblocking(False)
            self.keep(sock)
        return made

    def full_pair(self) -> tuple[socket.socket, socket.socket]:
        """A pair of whose first socket nothing can be sent before the second one reads."""
        ours, theirs = self.pair()
        with contextlib.suppress(BlockingIOError):
            while True:
                ours.send(BIG)
        return ours, theirs

    def later(self, call: Callable[..., Any], *args: Any) -> None:
        """Calls in a later turn, when the operation has had time to begin to wait."""
        self.stack.callback(self.loop.call_later(0.002, call, *args).cancel)

    def drain(self, sock: socket.socket) -> None:
        """Reads whatever comes, until the operation is over."""

        def read() -> None:
            with contextlib.suppress(BlockingIOError, ConnectionError):
                if not sock.recv(1 << 18):
                    self.loop.remove_reader(sock)

        self.loop.add_reader(sock, read)
        self.stack.callback(self.loop.remove_reader, sock)

    def listener(self, family: int = socket.AF_INET) -> socket.socket:
        sock = self.keep(socket.socket(family))
        sock.bind((LOCALHOST, 0) if family == socket.AF_INET else f"{self.folder}/listener")
        sock.listen()
        sock.setblocking(False)
        if family == socket.AF_UNIX:
            self.stack.callback(os.unlink, f"{self.folder}/listener")
        return sock

    def client(self, family: int = socket.AF_INET) -> socket.socket:
        sock = self.keep(socket.socket(family))
        sock.setblocking(False)
        return sock

    async def server(self, factory: Any = asyncio.Protocol, **options: Any) -> Any:
        server = await self.loop.create_server(factory, LOCALHOST, 0, **options)
        self.stack.callback(server.close)
        return server

    async def transport(self, factory: Any = asyncio.Protocol) -> tuple[Any, Any, socket.socket]:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        self.keep(theirs)
        transport, protocol = await self.loop.create_connection(factory, sock=ours)
        self.stack.callback(transport.abort)
        return transport, protocol, theirs

    def file(self, content: bytes = BIG) -> Any:
        file = tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115
        self.keep(file)
        file.write(content)
        file.seek(0)
        return file


Make = Callable[[], Coroutine[Any, Any, Any]]
Row = Callable[[Scene], Coroutine[Any, Any, Make]]
OPERATIONS: dict[str, tuple[str, Row]] = {}


def operation(method: str) -> Callable[[Row], Row]:
    """A row: which method of the loop it is about, or which function of asyncio above it."""

    def add(row: Row) -> Row:
        OPERATIONS[row.__name__] = method, row
        return row

    return add


@operation("create_connection")
async def create_connection(scene: Scene) -> Make:
    address = (await scene.server()).sockets[0].getsockname()
    return lambda: scene.loop.create_connection(Recorder, *address)


@operation("create_connection")
async def create_connection_by_name(scene: Scene) -> Make:
    port = (await scene.server()).sockets[0].getsockname()[1]
    return lambda: scene.loop.create_connection(
        Recorder, "localhost", port, local_addr=(LOCALHOST, 0)
    )


@operation("create_connection")
async def create_connection_in_a_race(scene: Scene) -> Make:
    port = (await scene.server()).sockets[0].getsockname()[1]
    return lambda: scene.loop.create_connection(
        Recorder, "localhost", port, happy_eyeballs_delay=0.0, interleave=1
    )


@operation("create_connection")
async def create_connection_over_a_socket(scene: Scene) -> Make:
    ours, _ = scene.pair()
    return lambda: scene.loop.create_connection(Recorder, sock=ours.dup())


@operation("create_connection")
async def create_connection_with_tls(scene: Scene) -> Make:
    server = await scene.server(ssl=tls.server_context())
    address = server.sockets[0].getsockname()
    return lambda: scene.loop.create_connection(
        Recorder, *address, ssl=tls.client_context(), server_hostname="localhost"
    )


@operation("create_server")
async def create_server(scene: Scene) -> Make:
    return lambda: scene.loop.create_server(Recorder, "localhost", 0)


@operation("create_server")
async def create_server_on_several_hosts(scene: Scene) -> Make:
    return lambda: scene.loop.create_server(Recorder, [LOCALHOST, "localhost"], 0)


@operation("create_unix_connection")
async def create_unix_connection(scene: Scene) -> Make:
    path = scene.listener(socket.AF_UNIX).getsockname()
    return lambda: scene.loop.create_unix_connection(Recorder, path)


@operation("create_unix_server")
async def create_unix_server(scene: Scene) -> Make:
    return lambda: scene.loop.create_unix_server(Recorder, f"{scene.folder}/server")


@operation("create_datagram_endpoint")
async def create_datagram_endpoint(scene: Scene) -> Make:
    return lambda: scene.loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, ("localhost", 0), family=socket.AF_INET
    )


@operation("create_datagram_endpoint")
async def create_datagram_endpoint_that_is_connected(scene: Scene) -> Make:
    peer = scene.keep(socket.socket(type=socket.SOCK_DGRAM))
    peer.bind((LOCALHOST, 0))
    return lambda: scene.loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=peer.getsockname()
    )


@operation("connect_accepted_socket")
async def connect_accepted_socket(scene: Scene) -> Make:
    ours, _ = scene.pair()
    return lambda: scene.loop.connect_accepted_socket(Recorder, ours.dup())


@operation("connect_accepted_socket")
async def connect_accepted_socket_with_tls(scene: Scene) -> Make:
    ours, theirs = scene.pair()
    peer = tls.TlsPeer(scene.loop, theirs, tls.client_context(), server_side=False)
    _in_background(scene, peer.handshake())
    context = tls.server_context()
    return lambda: scene.loop.connect_accepted_socket(Recorder, ours.dup(), ssl=context)


@operation("start_tls")
async def start_tls(scene: Scene) -> Make:
    transport, protocol, theirs = await scene.transport()
    peer = tls.TlsPeer(scene.loop, theirs, tls.server_context(), server_side=True)
    _in_background(scene, peer.handshake())
    context = tls.client_context()
    return lambda: scene.loop.start_tls(transport, protocol, context, server_hostname="localhost")


@operation("connect_read_pipe")
async def connect_read_pipe(scene: Scene) -> Make:
    reading, writing = os.pipe()
    scene.stack.callback(os.close, writing)
    file = open(reading, "rb", 0)  # noqa: SIM115
    return lambda: scene.loop.connect_read_pipe(asyncio.Protocol, file)


@operation("connect_write_pipe")
async def connect_write_pipe(scene: Scene) -> Make:
    reading, writing = os.pipe()
    scene.stack.callback(os.close, reading)
    file = open(writing, "wb", 0)  # noqa: SIM115
    return lambda: scene.loop.connect_write_pipe(asyncio.BaseProtocol, file)


@operation("subprocess_exec")
async def subprocess_exec(scene: Scene) -> Make:
    return lambda: scene.loop.subprocess_exec(asyncio.SubprocessProtocol, "cat")


@operation("subprocess_shell")
async def subprocess_shell(scene: Scene) -> Make:
    return lambda: scene.loop.subprocess_shell(asyncio.SubprocessProtocol, "true")


@operation("sendfile")
async def sendfile(scene: Scene) -> Make:
    transport, _, theirs = await scene.transport()
    file = scene.file()
    scene.drain(theirs)
    return lambda: scene.loop.sendfile(transport, file)


@operation("sendfile")
async def sendfile_by_reading(scene: Scene) -> Make:
    client, peer = await _tls_transport(scene)
    file = scene.file(BIG[:200_000])
    _in_background(scene, peer.read(200_000))
    return lambda: scene.loop.sendfile(client, file)


@operation("sock_sendfile")
async def sock_sendfile(scene: Scene) -> Make:
    ours, theirs = scene.full_pair()
    file = scene.file()
    scene.later(scene.drain, theirs)
    return lambda: scene.loop.sock_sendfile(ours, file)


@operation("sock_connect")
async def sock_connect(scene: Scene) -> Make:
    address, sock = scene.listener().getsockname(), scene.client()
    return lambda: scene.loop.sock_connect(sock, ("localhost", address[1]))


@operation("sock_accept")
async def sock_accept(scene: Scene) -> Make:
    listener, client = scene.listener(), scene.client()
    scene.later(client.connect_ex, listener.getsockname())
    return lambda: scene.loop.sock_accept(listener)


@operation("sock_recv")
async def sock_recv(scene: Scene) -> Make:
    ours, theirs = scene.pair()
    scene.later(theirs.send, b"data")
    return lambda: scene.loop.sock_recv(ours, 100)


@operation("sock_recv_into")
async def sock_recv_into(scene: Scene) -> Make:
    ours, theirs = scene.pair()
    scene.later(theirs.send, b"data")
    return lambda: scene.loop.sock_recv_into(ours, bytearray(100))


@operation("sock_recvfrom")
async def sock_recvfrom(scene: Scene) -> Make:
    ours, theirs = scene.pair(socket.SOCK_DGRAM)
    scene.later(theirs.send, b"data")
    return lambda: scene.loop.sock_recvfrom(ours, 100)


@operation("sock_recvfrom_into")
async def sock_recvfrom_into(scene: Scene) -> Make:
    ours, theirs = scene.pair(socket.SOCK_DGRAM)
    scene.later(theirs.send, b"data")
    return lambda: scene.loop.sock_recvfrom_into(ours, bytearray(100))


@operation("sock_sendall")
async def sock_sendall(scene: Scene) -> Make:
    ours, theirs = scene.pair()
    scene.later(scene.drain, theirs)
    return lambda: scene.loop.sock_sendall(ours, BIG)


@operation("sock_sendto")
async def sock_sendto(scene: Scene) -> Make:
    path = f"{scene.folder}/datagrams"
    receiver = scene.keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    receiver.bind(path)
    scene.stack.callback(os.unlink, path)
    receiver.setblocking(False)
    sender = scene.keep(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
    sender.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            sender.sendto(b"data", path)
    scene.later(scene.drain, receiver)
    return lambda: scene.loop.sock_sendto(sender, b"data", path)


@operation("getaddrinfo")
async def getaddrinfo(scene: Scene) -> Make:
    return lambda: scene.loop.getaddrinfo("localhost", 80)


@operation("getnameinfo")
async def getnameinfo(scene: Scene) -> Make:
    return lambda: scene.loop.getnameinfo((LOCALHOST, 80), socket.NI_NUMERICHOST)


@operation("run_in_executor")
async def run_in_executor(scene: Scene) -> Make:
    async def run() -> None:
        await scene.loop.run_in_executor(None, os.sched_yield)

    return run


@operation("shutdown_asyncgens")
async def shutdown_asyncgens(scene: Scene) -> Make:
    async def generate() -> Any:
        try:
            yield 1
        finally:
            await asyncio.sleep(0)

    generator = generate()
    await anext(generator)
    scene.stack.push_async_callback(generator.aclose)
    # The loop is to have generators again.
    scene.stack.callback(setattr, scene.loop, "_asyncgens_shutdown_called", False)
    return scene.loop.shutdown_asyncgens


@operation("shutdown_default_executor")
async def shutdown_default_executor(scene: Scene) -> Make:
    async def run() -> None:
        await scene.loop.run_in_executor(None, os.sched_yield)
        await scene.loop.shutdown_default_executor()

    scene.stack.callback(_revive_executor, scene.loop)
    return run


@operation("Server.start_serving")
async def start_serving(scene: Scene) -> Make:
    server = await scene.server(start_serving=False)
    return server.start_serving


@operation("Server.serve_forever")
async def serve_forever(scene: Scene) -> Make:
    server = await scene.server(start_serving=False)
    scene.later(server.close)
    return server.serve_forever


@operation("Server.wait_closed")
async def wait_closed(scene: Scene) -> Make:
    server = await scene.server(Recorder)
    client, _ = await scene.loop.create_connection(Recorder, *server.sockets[0].getsockname())
    await settle()
    scene.stack.callback(client.abort)
    server.close()
    scene.later(client.close)
    return server.wait_closed


@operation("open_connection")
async def open_connection(scene: Scene) -> Make:
    address = (await scene.server()).sockets[0].getsockname()
    return lambda: asyncio.open_connection(*address)


@operation("start_server")
async def start_server(scene: Scene) -> Make:
    return lambda: asyncio.start_server(lambda reader, writer: writer.close(), LOCALHOST, 0)


@operation("StreamReader.read")
async def read(scene: Scene) -> Make:
    reader, _, theirs = await _streams(scene)
    scene.later(theirs.send, b"data")
    return lambda: reader.readexactly(4)


@operation("StreamWriter.drain")
async def drain(scene: Scene) -> Make:
    _, writer, theirs = await _streams(scene)
    writer.write(BIG)
    scene.later(scene.drain, theirs)
    return writer.drain


@operation("StreamWriter.wait_closed")
async def writer_wait_closed(scene: Scene) -> Make:
    _, writer, _ = await _streams(scene)
    writer.close()
    return writer.wait_closed


@operation("create_subprocess_exec")
async def create_subprocess_exec(scene: Scene) -> Make:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec(
            "cat", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert await process.communicate(b"data") == (b"data", None)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(asyncio.ensure_future(process.wait()))

    return run


async def _streams(scene: Scene) -> tuple[Any, Any, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    scene.keep(theirs)
    reader, writer = await asyncio.open_connection(sock=ours)
    scene.stack.callback(lambda: writer.transport.abort())
    return reader, writer, theirs


async def _tls_transport(scene: Scene) -> tuple[Any, tls.TlsPeer]:
    ours, theirs = socket.socketpair()
    peer = tls.TlsPeer(scene.loop, scene.keep(theirs), tls.server_context(), server_side=True)
    shaken = scene.loop.create_task(peer.handshake())
    transport, _ = await scene.loop.create_connection(
        asyncio.Protocol, sock=ours, ssl=tls.client_context(), server_hostname="localhost"
    )
    await shaken
    scene.stack.callback(transport.abort)
    return transport, peer


def _in_background(scene: Scene, coroutine: Coroutine[Any, Any, Any]) -> None:
    """The peer's part, which goes as far as the operation lets it."""
    task = scene.loop.create_task(coroutine)

    async def end() -> None:
        task.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            error = task.exception()
            assert error is None or isinstance(error, (EOFError, OSError)), error

    scene.stack.push_async_callback(end)


def _revive_executor(loop: Any) -> None:
    """The loop is to have an executor again."""
    loop._executor_shutdown_called = False
    loop.set_default_executor(asyncio.base_events.concurrent.futures.ThreadPoolExecutor(1))


async def _dispose(result: Any) -> None:
    """Closes what an operation gave that was not cancelled."""
    for part in result if isinstance(result, tuple) else (result,):
        if isinstance(part, asyncio.SubprocessTransport):
            part.close()
            await part._wait()
        elif isinstance(part, asyncio.WriteTransport):
            part.abort()
        elif isinstance(part, (asyncio.BaseTransport, asyncio.AbstractServer, socket.socket)):
            part.close()
        elif isinstance(part, asyncio.StreamWriter):
            part.transport.abort()


async def _attempt(scene: Scene, row: Row, point: Point) -> None:
    async with scene.stack:
        make = await row(scene)
        task = scene.loop.create_task(point.run(make()))
        done, _ = await asyncio.wait([task], timeout=PATIENCE_S)
        assert done, f"goes on after it was cancelled at its await point {point.number}"
        if not task.cancelled():
            await _dispose(task.result())
        await settle()
    await settle()


@pytest.mark.only("asyncioxide", "asyncioxide-poll")
@pytest.mark.parametrize("moment", [Point.AT_ONCE, Point.WHEN_OVER])
@pytest.mark.parametrize("name", OPERATIONS)
def test_is_cancelled_wherever_it_waits(loop, reports, tmp_path, name, moment):
    _, row = OPERATIONS[name]

    async def main() -> None:
        with stranger() as thread:
            # What is opened once: the executor's threads open nothing, the resolver may.
            await asyncio.get_running_loop().getaddrinfo("localhost", 80)
            before = thread.others()
            for point in points(moment):
                await _attempt(Scene(loop, str(tmp_path)), row, point)
                left = thread.others()
                assert left == before, f"cancelled at await point {point.number}"

    loop.run_until_complete(main())
    assert reports == []
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_the_stranger_notices_who_closes_twice():
    complaint = "was closed by somebody|is somebody else's now"
    with pytest.raises(AssertionError, match=complaint), stranger() as thread:
        # In between, so that the number is among those that the thread uses again and again.
        with thread.lock:
            fd = os.open(os.devnull, os.O_RDONLY)
        os.close(fd)
        while True:
            with thread.lock:
                if thread.owns(fd):
                    os.close(fd)
                    break
            os.sched_yield()


def test_every_coroutine_method_of_the_loop_has_a_row():
    wanted = {
        name
        for name, value in vars(asyncio.AbstractEventLoop).items()
        if inspect.iscoroutinefunction(value)
    }
    assert wanted - {method for method, _ in OPERATIONS.values()} == set()

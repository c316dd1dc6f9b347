"""create_unix_connection and create_unix_server: files, abstract names, what is left behind."""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import pathlib
import socket
import stat
import struct

import pytest
from harness.outcome import same_as_asyncio
from harness.peers import Peer
from harness.protocols import Echo, Recorder
from harness.versions import since, until

_numbers = itertools.count()


class AsPath:
    def __init__(self, path):
        self._path = path

    def __fspath__(self):
        return self._path


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "s")


@pytest.fixture
def abstract():
    """A name that no file has."""
    return f"\0asyncioxide-test-{os.getpid()}-{next(_numbers)}"


@pytest.fixture
def serve(loop):
    """Starts echo servers that are closed at the end."""
    servers = []

    async def start(*args, **options):
        servers.append(await loop.create_unix_server(Echo, *args, **options))
        return servers[-1]

    yield start

    async def end():
        for server in servers:
            server.close()
            await server.wait_closed()

    if not loop.is_closed():
        loop.run_until_complete(end())
    servers.clear()


async def answers(loop, address):
    """Whether an echo server is there."""
    transport, protocol = await loop.create_unix_connection(Recorder, address)
    transport.write(b"there?")
    found = await protocol.has_received(6)
    transport.close()
    await protocol.lost
    return found == b"there?"


FORMS = {
    "str": str,
    "bytes": os.fsencode,
    "Path": pathlib.Path,
    "PathLike": AsPath,
    "PathLike bytes": lambda path: AsPath(os.fsencode(path)),
}


class TestPaths:
    @pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
    async def test_in_every_form(self, loop, serve, path, form):
        server = await serve(form(path))
        assert stat.S_ISSOCK(os.stat(path).st_mode)
        assert server.sockets[0].getsockname() == path
        assert await answers(loop, form(path))

    @pytest.mark.parametrize("form", [str, os.fsencode], ids=["str", "bytes"])
    async def test_an_abstract_name(self, loop, serve, abstract, form):
        server = await serve(form(abstract))
        assert server.sockets[0].getsockname() == os.fsencode(abstract)
        assert await answers(loop, form(abstract))

    async def test_an_abstract_name_is_free_again(self, loop, abstract):
        for _ in range(2):
            server = await loop.create_unix_server(Echo, abstract)
            assert await answers(loop, abstract)
            server.close()
            await server.wait_closed()

    async def test_two_servers(self, loop, serve, path, abstract):
        first = await serve(path)
        await serve(abstract)
        assert await answers(loop, path)
        assert await answers(loop, abstract)
        first.close()
        await first.wait_closed()
        assert await answers(loop, abstract)

    async def test_a_name_in_another_encoding(self, loop, serve, tmp_path):
        path = os.fsencode(tmp_path) + b"/\xff"
        await serve(path)
        assert await answers(loop, path)

    async def test_one_as_long_as_can_be(self, loop, serve, abstract):
        # sun_path has 108 bytes.
        name = abstract.ljust(108, "x")
        await serve(name)
        assert await answers(loop, name)


class TestFilesLeftOver:
    async def test_a_stale_socket_is_replaced(self, loop, serve, path):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(path)
        before = os.stat(path)
        await serve(path)
        assert os.stat(path).st_ctime_ns != before.st_ctime_ns
        assert await answers(loop, path)

    async def test_one_that_somebody_listens_on_is_replaced_too(self, loop, serve, path):
        await serve(path)
        second = await loop.create_unix_server(Echo, path)
        assert await answers(loop, path)
        second.close()
        await second.wait_closed()

    async def test_anything_else_stays(self, loop, path):
        with open(path, "w") as file:
            file.write("precious")
        with pytest.raises(
            OSError, match=f"^.Errno 98. Address '{path}' is already in use"
        ) as info:
            await loop.create_unix_server(Echo, path)
        assert info.value.errno == errno.EADDRINUSE
        with open(path) as file:
            assert file.read() == "precious"

    async def test_a_directory_stays(self, loop, tmp_path):
        with pytest.raises(OSError, match="is already in use"):
            await loop.create_unix_server(Echo, str(tmp_path))
        assert tmp_path.is_dir()

    async def test_one_that_cannot_be_looked_at_is_logged(self, loop, log, tmp_path):
        path = str(tmp_path / ("x" * 300))
        with pytest.raises(OSError, match="too long"):
            await loop.create_unix_server(Echo, path)
        (text,) = log.messages()
        assert text.startswith(f"Unable to check or remove stale UNIX socket {path!r}: OSError(36,")


@since(3, 13)
class TestCleaningUp:
    async def test_the_file_goes_with_the_server(self, loop, serve, path):
        server = await serve(path)
        server.close()
        assert not os.path.exists(path)
        await server.wait_closed()

    async def test_also_that_of_a_socket_given(self, loop, serve, path):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        server = await serve(sock=sock)
        server.close()
        assert not os.path.exists(path)

    async def test_also_when_it_never_served(self, loop, serve, path):
        server = await serve(path, start_serving=False)
        assert not server.is_serving()
        server.close()
        assert not os.path.exists(path)

    async def test_not_when_told_so(self, loop, serve, path):
        server = await serve(path, cleanup_socket=False)
        server.close()
        assert os.path.exists(path)

    async def test_not_when_another_has_taken_its_place(self, loop, serve, path):
        server = await serve(path)
        os.rename(path, path + ".old")
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            server.close()
        assert os.path.exists(path)

    async def test_one_that_is_gone_is_no_error(self, loop, serve, path):
        server = await serve(path)
        os.remove(path)
        server.close()

    async def test_one_that_was_gone_before_is_no_error(self, loop, serve, path):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        os.remove(path)
        server = await serve(sock=sock)
        server.close()

    async def test_one_that_cannot_be_looked_at_is_logged(self, loop, serve, log, tmp_path):
        folder = tmp_path / "folder"
        folder.mkdir()
        path = str(folder / "s")
        server = await serve(path)
        os.rename(folder, tmp_path / "moved")
        folder.write_text("")
        server.close()
        (text,) = log.messages()
        assert text.startswith(f"Unable to clean up listening UNIX socket {path!r}: NotADirectory")

    async def test_when_serving_forever_is_cancelled(self, loop, serve, path):
        server = await serve(path)
        task = asyncio.create_task(server.serve_forever())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not os.path.exists(path)


@until(3, 13)
async def test_the_file_stays_before_3_13(loop, serve, path):
    server = await serve(path)
    server.close()
    assert os.path.exists(path)


class TestErrors:
    """Each compared with stock asyncio: class, text and number."""

    def test_nobody_there(self, loop, path):
        found = same_as_asyncio(loop, lambda loop: loop.create_unix_connection(Recorder, path))
        assert found.cls is FileNotFoundError

    def test_nobody_listens(self, loop, path):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        found = same_as_asyncio(loop, lambda loop: loop.create_unix_connection(Recorder, path))
        assert found.cls is ConnectionRefusedError

    def test_not_a_socket(self, loop, path):
        open(path, "w").close()
        found = same_as_asyncio(loop, lambda loop: loop.create_unix_connection(Recorder, path))
        assert found.cls is ConnectionRefusedError

    def test_the_wrong_kind_of_socket(self, loop, path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.bind(path)
            found = same_as_asyncio(loop, lambda loop: loop.create_unix_connection(Recorder, path))
        assert found.cls is OSError

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
    @pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
    def test_permission_denied(self, loop, tmp_path, method, log):
        folder = tmp_path / "private"
        folder.mkdir(mode=0o700)
        path = str(folder / "s")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
            sock.listen()
            os.seteuid(65534)
            try:
                found = same_as_asyncio(loop, lambda loop: getattr(loop, method)(Recorder, path))
            finally:
                os.seteuid(0)
        assert found.cls is PermissionError

    @pytest.mark.parametrize("method", ["create_unix_connection", "create_unix_server"])
    @pytest.mark.parametrize(
        "path",
        [
            "x" * 109,
            b"\0" + b"x" * 108,
            "",
            b"",
            "/nowhere/s",
            "a\0b",
            b"a\0b",
            "\udcff\ud800",
            5,
            1.5,
        ],
        ids=repr,
    )
    def test_a_bad_path(self, loop, method, path, tmp_path, monkeypatch, log):
        monkeypatch.chdir(tmp_path)
        found = same_as_asyncio(loop, lambda loop: getattr(loop, method)(Recorder, path))
        assert found.raised


class TestSocketGiven:
    async def test_a_connected_one(self, loop):
        ours, theirs = socket.socketpair()
        transport, protocol = await loop.create_unix_connection(Recorder, sock=ours)
        assert ours.gettimeout() == 0
        peer = Peer(theirs)
        await peer.send(b"hello")
        assert await protocol.has_received(5) == b"hello"
        transport.write(b"bye")
        transport.close()
        assert await peer.read_to_end() == b"bye"
        await protocol.lost
        assert ours.fileno() == -1
        peer.close()

    async def test_a_listening_one(self, loop, serve, path):
        sock = socket.socket(socket.AF_UNIX)
        sock.bind(path)
        server = await serve(sock=sock)
        assert [each.fileno() for each in server.sockets] == [sock.fileno()]
        assert sock.gettimeout() == 0
        assert await answers(loop, path)

    @until(3, 14)
    async def test_stays_the_callers_when_there_is_no_protocol(self, loop):
        def factory():
            raise ValueError("no protocol")

        ours, theirs = socket.socketpair()
        with ours, theirs:
            with pytest.raises(ValueError, match="^no protocol$"):
                await loop.create_unix_connection(factory, sock=ours)
            assert ours.fileno() != -1


class TestConnections:
    async def test_extra_info(self, loop, serve, path):
        await serve(path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        assert transport.get_extra_info("peername") == path
        assert transport.get_extra_info("sockname") == ""
        assert transport.get_extra_info("socket").family == socket.AF_UNIX
        transport.close()
        await protocol.lost

    async def test_the_peers_credentials(self, loop, path):
        protocols = []

        def factory():
            protocols.append(Recorder())
            return protocols[-1]

        server = await loop.create_unix_server(factory, path)
        client, _ = await loop.create_unix_connection(Recorder, path)
        while not protocols:
            await asyncio.sleep(0)
        await protocols[0].made
        for transport in (client, protocols[0].transport):
            sock = transport.get_extra_info("socket")
            found = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            assert struct.unpack("3i", found) == (os.getpid(), os.getuid(), os.getgid())
        client.close()
        await protocols[0].lost
        server.close()
        await server.wait_closed()

    async def test_many_bytes(self, loop, serve, path):
        await serve(path)
        transport, protocol = await loop.create_unix_connection(Recorder, path)
        data = os.urandom(3 << 20)
        transport.write(data)
        assert await protocol.has_received(len(data)) == data
        transport.close()
        await protocol.lost

    async def test_streams(self, loop, path):
        async def answer(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_unix_server(answer, path)
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"hello\n")
        assert await reader.read() == b"HELLO\n"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    async def test_debug_mode_does_not_mind(self, loop, serve, path):
        loop.set_debug(True)
        await serve(path)
        assert await answers(loop, path)
        loop.set_debug(False)

    async def test_a_factory_that_fails_leaves_nothing(self, loop, names, serve, path):
        def factory():
            raise ValueError("no protocol")

        await serve(path)
        if names.is_stock:
            pytest.skip("asyncio leaves the connected socket to the collector")
        with pytest.raises(ValueError, match="^no protocol$"):
            await loop.create_unix_connection(factory, path)


class TestCancelling:
    async def test_at_once(self, loop, serve, path):
        await serve(path)
        task = asyncio.create_task(loop.create_unix_connection(Recorder, path))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_while_the_protocol_is_told(self, loop, serve, path):
        await serve(path)
        made = []

        def factory():
            made.append(Recorder())
            return made[-1]

        task = asyncio.create_task(loop.create_unix_connection(factory, path))
        while not made:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await made[0].lost is None
        made.clear()

    @pytest.mark.only("asyncioxide")
    async def test_a_server_while_it_starts(self, loop, path):
        # In asyncio it goes on accepting, and nobody can close it.
        task = asyncio.create_task(loop.create_unix_server(Echo, path))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

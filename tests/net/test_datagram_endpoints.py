"""create_datagram_endpoint: its arguments, checked as asyncio checks them, and what they do."""

from __future__ import annotations

import asyncio
import os
import socket
import stat

import pytest
from harness.outcome import same_as_asyncio
from harness.peers import sockname, unused_port
from harness.protocols import DatagramEcho, DatagramRecorder


class TestAddresses:
    async def test_local(self, loop, endpoint):
        transport, protocol = await endpoint(DatagramRecorder, ("127.0.0.1", 0))
        assert sockname(transport)[0] == "127.0.0.1"
        assert transport.get_extra_info("peername") is None
        assert protocol.calls == ["connection_made"]
        assert protocol.transport is transport

    async def test_remote(self, loop, endpoint):
        receiver, protocol = await endpoint(DatagramRecorder, ("127.0.0.1", 0))
        sender, _ = await endpoint(DatagramRecorder, None, sockname(receiver))
        assert sender.get_extra_info("peername") == sockname(receiver)
        sender.sendto(b"hello")
        assert await protocol.has_received(1) == [b"hello"]

    async def test_both(self, loop, endpoint):
        receiver, protocol = await endpoint(local_addr=("127.0.0.1", 0))
        sender, _ = await endpoint(local_addr=("127.0.0.1", 0), remote_addr=sockname(receiver))
        sender.sendto(b"hello")
        await protocol.has_received(1)
        assert protocol.received == [(b"hello", sockname(sender))]

    async def test_a_name(self, loop, endpoint):
        transport, _ = await endpoint(local_addr=("localhost", 0))
        assert sockname(transport)[0] in ("127.0.0.1", "::1")

    async def test_a_name_of_one_family(self, loop, endpoint):
        transport, _ = await endpoint(local_addr=("localhost", 0), family=socket.AF_INET)
        assert sockname(transport)[0] == "127.0.0.1"

    async def test_a_port_as_text(self, loop, endpoint):
        transport, _ = await endpoint(local_addr=("127.0.0.1", "0"))
        assert sockname(transport)[1] > 0

    @pytest.mark.parametrize(
        ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
    )
    async def test_a_family_alone(self, loop, endpoint, family, host):
        transport, _ = await endpoint(family=family)
        assert transport.get_extra_info("socket").family == family
        assert sockname(transport)[1] == 0
        receiver, protocol = await endpoint(local_addr=(host, 0), family=family)
        transport.sendto(b"hello", sockname(receiver))
        assert await protocol.has_received(1) == [b"hello"]
        # Sending has bound it.
        assert sockname(transport)[1] == 0

    async def test_a_protocol_number(self, loop, endpoint):
        transport, _ = await endpoint(local_addr=("127.0.0.1", 0), proto=socket.IPPROTO_UDP)
        assert transport.get_extra_info("socket").proto == socket.IPPROTO_UDP

    async def test_the_senders_of_a_connected_endpoint_are_filtered(self, loop, endpoint):
        peer, _ = await endpoint(local_addr=("127.0.0.1", 0))
        other, _ = await endpoint(local_addr=("127.0.0.1", 0))
        transport, protocol = await endpoint(
            local_addr=("127.0.0.1", 0), remote_addr=sockname(peer)
        )
        other.sendto(b"foreign", sockname(transport))
        peer.sendto(b"known", sockname(transport))
        assert await protocol.has_received(1) == [b"known"]


class TestSharingAPort:
    async def test_two_receivers(self, loop, endpoint):
        first, ours = await endpoint(local_addr=("127.0.0.1", 0), reuse_port=True)
        second, theirs = await endpoint(local_addr=sockname(first), reuse_port=True)
        assert sockname(first) == sockname(second)
        sock = first.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) != 0
        got = [ours.received, theirs.received]
        sent = 0
        # The kernel spreads senders over receivers by their addresses.
        while not all(got) and sent < 500:
            sender, _ = await endpoint(remote_addr=sockname(first))
            sender.sendto(b"x")
            sent += 1
            sender.close()
            while sum(map(len, got)) < sent:
                await asyncio.sleep(0)
        assert all(got)

    async def test_not_by_default(self, loop, endpoint):
        first, _ = await endpoint(local_addr=("127.0.0.1", 0))
        with pytest.raises(OSError, match="Address already in use"):
            await endpoint(local_addr=sockname(first))

    async def test_not_with_one_that_does_not(self, loop, endpoint):
        first, _ = await endpoint(local_addr=("127.0.0.1", 0))
        with pytest.raises(OSError, match="Address already in use"):
            await endpoint(local_addr=sockname(first), reuse_port=True)


class TestSocketGiven:
    async def test_a_bound_one(self, loop, endpoint):
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        transport, protocol = await endpoint(sock=sock)
        assert sock.gettimeout() == 0
        assert sockname(transport) == sock.getsockname()
        sender, _ = await endpoint(remote_addr=sock.getsockname())
        sender.sendto(b"hello")
        assert await protocol.has_received(1) == [b"hello"]
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        assert sock.fileno() == -1

    async def test_a_connected_one_may_be_sent_to_anywhere(self, loop, endpoint):
        receiver, protocol = await endpoint(local_addr=("127.0.0.1", 0))
        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.connect(sockname(receiver))
        transport, _ = await endpoint(sock=sock)
        assert transport.get_extra_info("peername") == sockname(receiver)
        transport.sendto(b"1")
        # The peer gets it, whatever the address says: asyncio uses send().
        transport.sendto(b"2", ("127.0.0.1", 1))
        assert await protocol.has_received(2) == [b"1", b"2"]

    async def test_one_whose_methods_are_replaced(self, loop, endpoint):
        seen = []

        class Replaced(socket.socket):
            def recvfrom(self, *arguments):
                data, addr = super().recvfrom(*arguments)
                return data.upper(), addr

            def sendto(self, *arguments):
                seen.append(arguments)
                return super().sendto(*arguments)

        sock = Replaced(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        transport, protocol = await endpoint(sock=sock)
        transport.sendto(b"hello", sock.getsockname())
        assert await protocol.has_received(1) == [b"HELLO"]
        assert seen == [(b"hello", sock.getsockname())]

    async def test_one_that_only_behaves_like_a_socket(self, loop, endpoint):
        class Looks:
            type = socket.SOCK_DGRAM

            def __init__(self, sock):
                self._sock = sock

            def __getattr__(self, name):
                return getattr(self._sock, name)

        sock = socket.socket(type=socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        transport, protocol = await endpoint(sock=Looks(sock))
        transport.sendto(b"hello", sock.getsockname())
        await protocol.has_received(1)
        assert protocol.received == [(b"hello", sock.getsockname())]

    async def test_of_a_family_with_addresses_of_its_own(self, loop, endpoint):
        try:
            sock = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, 0)
        except OSError:
            pytest.skip("no netlink here")
        sock.bind((0, 0))
        transport, protocol = await endpoint(sock=sock)
        # NLMSG_ERROR acknowledges a request of no meaning (NLM_F_REQUEST | NLM_F_ACK).
        request = (16).to_bytes(4, "little") + b"\x10\x00\x05\x00" + bytes(8)
        transport.sendto(request, (0, 0))
        await protocol.has_received(1)
        assert protocol.received[0][1] == (0, 0)


class TestUnixSockets:
    @pytest.fixture
    def path(self, tmp_path):
        return str(tmp_path / "s")

    async def test_echo(self, loop, endpoint, path, tmp_path):
        await endpoint(DatagramEcho, path, family=socket.AF_UNIX)
        assert stat.S_ISSOCK(os.stat(path).st_mode)
        mine = str(tmp_path / "mine")
        client, protocol = await endpoint(local_addr=mine, remote_addr=path, family=socket.AF_UNIX)
        assert client.get_extra_info("peername") == path
        client.sendto(b"hello")
        await protocol.has_received(1)
        assert protocol.received == [(b"hello", path)]

    async def test_a_sender_without_a_name(self, loop, endpoint, path):
        _, protocol = await endpoint(DatagramRecorder, path, family=socket.AF_UNIX)
        sender, _ = await endpoint(remote_addr=path, family=socket.AF_UNIX)
        sender.sendto(b"hello")
        await protocol.has_received(1)
        assert protocol.received == [(b"hello", None)]

    async def test_a_sender_with_an_abstract_name(self, loop, endpoint, path):
        _, protocol = await endpoint(DatagramRecorder, path, family=socket.AF_UNIX)
        name = f"\0asyncioxide-{os.getpid()}"
        sender, _ = await endpoint(local_addr=name, remote_addr=path, family=socket.AF_UNIX)
        sender.sendto(b"hello")
        await protocol.has_received(1)
        assert protocol.received == [(b"hello", name.encode())]

    async def test_to_an_abstract_name(self, loop, endpoint):
        name = f"\0asyncioxide-{os.getpid()}"
        _, protocol = await endpoint(DatagramRecorder, name, family=socket.AF_UNIX)
        sender, _ = await endpoint(family=socket.AF_UNIX)
        sender.sendto(b"text", name)
        sender.sendto(b"bytes", name.encode())
        assert await protocol.has_received(2) == [b"text", b"bytes"]

    async def test_names_that_are_no_text(self, loop, endpoint, tmp_path):
        path = os.fsencode(tmp_path) + b"/\xff"
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        sock.bind(path)
        receiver, protocol = await endpoint(sock=sock)
        receiver.sendto(b"to myself", path)
        await protocol.has_received(1)
        assert protocol.received == [(b"to myself", os.fsdecode(path))]

    async def test_a_path_of_every_byte_there_is_room_for(self, loop, endpoint, path):
        # Python does not bind to 108 bytes, but other programs do, and their name has no NUL.
        _, protocol = await endpoint(DatagramRecorder, path, family=socket.AF_UNIX)
        folder = "/tmp/" + "d" * (107 - len("/tmp/") - 2)
        os.mkdir(folder)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
                sock.bind(folder + "/s")
                sock.sendto(b"hello", path)
                await protocol.has_received(1)
        finally:
            os.remove(folder + "/s")
            os.rmdir(folder)
        assert protocol.received == [(b"hello", folder + "/s")]

    async def test_a_stale_file_is_replaced(self, loop, endpoint, path):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as stale:
            stale.bind(path)
        await endpoint(DatagramRecorder, path, family=socket.AF_UNIX)

    async def test_anything_else_stays(self, loop, endpoint, path):
        with open(path, "w") as file:
            file.write("precious")
        with pytest.raises(OSError, match="Address already in use"):
            await endpoint(DatagramRecorder, path, family=socket.AF_UNIX)
        with open(path) as file:
            assert file.read() == "precious"

    async def test_nobody_there(self, loop, endpoint, path):
        with pytest.raises(FileNotFoundError):
            await endpoint(remote_addr=path, family=socket.AF_UNIX)

    async def test_the_receiver_goes_away(self, loop, endpoint, path):
        receiver, other = await endpoint(DatagramRecorder, path, family=socket.AF_UNIX)
        sender, protocol = await endpoint(remote_addr=path, family=socket.AF_UNIX)
        receiver.abort()
        await other.lost
        await asyncio.sleep(0)
        sender.sendto(b"x")
        (error,) = await protocol.has_failed()
        assert type(error) is ConnectionRefusedError

    async def test_a_pair(self, loop, endpoint):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        _, protocol = await endpoint(sock=ours)
        with theirs:
            theirs.send(b"hello")
            await protocol.has_received(1)
            assert protocol.received == [(b"hello", None)]

    @pytest.mark.only("asyncioxide")
    async def test_the_other_end_of_a_pair_needs_no_address(self, loop, endpoint):
        # asyncio takes a peer without a name for no peer, and ends with a TypeError.
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        transport, _ = await endpoint(sock=ours)
        with theirs:
            transport.sendto(b"hello")
            assert theirs.recv(10) == b"hello"

    async def test_sequenced_packets(self, loop, endpoint):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            transport, protocol = await endpoint(sock=ours)
        except ValueError:
            # Before 3.13 it had to be SOCK_DGRAM.
            ours.close()
            theirs.close()
            return
        theirs.send(b"packet")
        await protocol.has_received(1)
        assert protocol.received[0][0] == b"packet"
        transport.abort()
        await protocol.lost
        theirs.close()


class TestCancelling:
    async def test_at_once(self, loop):
        task = asyncio.create_task(
            loop.create_datagram_endpoint(DatagramRecorder, ("127.0.0.1", 0))
        )
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_while_a_name_is_looked_up(self, loop):
        task = asyncio.create_task(
            loop.create_datagram_endpoint(DatagramRecorder, ("localhost", 0))
        )
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    @pytest.mark.parametrize("turns", range(4))
    async def test_while_the_protocol_is_told(self, loop, turns):
        made = []

        def factory():
            made.append(DatagramRecorder())
            return made[-1]

        task = asyncio.create_task(loop.create_datagram_endpoint(factory, ("127.0.0.1", 0)))
        for _ in range(turns):
            await asyncio.sleep(0)
        if task.done():
            (await task)[0].close()
        else:
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        for protocol in made:
            assert await protocol.lost is None
        made.clear()


async def test_debug_mode_logs_it(loop, endpoint, log):
    loop.set_debug(True)
    local = ("127.0.0.1", 0)
    _, protocol = await endpoint(local_addr=local)
    text = f"Datagram endpoint local_addr={local!r} remote_addr=None created: "
    assert any(
        message.startswith(text) and message.endswith(f"{protocol!r})")
        for message in log.messages(0)
    )
    loop.set_debug(False)


async def test_a_descriptor_that_a_transport_has(loop, names, endpoint):
    sock = socket.socket(type=socket.SOCK_DGRAM)
    await endpoint(sock=sock)
    copy = socket.socket(fileno=sock.fileno())
    try:
        if not (names.is_stock and not hasattr(asyncio.base_events, "_HAS_NO_CHECK")):
            with pytest.raises(RuntimeError, match="^File descriptor .* is used by transport"):
                await endpoint(sock=copy)
    finally:
        copy.detach()


def bad(*arguments, **options):
    return lambda loop: loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, *arguments, **options
    )


LOCAL = ("127.0.0.1", 0)
ROWS = {
    "no factory": lambda loop: loop.create_datagram_endpoint(),
    "no address": bad(),
    "no address, proto": bad(proto=17),
    "reuse_address": bad(LOCAL, reuse_address=True),
    "reuse_address=None": bad(LOCAL, reuse_address=None),
    "unknown keyword": bad(LOCAL, wrong=1),
    "too many": bad(LOCAL, LOCAL, 0),
    "local_addr text": bad("127.0.0.1"),
    "local_addr list": bad(["127.0.0.1", 0]),
    "local_addr three": bad(("127.0.0.1", 0, 0)),
    "local_addr number": bad(5),
    "remote_addr text": bad(remote_addr="127.0.0.1"),
    "remote_addr three": bad(remote_addr=("::1", 9, 0)),
    "local port text": bad(("127.0.0.1", "no-such-service")),
    "local port negative": bad(("127.0.0.1", -1)),
    "local port large": bad(("127.0.0.1", 70000)),
    "local port huge": bad(("127.0.0.1", 1 << 70)),
    "local host NUL": bad(("127.0.0.1\0", 0)),
    "local host bytes NUL": bad((b"127.0.0.1\0", 0)),
    "local host long": bad(("x" * 300, 0)),
    "local host empty label": bad(("a..b", 0)),
    "local host surrogate": bad(("\udcff", 0)),
    "local host number": bad((5, 0)),
    "local host foreign": bad(("192.0.2.1", 0)),
    "local host unscoped": bad(("fe80::1", 0)),
    "remote port negative": bad(remote_addr=("127.0.0.1", -1)),
    "remote port large": bad(remote_addr=("127.0.0.1", 70000)),
    "remote host NUL": bad(remote_addr=("a\0b", 9)),
    "remote host link-local": bad(remote_addr=("fe80::1", 9)),
    "remote host scoped": bad(remote_addr=("fe80::1%nowhere", 9)),
    "other families": bad(("127.0.0.1", 0), ("::1", 9)),
    "family 99": bad(LOCAL, family=99),
    "family 99 alone": bad(family=99),
    "family text": bad(LOCAL, family="AF_INET"),
    "family negative": bad(LOCAL, family=-1),
    "family unfit": bad(LOCAL, family=socket.AF_INET6),
    "proto 99": bad(LOCAL, proto=99),
    "proto text": bad(LOCAL, proto="udp"),
    "flags": bad(("localhost", 0), flags=1 << 30),
    "flags text": bad(("localhost", 0), flags="x"),
    "numeric host": bad(("localhost", 0), flags=socket.AI_NUMERICHOST),
    "unix bytes": bad(b"/x", family=socket.AF_UNIX),
    "unix tuple": bad(LOCAL, family=socket.AF_UNIX),
    "unix long": bad("/tmp/" + "x" * 200, family=socket.AF_UNIX),
    "unix NUL": bad("a\0b", family=socket.AF_UNIX),
    "unix nowhere": bad("/nowhere/s", family=socket.AF_UNIX),
    "unix remote nowhere": bad(remote_addr="/nowhere/s", family=socket.AF_UNIX),
    "sock wrong": bad(sock=5),
}


@pytest.mark.parametrize("call", ROWS.values(), ids=ROWS)
def test_bad_input_fails_as_in_asyncio(loop, log, call):
    assert same_as_asyncio(loop, call).raised


# asyncio leaves the socket to the collector, and so does its method on our loop.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("factory", [5, lambda: None], ids=["not callable", "gives None"])
def test_bad_factories_fail_as_in_asyncio(loop, factory):
    assert same_as_asyncio(loop, lambda loop: loop.create_datagram_endpoint(factory, LOCAL)).raised


def with_socket(make, **options):
    async def call(loop):
        with make() as sock:
            await loop.create_datagram_endpoint(asyncio.DatagramProtocol, sock=sock, **options)

    return call


def udp():
    return socket.socket(type=socket.SOCK_DGRAM)


def closed():
    sock = udp()
    sock.close()
    return sock


SOCKETS = {
    "tcp": with_socket(socket.socket),
    "closed": with_socket(closed),
    "with local_addr": with_socket(udp, local_addr=LOCAL),
    "with remote_addr": with_socket(udp, remote_addr=LOCAL),
    "with family": with_socket(udp, family=socket.AF_INET),
    "with proto": with_socket(udp, proto=1),
    "with flags": with_socket(udp, flags=1),
    "with reuse_port": with_socket(udp, reuse_port=True),
    "with allow_broadcast": with_socket(udp, allow_broadcast=True),
    "with all": with_socket(udp, local_addr=LOCAL, remote_addr=LOCAL, flags=1, proto=2),
}


@pytest.mark.parametrize("call", SOCKETS.values(), ids=SOCKETS)
def test_bad_sockets_fail_as_in_asyncio(loop, call):
    assert same_as_asyncio(loop, call).raised


def test_refused_ports_are_found_out_later(loop):
    port = unused_port()

    async def call():
        transport, protocol = await loop.create_datagram_endpoint(
            DatagramRecorder, remote_addr=("127.0.0.1", port)
        )
        transport.sendto(b"x")
        await protocol.has_failed()
        transport.close()
        await protocol.lost

    loop.run_until_complete(call())

"""Datagram transports: what arrives and what leaves."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest
from harness.peers import sockname
from harness.protocols import DatagramEcho, DatagramRecorder
from harness.versions import since, until


class TestReceiving:
    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    async def test_echo(self, loop, endpoint, host):
        server, _ = await endpoint(DatagramEcho, local_addr=(host, 0))
        client, protocol = await endpoint(remote_addr=sockname(server)[:2])
        for size in (1, 1000, 65_000):
            client.sendto(b"x" * size)
        assert await protocol.has_received(3) == [b"x", b"x" * 1000, b"x" * 65_000]
        assert {addr for _, addr in protocol.received} == {sockname(server)}

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
    async def test_the_senders_address_is_the_sockets_own(self, loop, endpoint, host):
        receiver, protocol = await endpoint(local_addr=(host, 0))
        sender, _ = await endpoint(local_addr=(host, 0))
        sender.sendto(b"hello", sockname(receiver))
        await protocol.has_received(1)
        assert protocol.received == [(b"hello", sockname(sender))]
        (_, addr) = protocol.received[0]
        assert type(addr) is tuple
        assert list(map(type, addr)) == [str, int, int, int][: len(addr)]

    async def test_in_the_order_of_sending(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sent = [str(number).encode() for number in range(100)]
        for data in sent:
            sender.sendto(data)
        assert await protocol.has_received(100) == sent

    async def test_two_sockets_take_turns(self, loop, endpoint):
        order = []

        class Notes(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                order.append(data)

        receivers = [(await endpoint(Notes))[0] for _ in range(2)]
        sender, _ = await endpoint()
        for number in range(3):
            for name, receiver in zip("ab", receivers, strict=True):
                sender.sendto(f"{name}{number}".encode(), sockname(receiver))
        while len(order) < 6:
            await asyncio.sleep(0)
        rounds = [set(order[at : at + 2]) for at in (0, 2, 4)]
        assert rounds == [{b"a0", b"b0"}, {b"a1", b"b1"}, {b"a2", b"b2"}]

    async def test_callbacks_of_a_datagram_run_before_the_next_one(self, loop, endpoint):
        order = []

        class Notes(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                order.append(data)
                loop.call_soon(order.append, b"after " + data)

        receiver, _ = await endpoint(Notes)
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"1")
        sender.sendto(b"2")
        while len(order) < 4:
            await asyncio.sleep(0)
        assert order == [b"1", b"after 1", b"2", b"after 2"]

    async def test_an_empty_datagram_is_one(self, loop, endpoint):
        receiver, protocol = await endpoint()
        with socket.socket(type=socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", sockname(receiver))
            sock.sendto(b"next", sockname(receiver))
            assert await protocol.has_received(2) == [b"", b"next"]

    async def test_paused_and_resumed(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        assert receiver.is_reading()
        receiver.pause_reading()
        receiver.pause_reading()
        assert not receiver.is_reading()
        sender.sendto(b"later")
        for _ in range(3):
            await asyncio.sleep(0)
        assert protocol.received == []
        receiver.resume_reading()
        receiver.resume_reading()
        assert receiver.is_reading()
        assert await protocol.has_received(1) == [b"later"]

    async def test_paused_from_connection_made(self, loop, endpoint):
        class Paused(DatagramRecorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.pause_reading()

        receiver, protocol = await endpoint(Paused)
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"later")
        for _ in range(3):
            await asyncio.sleep(0)
        assert protocol.received == []
        receiver.resume_reading()
        assert await protocol.has_received(1) == [b"later"]

    async def test_another_protocol(self, loop, endpoint):
        receiver, first = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        assert receiver.get_protocol() is first
        second = DatagramRecorder()
        receiver.set_protocol(second)
        assert receiver.get_protocol() is second
        sender.sendto(b"hello")
        assert await second.has_received(1) == [b"hello"]
        assert first.received == []

    async def test_an_ipv6_sender_with_a_scope(self, loop, endpoint):
        # A sender whose address is link-local has a scope, if the machine has such an address.
        found = link_local()
        if found is None:
            pytest.skip("no interface has a link-local address")
        host, index = found
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.bind((host, 0, 0, index))
        receiver, protocol = await endpoint(sock=sock)
        receiver.sendto(b"to myself", sock.getsockname())
        await protocol.has_received(1)
        assert protocol.received == [(b"to myself", sock.getsockname())]
        assert protocol.received[0][1][3] == index

    async def test_a_scope_id_is_passed_on(self, loop, endpoint):
        receiver, protocol = await endpoint(local_addr=("::1", 0))
        sender, _ = await endpoint(local_addr=("::1", 0))
        host, port, flow, _ = sockname(receiver)
        for to in ((host, port), (host, port, flow), (host, port, flow, 1), (host, port, 5, 0)):
            sender.sendto(b"x", to)
        await protocol.has_received(4)
        assert {addr for _, addr in protocol.received} == {sockname(sender)}

    async def test_mapped_ipv4_senders(self, loop, endpoint):
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        _, protocol = await endpoint(sock=sock)
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.1", 0))
            sender.sendto(b"x", ("127.0.0.1", sock.getsockname()[1]))
            await protocol.has_received(1)
            port = sender.getsockname()[1]
            assert protocol.received == [(b"x", ("::ffff:127.0.0.1", port, 0, 0))]


def link_local():
    """A link-local IPv6 address of this machine and its interface's number."""
    try:
        with open("/proc/net/if_inet6") as file:
            for line in file:
                raw, index, _, scope, *_ = line.split()
                if scope == "20":
                    return socket.inet_ntop(socket.AF_INET6, bytes.fromhex(raw)), int(index, 16)
    except FileNotFoundError:
        pass
    return None


class TestSending:
    @pytest.mark.parametrize(
        "form",
        [bytes, bytearray, memoryview, lambda data: memoryview(b"x" + data)[1:]],
        ids=["bytes", "bytearray", "memoryview", "slice"],
    )
    async def test_any_buffer(self, loop, endpoint, form):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint()
        sender.sendto(form(b"hello"), sockname(receiver))
        connected, _ = await endpoint(remote_addr=sockname(receiver))
        connected.sendto(form(b"again"))
        assert await protocol.has_received(2) == [b"hello", b"again"]

    async def test_a_subclass_of_bytes(self, loop, endpoint):
        class Text(bytes):
            pass

        receiver, protocol = await endpoint()
        sender, _ = await endpoint()
        sender.sendto(Text(b"hello"), sockname(receiver))
        assert await protocol.has_received(1) == [b"hello"]

    async def test_by_keyword(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint()
        sender.sendto(data=b"hello", addr=sockname(receiver))
        assert await protocol.has_received(1) == [b"hello"]

    async def test_to_a_name(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint()
        sender.sendto(b"hello", ("localhost", sockname(receiver)[1]))
        assert await protocol.has_received(1) == [b"hello"]

    @since(3, 13)
    async def test_empty_datagrams_are_sent(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint()
        connected, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"", sockname(receiver))
        connected.sendto(b"")
        connected.sendto(b"end")
        assert await protocol.has_received(3) == [b"", b"", b"end"]

    @until(3, 13)
    async def test_empty_datagrams_are_not_sent_before_3_13(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"")
        sender.sendto(b"end")
        assert await protocol.has_received(1) == [b"end"]

    async def test_the_remote_address_may_be_repeated(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"1", sockname(receiver))
        sender.sendto(b"2", list(sockname(receiver)) and tuple(sockname(receiver)))
        assert await protocol.has_received(2) == [b"1", b"2"]

    async def test_another_address_is_refused(self, loop, endpoint):
        receiver, _ = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        text = f"^Invalid address: must be None or {sockname(receiver)}$".replace("(", r"\(")
        with pytest.raises(ValueError, match=text.replace(")", r"\)")):
            sender.sendto(b"x", ("127.0.0.1", 1))

    async def test_a_broadcast_endpoint_is_not_connected(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint(remote_addr=sockname(receiver), allow_broadcast=True)
        assert sender.get_extra_info("peername") is None
        sock = sender.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST) != 0
        sender.sendto(b"1")
        sender.sendto(b"2", sockname(receiver))
        assert await protocol.has_received(2) == [b"1", b"2"]
        with pytest.raises(ValueError, match="^Invalid address"):
            sender.sendto(b"3", ("127.0.0.1", 1))

    async def test_broadcast(self, loop, endpoint):
        receiver, protocol = await endpoint(local_addr=("0.0.0.0", 0), allow_broadcast=True)
        sender, _ = await endpoint(local_addr=("127.0.0.1", 0), allow_broadcast=True)
        sender.sendto(b"all", ("127.255.255.255", sockname(receiver)[1]))
        assert await protocol.has_received(1) == [b"all"]

    async def test_broadcast_has_to_be_allowed(self, loop, endpoint):
        sender, protocol = await endpoint()
        sender.sendto(b"all", ("255.255.255.255", 9))
        (error,) = await protocol.has_failed()
        assert type(error) in (PermissionError, OSError)

    async def test_multicast_on_the_loopback_interface(self, loop, endpoint):
        group = "239.255.17.4"
        receiver, protocol = await endpoint(local_addr=("0.0.0.0", 0))
        sock = receiver.get_extra_info("socket")
        membership = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        sender, _ = await endpoint(local_addr=("127.0.0.1", 0))
        out = sender.get_extra_info("socket")
        out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        sender.sendto(b"group", (group, sockname(receiver)[1]))
        assert await protocol.has_received(1) == [b"group"]
        assert protocol.received[0][1] == sockname(sender)

    async def test_from_connection_made(self, loop, endpoint):
        receiver, protocol = await endpoint()

        class Eager(DatagramRecorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.sendto(b"first", sockname(receiver))

        await endpoint(Eager)
        assert await protocol.has_received(1) == [b"first"]

    async def test_audit_hooks_are_asked_as_by_a_socket(self, loop, endpoint):
        receiver, protocol = await endpoint()
        sender, _ = await endpoint()
        seen = []

        def hook(event, arguments):
            if event == "socket.sendto" and switch:
                seen.append(arguments[1])

        switch = [True]
        sys.addaudithook(hook)
        sender.sendto(b"x", sockname(receiver))
        await protocol.has_received(1)
        switch.clear()
        assert seen == [sockname(receiver)]

"""Datagram transports: what the kernel refuses, what is no address, protocols that raise."""

from __future__ import annotations

import asyncio
import errno
import struct

import pytest
from harness.outcome import outcome
from harness.peers import sockname
from harness.protocols import DatagramEcho, DatagramRecorder

# Each on an endpoint without and with a remote address.
BAD = {
    "no arguments": (),
    "text": ("text",),
    "None": (None,),
    "number": (5,),
    "list": ([1],),
    "array": (struct.Struct("i"),),
    "too many": (b"x", None, 5),
}


@pytest.mark.parametrize("connected", [False, True], ids=["unconnected", "connected"])
@pytest.mark.parametrize("arguments", BAD.values(), ids=BAD)
def test_bad_data_fails_as_in_asyncio(loop, connected, arguments):
    def on(which):
        options = {"remote_addr" if connected else "local_addr": ("127.0.0.1", 9)}
        if not connected:
            options["local_addr"] = ("127.0.0.1", 0)

        async def call():
            transport, _ = await which.create_datagram_endpoint(asyncio.DatagramProtocol, **options)
            try:
                return outcome(lambda: transport.sendto(*arguments))
            finally:
                transport.abort()
                await asyncio.sleep(0)

        return which.run_until_complete(call())

    stock = asyncio.new_event_loop()
    expected = on(stock)
    stock.close()
    assert expected.raised
    assert on(loop) == expected


# Addresses that end an endpoint: what its socket raises is no OSError.
ADDRESSES = {
    "None": None,
    "number": 5,
    "text": "127.0.0.1",
    "one part": ("127.0.0.1",),
    "three parts": ("127.0.0.1", 9, 0),
    "port as text": ("127.0.0.1", "9"),
    "port too large": ("127.0.0.1", 65536),
    "negative port": ("127.0.0.1", -1),
    "huge port": ("127.0.0.1", 1 << 70),
    "float port": ("127.0.0.1", 9.0),
    "host with NUL": ("127.0.0.1\0", 9),
    "bytes host with NUL": (b"127.0.0.1\0", 9),
    "host None": (None, 9),
    "long name": ("x" * 300, 9),
    "empty label": ("a..b", 9),
    "surrogate": ("\udcff", 9),
    "IPv6 on IPv4": ("::1", 9),
    "scoped IPv6": ("fe80::1%lo", 9),
    "list": ["127.0.0.1", 9],
}
ADDRESSES_6 = {
    "IPv4 on IPv6": ("127.0.0.1", 9),
    "flow too large": ("::1", 9, 1 << 20),
    "negative flow": ("::1", 9, -1),
    "scope too large": ("::1", 9, 0, 1 << 32),
    "negative scope": ("::1", 9, 0, -1),
    "five parts": ("::1", 9, 0, 0, 0),
    "a scope that is not there": ("fe80::1", 9, 0, 999),
    "a named scope that is not there": ("fe80::1%nowhere", 9),
}
BAD_ADDRESSES = [("127.0.0.1", name, to) for name, to in ADDRESSES.items()]
BAD_ADDRESSES += [("::1", name, to) for name, to in ADDRESSES_6.items()]


@pytest.mark.parametrize(
    ("host", "to"),
    [pytest.param(host, to, id=name) for host, name, to in BAD_ADDRESSES],
)
def test_bad_addresses_fail_as_in_asyncio(loop, host, to):
    def on(which):
        reports = []

        async def call():
            transport, protocol = await which.create_datagram_endpoint(
                DatagramRecorder, local_addr=(host, 0)
            )
            which.set_exception_handler(
                lambda _, context: reports.append((context["message"], str(context["exception"])))
            )
            sent = outcome(lambda: transport.sendto(b"x", to))
            closing = transport.is_closing()
            transport.close()
            lost = await protocol.lost
            which.set_exception_handler(None)
            errors = [(type(error), str(error)) for error in protocol.errors]
            return sent, errors, reports, closing, (type(lost), str(lost)), protocol.calls

        return which.run_until_complete(call())

    stock = asyncio.new_event_loop()
    expected = on(stock)
    stock.close()
    assert on(loop) == expected


class TestErrors:
    async def test_nobody_there_is_told_to_a_connected_endpoint(self, loop, endpoint):
        gone, _ = await endpoint()
        to = sockname(gone)
        gone.abort()
        await asyncio.sleep(0)
        transport, protocol = await endpoint(remote_addr=to)
        transport.sendto(b"anybody?")
        (error,) = await protocol.has_failed()
        assert type(error) is ConnectionRefusedError
        assert error.errno == errno.ECONNREFUSED
        assert not transport.is_closing()
        assert protocol.calls == ["connection_made", "error_received"]

    async def test_it_goes_on_after_an_error(self, loop, endpoint):
        server, _ = await endpoint(DatagramEcho)
        to = sockname(server)
        server.abort()
        await asyncio.sleep(0)
        transport, protocol = await endpoint(remote_addr=to)
        transport.sendto(b"lost")
        await protocol.has_failed()
        await endpoint(DatagramEcho, local_addr=to)
        transport.sendto(b"found")
        assert await protocol.has_received(1) == [b"found"]

    async def test_an_error_met_while_sending(self, loop, endpoint):
        gone, _ = await endpoint()
        to = sockname(gone)
        gone.abort()
        await asyncio.sleep(0)
        transport, protocol = await endpoint(remote_addr=to)
        transport.pause_reading()
        # The second one learns what became of the first.
        transport.sendto(b"1")
        transport.sendto(b"2")
        (error,) = protocol.errors
        assert type(error) is ConnectionRefusedError

    async def test_an_unconnected_endpoint_hears_nothing(self, loop, endpoint):
        gone, _ = await endpoint()
        to = sockname(gone)
        gone.abort()
        await asyncio.sleep(0)
        transport, protocol = await endpoint()
        for _ in range(3):
            transport.sendto(b"anybody?", to)
            await asyncio.sleep(0)
        assert protocol.errors == []

    @pytest.mark.parametrize("connected", [False, True], ids=["unconnected", "connected"])
    async def test_too_large(self, loop, endpoint, connected):
        receiver, other = await endpoint()
        options = {"remote_addr": sockname(receiver)} if connected else {}
        transport, protocol = await endpoint(**options)
        to = None if connected else sockname(receiver)
        transport.sendto(b"x" * 65_508, to)
        (error,) = protocol.errors
        assert type(error) is OSError
        assert error.errno == errno.EMSGSIZE
        assert str(error) == "[Errno 90] Message too long"
        transport.sendto(b"x" * 65_507, to)
        assert await other.has_received(1) == [b"x" * 65_507]

    async def test_an_unreachable_family(self, loop, endpoint):
        transport, protocol = await endpoint(local_addr=("127.0.0.1", 0))
        transport.sendto(b"x", ("192.0.2.1", 9))
        # Bound to loopback: the kernel finds the address invalid.
        (error,) = protocol.errors
        assert isinstance(error, OSError)


class TestProtocolsThatRaise:
    """The loop reports it, and the endpoint goes on."""

    async def test_datagram_received(self, loop, endpoint, reports):
        class Wrong(DatagramRecorder):
            def datagram_received(self, data, addr):
                super().datagram_received(data, addr)
                raise ValueError(data.decode())

        receiver, protocol = await endpoint(Wrong)
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"1")
        sender.sendto(b"2")
        await protocol.has_received(2)
        await asyncio.sleep(0)
        assert [str(report["exception"]) for report in reports] == ["1", "2"]
        for report in reports:
            assert report["message"].startswith("Exception in callback ")
            assert "DatagramTransport._read_ready()" in report["message"]
            assert isinstance(report["handle"], asyncio.Handle)
        assert not receiver.is_closing()
        reports.clear()

    async def test_datagram_received_that_closes_first(self, loop, endpoint, reports):
        class Wrong(DatagramRecorder):
            def datagram_received(self, data, addr):
                self.transport.close()
                raise ValueError("after close")

        receiver, protocol = await endpoint(Wrong)
        sender, _ = await endpoint(remote_addr=sockname(receiver))
        sender.sendto(b"x")
        assert await protocol.lost is None
        (report,) = reports
        # asyncio has cancelled the handle by then, and calls the callback None.
        assert report["message"].startswith("Exception in callback ")
        assert str(report["exception"]) == "after close"
        reports.clear()

    async def test_error_received(self, loop, endpoint, reports):
        class Wrong(DatagramRecorder):
            def error_received(self, exc):
                super().error_received(exc)
                raise ValueError("from error_received")

        gone, _ = await endpoint()
        to = sockname(gone)
        gone.abort()
        await asyncio.sleep(0)
        transport, protocol = await endpoint(Wrong, remote_addr=to)
        transport.sendto(b"x")
        await protocol.has_failed()
        await asyncio.sleep(0)
        (report,) = reports
        assert str(report["exception"]) == "from error_received"
        assert not transport.is_closing()
        reports.clear()
        # While sending, the sender gets it.
        with pytest.raises(ValueError, match="^from error_received$"):
            transport.sendto(b"x" * 70_000)

    async def test_connection_made(self, loop, endpoint, reports):
        class Wrong(DatagramRecorder):
            def connection_made(self, transport):
                super().connection_made(transport)
                raise ValueError("from connection_made")

        _, protocol = await endpoint(Wrong)
        (report,) = reports
        assert str(report["exception"]) == "from connection_made"
        sender, _ = await endpoint()
        sender.sendto(b"x", sockname(protocol.transport))
        assert await protocol.has_received(1) == [b"x"]
        reports.clear()

    async def test_connection_lost(self, loop, endpoint, reports):
        class Wrong(DatagramRecorder):
            def connection_lost(self, exc):
                super().connection_lost(exc)
                raise ValueError("from connection_lost")

        transport, protocol = await endpoint(Wrong)
        sock = transport.get_extra_info("socket")
        transport.close()
        await protocol.lost
        await asyncio.sleep(0)
        (report,) = reports
        assert str(report["exception"]) == "from connection_lost"
        assert sock.fileno() == -1
        reports.clear()

    @pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
    def test_interruptions_leave_the_loop(self, loop, interruption):
        class Wrong(asyncio.DatagramProtocol):
            def datagram_received(self, data, addr):
                raise interruption

        async def start():
            transport, _ = await loop.create_datagram_endpoint(Wrong, ("127.0.0.1", 0))
            return transport

        transport = loop.run_until_complete(start())
        transport.sendto(b"x", sockname(transport))
        with pytest.raises(interruption):
            loop.run_forever()
        transport.close()
        loop.run_until_complete(asyncio.sleep(0))

    async def test_a_protocol_without_the_method(self, loop, endpoint, reports):
        class Blank(asyncio.BaseProtocol):
            pass

        receiver, _ = await endpoint(Blank)
        receiver.sendto(b"x", sockname(receiver))
        while not reports:
            await asyncio.sleep(0)
        (report,) = reports
        assert type(report["exception"]) is AttributeError
        assert not receiver.is_closing()
        reports.clear()

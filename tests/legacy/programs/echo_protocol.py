# Python 3.4 to 3.9: protocols, and the loop's own coroutines in yield from.
import asyncio


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Client(asyncio.Protocol):
    def __init__(self, loop):
        self.done = asyncio.Future(loop=loop)
        self.received = b""

    def connection_made(self, transport):
        transport.write(b"over there")
        self.transport = transport

    def data_received(self, data):
        self.received += data
        if self.received == b"over there":
            self.transport.close()

    def connection_lost(self, exc):
        self.done.set_result(self.received)


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, got):
        self.got = got

    def datagram_received(self, data, addr):
        self.got.set_result(data)


@asyncio.coroutine
def main(loop):
    server = yield from loop.create_server(Echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    transport, protocol = yield from loop.create_connection(lambda: Client(loop), "127.0.0.1", port)
    print((yield from protocol.done))
    server.close()
    yield from server.wait_closed()

    got = asyncio.Future()
    receiver, _ = yield from loop.create_datagram_endpoint(
        lambda: Datagrams(got), local_addr=("127.0.0.1", 0)
    )
    sender, _ = yield from loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=receiver.get_extra_info("sockname")
    )
    sender.sendto(b"gram")
    print((yield from got))
    for transport in (sender, receiver):
        transport.close()
    print((yield from loop.run_in_executor(None, sum, [1, 2])))
    print((yield from loop.getaddrinfo("127.0.0.1", 80))[0][4])


loop = asyncio.get_event_loop()
loop.run_until_complete(main(loop))
loop.run_until_complete(asyncio.sleep(0))
loop.close()

# Python 3.4 to 3.9: a server whose handler is a generator, and clients with loop=.
import asyncio


@asyncio.coroutine
def handle(reader, writer):
    while True:
        line = yield from reader.readline()
        if not line:
            break
        writer.write(line.upper())
        yield from writer.drain()
    writer.close()


@asyncio.coroutine
def ask(loop, port, text):
    reader, writer = yield from asyncio.open_connection("127.0.0.1", port, loop=loop)
    writer.write(text)
    yield from writer.drain()
    answer = yield from reader.readline()
    writer.close()
    return answer


@asyncio.coroutine
def leave_open(loop, port):
    return (yield from asyncio.open_connection("127.0.0.1", port, loop=loop))


loop = asyncio.get_event_loop()
server = loop.run_until_complete(asyncio.start_server(handle, "127.0.0.1", 0, loop=loop))
port = server.sockets[0].getsockname()[1]
asked = [ask(loop, port, text) for text in (b"one\n", b"two\n", b"three\n")]
print(loop.run_until_complete(asyncio.gather(*asked)))
reader, writer = loop.run_until_complete(leave_open(loop, port))

# A connection is still there, and this does not wait for it.
server.close()
loop.run_until_complete(server.wait_closed())
writer.close()
print(loop.run_until_complete(reader.read()))
loop.run_until_complete(asyncio.sleep(0.01))
loop.close()

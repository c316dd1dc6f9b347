"""tornado's IOLoop on the loop: add_reader, timeouts, executors, its HTTP server and client."""

from __future__ import annotations

import asyncio
import datetime
import socket
import warnings

import pytest

pytest.importorskip("tornado")

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import tornado.concurrent
    import tornado.gen
    import tornado.httpclient
    import tornado.httpserver
    import tornado.ioloop
    import tornado.iostream
    import tornado.queues
    import tornado.tcpserver
    import tornado.web
    import tornado.websocket


@pytest.fixture
def run(loop):
    """Runs a coroutine on the loop, and gives it tornado's IOLoop over that."""

    def until_done(main):
        async def wrapped():
            try:
                return await main(tornado.ioloop.IOLoop.current())
            finally:
                tornado.httpclient.AsyncHTTPClient().close()

        try:
            return loop.run_until_complete(wrapped())
        finally:
            tornado.ioloop.IOLoop._ioloop_for_asyncio.pop(loop, None)

    return until_done


def test_is_the_loop_s_own(run, loop):
    async def main(io_loop):
        assert io_loop.asyncio_loop is loop
        assert io_loop.selector_loop is loop

    run(main)


def test_callbacks_and_timeouts(run):
    async def main(io_loop):
        seen = []
        done = asyncio.Event()
        io_loop.add_callback(seen.append, "callback")
        io_loop.call_later(0.001, lambda: (seen.append("later"), done.set()))
        removed = io_loop.call_later(0.0001, seen.append, "removed")
        io_loop.remove_timeout(removed)
        await done.wait()
        return seen

    assert run(main) == ["callback", "later"]


def test_a_handler_of_a_descriptor(run):
    async def main(io_loop):
        left, right = socket.socketpair()
        with left, right:
            ready = asyncio.get_running_loop().create_future()
            io_loop.add_handler(left, lambda *args: ready.set_result(args), io_loop.READ)
            right.send(b"x")
            sock, events = await ready
            assert sock is left
            assert events & io_loop.READ
            io_loop.update_handler(left, io_loop.WRITE)
            io_loop.remove_handler(left)
            with pytest.raises(ValueError, match="added twice"):
                io_loop.add_handler(right, print, io_loop.READ)
                io_loop.add_handler(right, print, io_loop.READ)
            io_loop.remove_handler(right)

    run(main)


def test_periodic_callbacks(run):
    async def main(_):
        count = 0
        done = asyncio.Event()

        def tick():
            nonlocal count
            count += 1
            if count == 3:
                done.set()

        periodic = tornado.ioloop.PeriodicCallback(tick, 1)
        periodic.start()
        await done.wait()
        periodic.stop()
        return count

    assert run(main) == 3


def test_executors_and_threads(run, loop):
    async def main(io_loop):
        assert await io_loop.run_in_executor(None, sum, [1, 2]) == 3
        done = loop.create_future()
        await asyncio.to_thread(io_loop.add_callback, done.set_result, "from a thread")
        return await done

    assert run(main) == "from a thread"


def test_its_coroutines(run):
    @tornado.gen.coroutine
    def old_style():
        yield tornado.gen.sleep(0)
        value = yield tornado.gen.multi([asyncio.sleep(0, 1), tornado.gen.maybe_future(2)])
        raise tornado.gen.Return(value)

    async def main(_):
        with pytest.raises(TimeoutError):
            await tornado.gen.with_timeout(
                datetime.timedelta(milliseconds=1), asyncio.get_running_loop().create_future()
            )
        return await old_style()

    assert run(main) == [1, 2]


def test_queues(run):
    async def main(_):
        queue = tornado.queues.Queue(maxsize=1)
        seen = []

        async def consume():
            async for item in queue:
                seen.append(item)
                queue.task_done()
                if item == 3:
                    return

        consumer = asyncio.ensure_future(consume())
        for number in range(4):
            await queue.put(number)
        await consumer
        return seen

    assert run(main) == [0, 1, 2, 3]


def test_iostreams(run):
    class Upper(tornado.tcpserver.TCPServer):
        async def handle_stream(self, stream, address):
            try:
                while True:
                    await stream.write((await stream.read_until(b"\n")).upper())
            except tornado.iostream.StreamClosedError:
                pass

    async def main(_):
        server = Upper()
        server.listen(0, "127.0.0.1")
        sock = next(iter(server._sockets.values()))
        stream = tornado.iostream.IOStream(socket.socket())
        await stream.connect(sock.getsockname())
        big = b"x" * 3_000_000 + b"\n"
        _, answer = await asyncio.gather(stream.write(big), stream.read_until(b"\n"))
        assert answer == big.upper()
        stream.close()
        server.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(main)


def test_http_and_websockets(run):
    class Hello(tornado.web.RequestHandler):
        async def get(self):
            await asyncio.sleep(0)
            self.write({"n": int(self.get_argument("n"))})

    class Talk(tornado.websocket.WebSocketHandler):
        async def on_message(self, message):
            await self.write_message(message.upper())

    async def main(_):
        server = tornado.web.Application([("/hello", Hello), ("/talk", Talk)]).listen(
            0, "127.0.0.1"
        )
        sock = next(iter(server._sockets.values()))
        host = f"127.0.0.1:{sock.getsockname()[1]}"
        client = tornado.httpclient.AsyncHTTPClient()
        fetches = [client.fetch(f"http://{host}/hello?n={n}") for n in range(20)]
        bodies = [response.body for response in await asyncio.gather(*fetches)]
        assert bodies == [b'{"n": %d}' % n for n in range(20)]
        talk = await tornado.websocket.websocket_connect(f"ws://{host}/talk")
        await talk.write_message("hello")
        assert await talk.read_message() == "HELLO"
        talk.close()
        assert await talk.read_message() is None
        server.stop()
        await server.close_all_connections()

    run(main)


def test_an_ioloop_of_its_own_over_a_given_loop(names):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        asyncio_loop = names.new_event_loop()
        io_loop = tornado.ioloop.IOLoop(make_current=False, asyncio_loop=asyncio_loop)
        assert io_loop.run_sync(lambda: asyncio.sleep(0, "ran")) == "ran"
        io_loop.close()
    assert asyncio_loop.is_closed()

"""Reference cycles through each native type are found by the garbage collector."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import re
import socket
import subprocess
import weakref

import pytest
from harness.peers import full_backlog

pytestmark = pytest.mark.only("asyncioxide")


class Witness:
    """Refers to anything, can be called, and a weak reference can tell of its end."""

    def __call__(self, *args):
        pass


def close_circle(witness, *links):
    """Makes `witness` refer to `links`, and gives a weak reference to it."""
    witness.links = links
    return weakref.ref(witness)


def assert_collected(alive):
    gc.collect()
    assert alive() is None


def unclosed_at_collection():
    """Collects, and gives the kinds of things that were reported as unclosed.

    What was reported lives as long as the report, and since 3.15 weak references to it do too.
    """
    with pytest.warns(ResourceWarning) as caught:
        gc.collect()
    texts = [str(warning.message) for warning in caught]
    del caught
    gc.collect()
    return {re.match("unclosed (event loop|transport|<socket|file)", text)[1] for text in texts}


class TestHandles:
    def test_callback_and_arguments(self, loop, names):
        witness = Witness()
        handle = names.Handle(witness, (witness, [witness]), loop)
        alive = close_circle(witness, handle)
        del witness, handle
        assert_collected(alive)

    def test_one_argument(self, loop, names):
        witness = Witness()
        handle = names.Handle(print, (witness,), loop)
        alive = close_circle(witness, handle)
        del witness, handle
        assert_collected(alive)

    def test_a_timer(self, loop, names):
        witness = Witness()
        timer = names.TimerHandle(1.0, witness, (witness,), loop)
        alive = close_circle(witness, timer)
        del witness, timer
        assert_collected(alive)

    def test_a_subclass_with_attributes(self, loop, names):
        class Own(names.Handle):
            pass

        witness = Witness()
        handle = Own(print, (), loop)
        handle.witness = witness
        alive = close_circle(witness, handle)
        del witness, handle
        assert_collected(alive)

    def test_what_debug_mode_keeps(self, loop):
        loop.set_debug(True)
        witness = Witness()
        handle = loop.call_soon(witness)
        alive = close_circle(witness, handle)
        loop.call_soon(loop.stop)
        loop.run_forever()
        del witness, handle
        assert_collected(alive)


class TestFutures:
    @pytest.mark.parametrize(
        "tie",
        [
            lambda future, witness: future.set_result(witness),
            lambda future, witness: future.set_exception(Failure(witness)),
            lambda future, witness: future.add_done_callback(witness),
            lambda future, witness: [future.add_done_callback(witness) for _ in range(3)],
            lambda future, witness: future.cancel(msg=witness),
            lambda future, witness: setattr(future, "own", witness),
        ],
        ids=["result", "exception", "callback", "callbacks", "cancel message", "attribute"],
    )
    def test_each_field(self, loop, tie):
        witness = Witness()
        future = loop.create_future()
        tie(future, witness)
        future._log_traceback = False
        alive = close_circle(witness, future)
        del witness, future
        assert_collected(alive)

    def test_a_future_that_is_its_own_result(self, loop):
        future = loop.create_future()
        future.set_result(future)
        alive = weakref.ref(future)
        del future
        assert_collected(alive)

    def test_a_subclass(self, loop, names):
        class Own(names.Future):
            pass

        future = Own(loop=loop)
        future.own = future
        alive = weakref.ref(future)
        del future
        assert_collected(alive)

    def test_an_exception_nobody_asked_for_is_reported_by_the_collector(self, loop, reports):
        witness = Witness()
        future = loop.create_future()
        future.set_exception(Failure(witness))
        alive = close_circle(witness, future)
        del witness, future
        gc.collect()
        (report,) = reports
        assert report["message"] == "Future exception was never retrieved"
        del report
        reports.clear()
        assert_collected(alive)

    def test_the_iterator_of_an_await(self, loop):
        witness = Witness()
        future = loop.create_future()
        future.add_done_callback(witness)
        iterator = future.__await__()
        assert next(iterator) is future
        alive = close_circle(witness, iterator)
        del witness, future, iterator
        assert_collected(alive)


class Failure(Exception):
    pass


class TestTasks:
    async def test_a_waiting_task_whose_coroutine_knows_it(self, loop):
        async def wait(witness, future):
            witness.task = asyncio.current_task()
            await future

        witness, future = Witness(), loop.create_future()
        alive = close_circle(witness, future)
        task = loop.create_task(wait(witness, future))
        task._log_destroy_pending = False
        await asyncio.sleep(0)
        del task, witness, future
        assert_collected(alive)

    async def test_a_destroyed_task_is_reported_by_the_collector(self, loop, reports):
        async def wait(future):
            future.task = asyncio.current_task()
            await future

        future = loop.create_future()
        alive = weakref.ref(future)
        task = loop.create_task(wait(future))
        await asyncio.sleep(0)
        del task, future
        gc.collect()
        (report,) = reports
        assert report["message"] == "Task was destroyed but it is pending!"
        del report
        reports.clear()
        assert_collected(alive)

    async def test_a_finished_task_that_is_its_own_result(self, loop):
        async def own():
            return asyncio.current_task()

        task = loop.create_task(own())
        alive = weakref.ref(task)
        assert await task is task
        del task
        # The step that got the result holds the task that gave it.
        await asyncio.sleep(0)
        assert_collected(alive)

    async def test_the_wakeup_of_a_task(self, loop):
        async def nothing():
            pass

        task = loop.create_task(nothing())
        await task
        task.own = task._wakeup
        alive = weakref.ref(task)
        del task
        await asyncio.sleep(0)
        assert_collected(alive)

    async def test_a_task_that_waits_for_a_stock_future(self, loop):
        async def wait(witness, future):
            witness.task = asyncio.current_task()
            await future

        witness, future = Witness(), asyncio.futures._PyFuture(loop=loop)
        alive = close_circle(witness, future)
        task = loop.create_task(wait(witness, future))
        task._log_destroy_pending = False
        await asyncio.sleep(0)
        del task, witness, future
        assert_collected(alive)


class TestNativeCoroutines:
    def test_one_that_was_never_awaited(self, names):
        witness = Witness()
        coroutine = names.sleep(1, witness)
        alive = close_circle(witness, coroutine)
        del witness, coroutine
        with pytest.warns(RuntimeWarning, match="coroutine 'sleep' was never awaited"):
            gc.collect()
        assert_collected(alive)

    def test_one_that_waits(self, names):
        witness = Witness()
        coroutine = names.sleep(0, witness)
        assert coroutine.send(None) is None
        alive = close_circle(witness, coroutine)
        del witness, coroutine
        assert_collected(alive)

    async def test_one_that_waits_in_start_serving(self, loop):
        witness = Witness()
        server = await loop.create_server(witness, "127.0.0.1", 0, start_serving=False)
        server.witness = witness
        coroutine = server.start_serving()
        alive = close_circle(witness, coroutine)
        assert coroutine.send(None) is None
        server.close()
        del witness, coroutine, server
        # The turn in which the server left the poller holds it.
        await asyncio.sleep(0)
        assert_collected(alive)


class Proto(asyncio.Protocol):
    """Keeps its transport, which keeps the protocol: the commonest cycle of all."""

    def connection_made(self, transport):
        self.transport = transport


class TestTransports:
    async def test_one_that_is_paused_and_forgotten(self, loop):
        ours, peer = socket.socketpair()
        transport, protocol = await loop.create_connection(Proto, sock=ours)
        transport.pause_reading()
        alive = weakref.ref(protocol)
        del transport, protocol, ours
        # The step that got the pair from an await holds it.
        await asyncio.sleep(0)
        assert unclosed_at_collection() == {"<socket", "transport"}
        assert alive() is None
        assert peer.recv(1) == b""
        peer.close()

    async def test_one_that_is_read_from_is_kept_by_the_loop(self, loop):
        ours, peer = socket.socketpair()
        transport, protocol = await loop.create_connection(Proto, sock=ours)
        alive = weakref.ref(protocol)
        del transport, protocol, ours
        gc.collect()
        assert alive() is not None
        peer.close()
        while alive() is not None:
            await asyncio.sleep(0)

    async def test_one_that_is_closed(self, loop):
        ours, peer = socket.socketpair()
        transport, protocol = await loop.create_connection(Proto, sock=ours)
        transport.own = transport
        transport.close()
        await asyncio.sleep(0)
        alive = [weakref.ref(protocol), weakref.ref(transport)]
        del transport, protocol, ours
        gc.collect()
        assert [ref() for ref in alive] == [None, None]
        peer.close()

    async def test_a_datagram_endpoint_that_is_paused_and_forgotten(self, loop):
        transport, protocol = await loop.create_datagram_endpoint(Proto, ("127.0.0.1", 0))
        transport.pause_reading()
        alive = weakref.ref(protocol)
        del transport, protocol
        await asyncio.sleep(0)
        assert unclosed_at_collection() == {"<socket", "transport"}
        assert alive() is None

    async def test_a_datagram_endpoint_that_is_closed(self, loop):
        transport, protocol = await loop.create_datagram_endpoint(Proto, ("127.0.0.1", 0))
        transport.own = transport
        transport.close()
        await asyncio.sleep(0)
        alive = [weakref.ref(protocol), weakref.ref(transport)]
        del transport, protocol
        gc.collect()
        assert [ref() for ref in alive] == [None, None]

    def test_the_addresses_of_queued_datagrams(self, names, tmp_path):
        class Path(str):
            pass

        loop = names.new_event_loop()
        address = Path(tmp_path / "s")
        address.loop = loop
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer:
            peer.bind(address)
            transport, protocol = loop.run_until_complete(
                loop.create_datagram_endpoint(Proto, family=socket.AF_UNIX)
            )
            while transport.get_write_buffer_size() == 0:
                transport.sendto(bytes(4096), address)
            alive = [weakref.ref(transport), weakref.ref(loop)]
            del loop, transport, protocol, address
            assert unclosed_at_collection() == {"event loop", "<socket", "transport"}
            gc.collect()
            assert [ref() for ref in alive] == [None, None]

    async def test_a_server_that_was_closed(self, loop):
        server = await loop.create_server(Proto, "127.0.0.1", 0)
        server.own = server
        server.close()
        alive = weakref.ref(server)
        del server
        await asyncio.sleep(0)
        assert_collected(alive)


def keep_in_ready_queue(loop, witness):
    loop.call_soon(witness, witness)


def keep_in_timers(loop, witness):
    loop.call_later(3600, witness, witness)


def keep_in_cancelled_timers(loop, witness):
    witness.timer = loop.call_later(3600, witness, witness)
    witness.timer.cancel()


def keep_in_handle(loop, witness):
    witness.handle = loop.call_soon(witness, witness)


def keep_in_timer_handle(loop, witness):
    witness.timer = loop.call_later(3600, witness, witness)


def keep_in_exception_handler(loop, witness):
    loop.set_exception_handler(witness)


def keep_in_task_factory(loop, witness):
    loop.set_task_factory(witness)


def keep_in_attributes(loop, witness):
    loop.witness = witness


def keep_in_reader(loop, witness):
    witness.sockets = socket.socketpair()
    loop.add_reader(witness.sockets[0], witness)


def keep_in_future(loop, witness):
    witness.future = loop.create_future()
    witness.future.add_done_callback(witness)


def keep_in_task_that_has_not_begun(loop, witness):
    async def main():
        raise AssertionError(witness)

    witness.coroutine = main()
    task = loop.create_task(witness.coroutine)
    task._log_destroy_pending = False


KEEPERS = [
    keep_in_ready_queue,
    keep_in_timers,
    keep_in_cancelled_timers,
    keep_in_handle,
    keep_in_timer_handle,
    keep_in_exception_handler,
    keep_in_task_factory,
    keep_in_attributes,
    keep_in_reader,
    keep_in_future,
]


class TestPipes:
    async def test_one_that_is_paused_and_forgotten(self, loop):
        read, write = os.pipe()
        transport, protocol = await loop.connect_read_pipe(Proto, io.FileIO(read, "rb"))
        transport.pause_reading()
        transport.own = transport
        alive = weakref.ref(protocol)
        del transport, protocol
        await asyncio.sleep(0)
        assert unclosed_at_collection() >= {"transport"}
        assert alive() is None
        with pytest.raises(BrokenPipeError):
            os.write(write, b"x")
        os.close(write)

    async def test_one_that_writes_to_a_device(self, loop):
        transport, protocol = await loop.connect_write_pipe(Proto, io.FileIO("/dev/null", "wb"))
        transport.own = transport
        alive = weakref.ref(protocol)
        del transport, protocol
        await asyncio.sleep(0)
        assert unclosed_at_collection() >= {"transport"}
        assert alive() is None

    async def test_closed_ones(self, loop):
        read, write = os.pipe()
        alive = []
        for connect, fd, mode in (
            (loop.connect_read_pipe, read, "rb"),
            (loop.connect_write_pipe, write, "wb"),
        ):
            transport, protocol = await connect(Proto, io.FileIO(fd, mode))
            transport.own = transport
            transport.close()
            alive += [weakref.ref(transport), weakref.ref(protocol)]
        del transport, protocol, connect
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        gc.collect()
        assert [ref() for ref in alive] == [None] * 4

    def test_a_watched_process_of_a_closed_loop(self, loop_factory):
        loop, witness = loop_factory(), Witness()
        process = subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE)
        watch = loop._watch_child(process.pid, witness)
        alive = close_circle(witness, watch, loop)
        assert watch.fileno() >= 0
        loop.close()
        assert watch.fileno() == -1
        assert watch.reap() is None
        del watch, witness, loop
        assert_collected(alive)
        process.stdin.close()
        assert process.wait() == 0


class TestLoops:
    @pytest.mark.parametrize("keep", KEEPERS)
    def test_one_that_was_never_closed(self, names, keep):
        loop, witness = names.new_event_loop(), Witness()
        keep(loop, witness)
        sockets = getattr(witness, "sockets", ())
        alive = [close_circle(witness, loop), weakref.ref(loop)]
        del loop, witness
        assert unclosed_at_collection() == {"event loop"}
        gc.collect()
        assert [ref() for ref in alive] == [None, None]
        for end in sockets:
            end.close()

    @pytest.mark.parametrize("keep", KEEPERS)
    def test_one_that_was_closed(self, names, keep):
        loop, witness = names.new_event_loop(), Witness()
        keep(loop, witness)
        sockets = getattr(witness, "sockets", ())
        alive = [close_circle(witness, loop), weakref.ref(loop)]
        loop.close()
        del loop, witness
        gc.collect()
        assert [ref() for ref in alive] == [None, None]
        for end in sockets:
            end.close()

    @pytest.mark.parametrize("keep", [keep_in_handle, keep_in_timer_handle])
    def test_a_handle_made_while_the_loop_ran(self, names, keep):
        loop, witness = names.new_event_loop(), Witness()
        loop.call_soon(loop.stop)
        loop.call_soon(keep, loop, witness)
        loop.run_forever()
        alive = [close_circle(witness, loop), weakref.ref(loop)]
        del loop, witness
        assert unclosed_at_collection() == {"event loop"}
        gc.collect()
        assert [ref() for ref in alive] == [None, None]

    def test_a_task_that_has_not_begun(self, names):
        loop, witness = names.new_event_loop(), Witness()
        keep_in_task_that_has_not_begun(loop, witness)
        alive = [close_circle(witness, loop), weakref.ref(loop)]
        del loop, witness
        with pytest.warns() as caught:
            gc.collect()
        assert {warning.category for warning in caught} == {ResourceWarning, RuntimeWarning}
        del caught
        gc.collect()
        assert [ref() for ref in alive] == [None, None]

    def test_an_open_connection(self, names):
        loop = names.new_event_loop()
        ours, peer = socket.socketpair()
        transport, protocol = loop.run_until_complete(loop.create_connection(Proto, sock=ours))
        protocol.loop = loop
        alive = [weakref.ref(protocol), weakref.ref(loop)]
        del loop, transport, protocol, ours
        assert unclosed_at_collection() == {"event loop", "<socket", "transport"}
        gc.collect()
        assert [ref() for ref in alive] == [None, None]
        assert peer.recv(1) == b""
        peer.close()

    @pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
    def test_a_connection_in_the_making(self, names):
        async def connect(witness, address):
            connecting = asyncio.get_running_loop().create_connection
            await connecting(Proto, *address, happy_eyeballs_delay=60)

        with full_backlog() as address:
            loop, witness = names.new_event_loop(), Witness()
            task = loop.create_task(connect(witness, address))
            task._log_destroy_pending = False
            loop.call_later(0.01, loop.stop)
            loop.run_forever()
            assert not task.done()
            alive = [close_circle(witness, loop), weakref.ref(loop)]
            del loop, witness, task
            assert "event loop" in unclosed_at_collection()
            gc.collect()
            assert [ref() for ref in alive] == [None, None]

    def test_a_subclass(self):
        import asyncioxide

        class Own(asyncioxide.EventLoop):
            pass

        loop = Own()
        loop.own = loop
        loop.close()
        alive = weakref.ref(loop)
        del loop
        assert_collected(alive)

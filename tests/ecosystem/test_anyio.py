"""anyio finds the root task, cancels through private fields, and shares work with threads."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading

import pytest

anyio = pytest.importorskip("anyio")
pytest.importorskip("anyio.from_thread")
pytest.importorskip("anyio.to_thread")

pytestmark = pytest.mark.timeout(60, method="thread")


@pytest.fixture
def run(names):
    """anyio.run on the implementation under test."""
    options = {"loop_factory": names.new_event_loop, "debug": False}
    yield functools.partial(anyio.run, backend="asyncio", backend_options=options)
    # The worker threads end by themselves, after the run.
    for thread in threading.enumerate():
        if thread.name.startswith("AnyIO"):
            thread.join()


class TestRootTask:
    def test_is_found_by_its_callback(self, run):
        from anyio._backends._asyncio import find_root_task

        async def main():
            main_task = asyncio.current_task()

            async def child():
                return find_root_task() is main_task

            return await asyncio.create_task(child()), find_root_task() is main_task

        assert run(main) == (True, True)

    def test_is_found_in_a_callback_of_the_loop(self, names):
        from anyio._backends._asyncio import find_root_task

        async def main():
            loop = asyncio.get_running_loop()
            found = loop.create_future()
            loop.call_soon(lambda: found.set_result(find_root_task()))
            return await found is asyncio.current_task()

        with asyncio.Runner(loop_factory=names.new_event_loop) as runner:
            assert runner.run(main())

    def test_worker_threads_end_with_it(self, run):
        async def main():
            return await anyio.to_thread.run_sync(threading.current_thread)

        worker = run(main)
        worker.join()
        assert not worker.is_alive()


class TestCancelling:
    def test_a_scope_that_times_out(self, run):
        async def main():
            with anyio.move_on_after(0.01) as scope:
                await anyio.sleep_forever()
            return scope.cancelled_caught

        assert run(main) is True

    def test_a_scope_is_cancelled_before_the_first_await(self, run):
        async def main():
            with anyio.CancelScope() as scope:
                scope.cancel()
                await anyio.sleep(0)
                raise AssertionError
            return scope.cancelled_caught, asyncio.current_task().cancelling()

        assert run(main) == (True, 0)

    def test_again_and_again_until_the_task_is_out(self, run):
        async def main():
            seen = []
            with anyio.CancelScope() as scope:
                scope.cancel()
                for _ in range(3):
                    try:
                        await anyio.sleep_forever()
                    except asyncio.CancelledError:
                        seen.append("again")
                await anyio.sleep(0)
            return seen

        assert run(main) == ["again"] * 3

    def test_a_shielded_scope_inside(self, run):
        async def main():
            with anyio.CancelScope() as outer:
                outer.cancel()
                with anyio.CancelScope(shield=True):
                    await anyio.sleep(0.001)
                    done = True
                await anyio.sleep(0)
            return done, outer.cancelled_caught

        assert run(main) == (True, True)

    def test_a_native_cancellation_goes_through(self, run):
        async def main():
            async def child():
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.sleep_forever)
                    await anyio.sleep_forever()

            task = asyncio.create_task(child())
            await anyio.wait_all_tasks_blocked()
            task.cancel("why")
            with pytest.raises(asyncio.CancelledError):
                await task
            return task.cancelled()

        assert run(main) is True

    def test_fail_after(self, run):
        async def main():
            with pytest.raises(TimeoutError), anyio.fail_after(0.01):
                await anyio.Event().wait()

        run(main)


class TestTasks:
    def test_a_group_collects_exceptions(self, run):
        async def fail(error):
            raise error

        async def main():
            with pytest.raises(ExceptionGroup) as caught:
                async with anyio.create_task_group() as group:
                    group.start_soon(fail, ValueError("one"))
                    group.start_soon(fail, LookupError("two"))
            return sorted(type(each).__name__ for each in caught.value.exceptions)

        assert run(main) == ["LookupError", "ValueError"]

    def test_start_waits_for_started(self, run):
        async def serve(*, task_status):
            task_status.started("ready")
            await anyio.sleep_forever()

        async def main():
            async with anyio.create_task_group() as group:
                value = await group.start(serve)
                group.cancel_scope.cancel()
            return value

        assert run(main) == "ready"

    def test_all_blocked_is_seen(self, run):
        async def main():
            event, seen = anyio.Event(), []

            async def wait():
                await event.wait()
                seen.append("woken")

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(wait)
                await anyio.wait_all_tasks_blocked()
                assert event.statistics().tasks_waiting == 3
                event.set()
            return seen

        assert run(main) == ["woken"] * 3

    def test_task_info(self, run):
        async def main():
            info = anyio.get_current_task()
            return info.name, info.has_pending_cancellation(), len(anyio.get_running_tasks())

        name, pending, count = run(main)
        assert "main" in name
        assert (pending, count) == (False, 1)


class TestThreads:
    def test_from_thread(self, run):
        async def main():
            def work():
                return anyio.from_thread.run(asyncio.sleep, 0, "slept"), anyio.from_thread.run_sync(
                    threading.get_ident
                )

            return await anyio.to_thread.run_sync(work), threading.get_ident()

        (slept, ident), expected = run(main)
        assert (slept, ident) == ("slept", expected)

    def test_a_blocking_portal(self, names):
        options = {"loop_factory": names.new_event_loop}
        with anyio.from_thread.start_blocking_portal("asyncio", options) as portal:
            assert portal.call(asyncio.sleep, 0, "slept") == "slept"
            future = portal.start_task_soon(anyio.sleep_forever)
            future.cancel()
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(10)

    def test_cancelling_an_abandoned_call(self, run):
        release = threading.Event()

        async def main():
            with anyio.move_on_after(0.01):
                await anyio.to_thread.run_sync(release.wait, abandon_on_cancel=True)
            release.set()

        run(main)


class TestStreams:
    def test_tcp(self, run):
        async def main():
            async def serve(stream):
                async with stream:
                    async for data in stream:
                        await stream.send(data.upper())

            listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
            port = listener.extra(anyio.abc.SocketAttribute.local_port)
            async with listener, anyio.create_task_group() as group:
                group.start_soon(listener.serve, serve)
                async with await anyio.connect_tcp("127.0.0.1", port) as stream:
                    await stream.send(b"hello")
                    assert await stream.receive() == b"HELLO"
                    await stream.send_eof()
                    with pytest.raises(anyio.EndOfStream):
                        await stream.receive()
                group.cancel_scope.cancel()

        run(main)

    def test_much_to_a_slow_reader(self, run):
        data = bytes(range(256)) * 20_000

        async def main():
            left, right = socket.socketpair()
            left.setblocking(False)
            right.setblocking(False)
            received = bytearray()

            async with anyio.create_task_group() as group:

                async def read():
                    loop = asyncio.get_running_loop()
                    with right:
                        while chunk := await loop.sock_recv(right, 4096):
                            received.extend(chunk)

                group.start_soon(read)
                send = asyncio.get_running_loop().sock_sendall
                with left:
                    await send(left, data)
            return bytes(received)

        assert run(main) == data

    def test_waiting_for_a_socket(self, run):
        async def main():
            left, right = socket.socketpair()
            with left, right:
                left.setblocking(False)
                await anyio.wait_writable(left)
                async with anyio.create_task_group() as group:
                    group.start_soon(anyio.wait_readable, left)
                    await anyio.wait_all_tasks_blocked()
                    right.send(b"x")
                return left.recv(1)

        assert run(main) == b"x"

    def test_closing_wakes_who_waits(self, run):
        async def main():
            left, right = socket.socketpair()
            with left, right:

                async def wait():
                    with pytest.raises(anyio.ClosedResourceError):
                        await anyio.wait_readable(left)

                async with anyio.create_task_group() as group:
                    group.start_soon(wait)
                    await anyio.wait_all_tasks_blocked()
                    anyio.notify_closing(left)

        run(main)


class TestSignals:
    def test_are_received(self, run):
        async def main():
            with anyio.open_signal_receiver(signal.SIGUSR1, signal.SIGUSR2) as signals:
                os.kill(os.getpid(), signal.SIGUSR1)
                async for number in signals:
                    return number

        assert run(main) == signal.SIGUSR1
        assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_its_pytest_plugin(tmp_path, loop_kind):
    """A test file of a user's, with the loop chosen by anyio's own fixture."""
    factory = "asyncio.new_event_loop" if loop_kind == "asyncio" else "asyncioxide.new_event_loop"
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(f"""
            import asyncio
            import anyio, asyncioxide, pytest

            @pytest.fixture(params=[("asyncio", {{"loop_factory": {factory}}})])
            def anyio_backend(request):
                return request.param

            @pytest.fixture
            async def resource():
                async with anyio.create_task_group() as group:
                    yield type(asyncio.get_running_loop()).__module__
                    group.cancel_scope.cancel()

            @pytest.mark.anyio
            async def test_passes(resource):
                await anyio.sleep(0)
                assert resource.startswith({loop_kind!r})

            @pytest.mark.anyio
            async def test_reports_a_lost_error():
                def fail():
                    raise ValueError("in a callback")
                asyncio.get_running_loop().call_soon(fail)
                await anyio.sleep(0)
                await anyio.sleep(0)
        """)
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "in a callback" in done.stdout

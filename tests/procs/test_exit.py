"""How the end of a process is learnt and told: order, signals, other reapers, closing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import sys
import threading
import weakref
from asyncio.subprocess import DEVNULL, PIPE

import pytest
from harness.processes import refuse_descriptors

READ_A_LINE = "read line; exit 7"


class Events(asyncio.SubprocessProtocol):
    """Notes every call in order, and closes the transport at the end."""

    def __init__(self):
        self.calls = []
        self.data = {1: b"", 2: b""}
        loop = asyncio.get_running_loop()
        self.exited = loop.create_future()
        self.lost = loop.create_future()

    def connection_made(self, transport):
        self.transport = transport
        self.calls.append("connection_made")

    def pipe_data_received(self, fd, data):
        self.data[fd] += data
        if self.calls[-1] != f"data {fd}":
            self.calls.append(f"data {fd}")

    def pipe_connection_lost(self, fd, exc):
        self.calls.append(f"lost {fd}")

    def process_exited(self):
        self.calls.append("process_exited")
        self.exited.set_result(None)

    def connection_lost(self, exc):
        self.calls.append("connection_lost")
        self.lost.set_result(exc)
        self.transport.close()
        self.transport = None


@pytest.fixture(params=["descriptor", "thread"])
def watching(request, monkeypatch, loop_kind):
    """Watches processes by a process descriptor, or, where there are none, by a thread."""
    if request.param == "thread":
        if loop_kind == "asyncio":
            pytest.skip("asyncio chooses its watcher once")
        refuse_descriptors(monkeypatch)
    return request.param


class TestOrder:
    async def test_everything_comes_before_process_exited(self, loop, watching, names):
        script = "echo out; echo err >&2; exit 3"
        for _ in range(20):
            transport, protocol = await loop.subprocess_shell(Events, script, stdin=None)
            await protocol.lost
            assert transport.get_returncode() == 3
            assert protocol.data == {1: b"out\n", 2: b"err\n"}
            assert protocol.calls[0] == "connection_made"
            assert protocol.calls[-1] == "connection_lost"
            if not names.is_stock:
                exited = protocol.calls.index("process_exited")
                assert {"data 1", "data 2"} <= set(protocol.calls[:exited])

    async def test_a_full_pipe_comes_before_process_exited(self, loop, watching, names):
        if names.is_stock:
            pytest.skip("asyncio calls process_exited first when the process is quick")
        script = "head -c 60000 /dev/zero"
        for _ in range(20):
            _, protocol = await loop.subprocess_shell(Events, script, stdin=None, stderr=None)
            await protocol.exited
            assert len(protocol.data[1]) == 60000
            await protocol.lost

    async def test_a_grandchild_does_not_hold_the_news_back(self, loop):
        # It inherits stdout, and writes without end.
        script = "(while :; do echo noise; done) & exit 4"
        transport, protocol = await loop.subprocess_shell(Events, script, stdin=None, stderr=None)
        await protocol.exited
        assert transport.get_returncode() == 4
        assert "connection_lost" not in protocol.calls
        # Without a reader it ends by itself: SIGPIPE.
        transport.close()
        await protocol.lost

    async def test_a_paused_reader_does_not_hold_the_news_back(self, loop):
        class Pauses(Events):
            def connection_made(self, transport):
                super().connection_made(transport)
                transport.get_pipe_transport(1).pause_reading()

        transport, protocol = await loop.subprocess_shell(
            Pauses, "read line; echo late", stderr=None
        )
        transport.get_pipe_transport(0).write(b"go\n")
        await protocol.exited
        assert protocol.data[1] == b""
        transport.get_pipe_transport(1).resume_reading()
        await protocol.lost
        assert protocol.data[1] == b"late\n"

    async def test_wait_from_many_sides(self, loop, watching):
        process = await asyncio.create_subprocess_shell(READ_A_LINE, stdin=PIPE)
        waiting = [loop.create_task(process.wait()) for _ in range(5)]
        await asyncio.sleep(0)
        process.stdin.write(b"\n")
        assert await asyncio.gather(*waiting) == [7] * 5
        assert await process.wait() == 7

    async def test_the_popen_knows(self, loop, watching):
        process = await asyncio.create_subprocess_shell(READ_A_LINE, stdin=PIPE)
        popen = process._transport.get_extra_info("subprocess")
        assert popen.returncode is None
        process.stdin.write(b"\n")
        assert await process.wait() == 7
        assert popen.returncode == 7


class TestSignals:
    @pytest.mark.parametrize(
        ("method", "number"), [("kill", signal.SIGKILL), ("terminate", signal.SIGTERM)]
    )
    async def test_kill_and_terminate(self, loop, watching, method, number):
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
        getattr(process, method)()
        assert await process.wait() == -number

    async def test_send_signal(self, loop, watching):
        process = await asyncio.create_subprocess_shell(
            "trap 'exit 9' USR1; echo ready; while :; do sleep 0.01; done", stdout=PIPE
        )
        assert await process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGUSR1)
        assert await process.wait() == 9

    async def test_a_wrong_signal(self, loop):
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
        with pytest.raises(OSError, match="Invalid argument"):
            process.send_signal(12345)
        with pytest.raises(TypeError, match="str"):
            process.send_signal("SIGTERM")
        process.kill()
        await process.wait()

    async def test_after_the_end_nothing_is_signalled(self, loop, watching, monkeypatch):
        process = await asyncio.create_subprocess_exec("/bin/true")
        await process.wait()
        await asyncio.sleep(0)
        signalled = []
        monkeypatch.setattr(os, "kill", lambda *args: signalled.append(args))
        for method in (process.kill, process.terminate, lambda: process.send_signal(0)):
            with contextlib.suppress(ProcessLookupError):
                method()
        assert signalled == []

    async def test_a_whole_group(self, loop):
        process = await asyncio.create_subprocess_shell(
            "sleep 1000 & wait", stdout=PIPE, start_new_session=True
        )
        os.killpg(process.pid, signal.SIGKILL)
        assert await process.wait() == -signal.SIGKILL
        # The sleeper had the pipe too.
        assert await process.stdout.read() == b""

    async def test_a_number_that_is_somebody_elses_is_left_alone(
        self, loop, watching, names, monkeypatch, log
    ):
        """Whoever has the number of a child that another reaper took gets no signal."""
        if names.is_stock:
            pytest.skip("asyncio signals the number")
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
        process.kill()
        os.waitpid(process.pid, 0)
        signalled: list[object] = []
        monkeypatch.setattr(os, "kill", lambda *args: signalled.append(args))
        process.kill()
        process.send_signal(signal.SIGTERM)
        assert signalled == []
        assert await process.wait() == 255


class TestOtherReapers:
    async def test_somebody_elses_wait_gives_255_and_a_warning(self, loop, watching, log, names):
        if names.is_stock and sys.version_info < (3, 12):
            pytest.skip("asyncio's thread of 3.11 reaps too, and may be first")
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
        ready = threading.Event()

        def steal():
            ready.set()
            os.waitpid(process.pid, 0)

        thief = threading.Thread(target=steal)
        thief.start()
        ready.wait()
        # Held up here, the loop finds the process reaped.
        process.kill()
        thief.join()
        assert await process.wait() == 255
        assert len(log.messages()) == 1
        assert f"child process pid {process.pid}" in log.messages()[0]
        assert "will report returncode 255" in log.messages()[0]

    async def test_the_users_own_poll_is_believed(self, loop, watching, names):
        if names.is_stock:
            pytest.skip("asyncio reports 255")
        process = await asyncio.create_subprocess_shell("exit 6", stdin=PIPE)
        popen = process._transport.get_extra_info("subprocess")
        assert await asyncio.to_thread(popen.wait) == 6
        assert await process.wait() == 6

    async def test_foreign_children_are_left_alone(self, loop, watching):
        foreign = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 5"], {})
        os.waitid(os.P_PID, foreign, os.WEXITED | os.WNOWAIT)
        process = await asyncio.create_subprocess_exec("/bin/true")
        assert await process.wait() == 0
        _, status = os.waitpid(foreign, 0)
        assert os.waitstatus_to_exitcode(status) == 5

    async def test_ignored_sigchld_is_no_error(self, loop, log, names):
        if names.is_stock:
            pytest.skip("depends on the watcher")
        before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        try:
            process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
            process.stdin.close()
            assert await process.wait() == 255
        finally:
            signal.signal(signal.SIGCHLD, before)
        assert len(log.messages()) == 1

    async def test_no_signal_handler_is_installed(self, loop):
        before = signal.getsignal(signal.SIGCHLD)
        process = await asyncio.create_subprocess_exec("/bin/true")
        await process.wait()
        assert signal.getsignal(signal.SIGCHLD) is before


class _HeldZombie:
    """A watch that fires for a process that cannot be reaped, as when a debugger has it."""

    def __init__(self, watch):
        self.watch = watch
        self.is_closed = False

    def reap(self):
        return None

    def fileno(self):
        return self.watch.fileno()

    def close(self):
        self.is_closed = True
        self.watch.close()


class TestWithoutDescriptors:
    @pytest.mark.only("asyncioxide")
    async def test_an_end_that_cannot_be_reaped_is_left_to_a_thread(self, loop):
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
        transport = process._transport
        transport._watch = held = _HeldZombie(transport._watch)
        process.stdin.close()
        async with asyncio.timeout(10):
            assert await process.wait() == 0
        assert held.is_closed

    @pytest.mark.only("asyncioxide")
    @pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS, errno.EMFILE])
    async def test_whatever_refuses_them(self, loop, monkeypatch, error):
        refuse_descriptors(monkeypatch, error)
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
        assert any(thread.name.startswith("asyncio-waitpid-") for thread in threading.enumerate())
        out, _ = await process.communicate(b"text")
        assert (out, process.returncode) == (b"text", 0)

    @pytest.mark.only("asyncioxide")
    async def test_no_thread_either(self, loop, monkeypatch):
        refuse_descriptors(monkeypatch)

        def refused(self):
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)

    @pytest.mark.only("asyncioxide")
    def test_a_closed_loop_leaves_the_thread_to_reap(self, loop_factory, monkeypatch, log):
        refuse_descriptors(monkeypatch)
        loop = loop_factory()
        transport, protocol = loop.run_until_complete(
            loop.subprocess_exec(Events, "/bin/cat", stdout=None, stderr=None)
        )
        pid = transport.get_pid()
        protocol.transport = None
        loop.close()
        os.kill(pid, signal.SIGKILL)
        for thread in threading.enumerate():
            if thread.name.startswith("asyncio-waitpid-"):
                thread.join()
        assert any("that handles pid" in text for text in log.messages())
        with pytest.warns(ResourceWarning):
            del transport, protocol
            gc.collect()


class TestClosing:
    async def test_close_kills(self, loop, watching, log):
        transport, protocol = await loop.subprocess_exec(Events, "/bin/cat")
        transport.close()
        transport.close()
        assert transport.is_closing()
        await protocol.lost
        assert transport.get_returncode() == -signal.SIGKILL

    async def test_close_does_not_wait_for_grandchildren(self, loop):
        transport, protocol = await loop.subprocess_shell(
            Events, "sleep 1000 & echo $!; wait", stderr=None
        )
        while b"\n" not in protocol.data[1]:
            await asyncio.sleep(0)
        transport.close()
        await protocol.lost
        os.kill(int(protocol.data[1]), signal.SIGKILL)

    async def test_dropped_it_is_watched_to_its_end(self, loop, watching):
        """The loop keeps a transport whose process it watches, and the protocol with it."""
        transport, protocol = await loop.subprocess_exec(Events, "/bin/cat")
        pid, lost, kept = transport.get_pid(), protocol.lost, weakref.ref(transport)
        del transport, protocol
        gc.collect()
        assert kept() is not None
        os.kill(pid, signal.SIGKILL)
        assert await lost is None
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)

    def test_a_loop_closed_with_living_children(self, loop_factory, names):
        if names.is_stock:
            pytest.skip("asyncio leaves descriptors, or fails in __del__")
        loop = loop_factory()
        transport, protocol = loop.run_until_complete(
            loop.subprocess_exec(Events, "/bin/cat", stderr=DEVNULL)
        )
        popen = transport.get_extra_info("subprocess")
        loop.close()
        assert popen.poll() is None
        protocol.transport = None
        # The transport of the process, and those of its two pipes.
        with pytest.warns(ResourceWarning, match="unclosed transport") as warned:
            del transport, protocol
            gc.collect()
        assert len(warned) == 3
        assert popen.returncode == -signal.SIGKILL
        assert popen.stdin.closed
        assert popen.stdout.closed

    def test_signals_and_closing_on_a_closed_loop(self, loop_factory, names):
        if names.is_stock:
            pytest.skip("asyncio raises from close()")
        loop = loop_factory()
        transport, _ = loop.run_until_complete(
            loop.subprocess_exec(Events, "/bin/sleep", "1000", stdin=None, stdout=None, stderr=None)
        )
        loop.close()
        transport.send_signal(0)
        transport.close()
        transport.close()
        assert transport.get_extra_info("subprocess").returncode == -signal.SIGKILL


class TestCancelling:
    @pytest.mark.parametrize("turns", range(12))
    async def test_create_subprocess_at_every_point(self, loop, turns, log):
        async def create():
            process = await asyncio.create_subprocess_exec(
                "/bin/cat", stdin=PIPE, stdout=PIPE, stderr=PIPE
            )
            process.kill()
            await process.wait()
            return "created"

        task = loop.create_task(create())
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError) or outcome == "created"
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        await all_children_reaped()

    @pytest.mark.parametrize("turns", range(6))
    async def test_create_subprocess_twice(self, loop, turns, watching):
        task = loop.create_task(
            asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE, stderr=PIPE)
        )
        await asyncio.sleep(0)
        task.cancel()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while len(asyncio.all_tasks()) > 1:
            await asyncio.sleep(0)
        await all_children_reaped()

    @pytest.mark.parametrize("turns", range(6))
    def test_all_tasks_at_once(self, loop_factory, names, turns):
        """As `asyncio.run` does at its end: the task that connects the pipes is cancelled too."""
        if names.is_stock:
            pytest.skip("asyncio waits for ever, or leaves descriptors")
        loop = loop_factory()

        async def main():
            task = loop.create_task(
                asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE, stderr=PIPE)
            )
            for _ in range(turns):
                await asyncio.sleep(0)
            del task

        loop.run_until_complete(main())
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        if not left:
            # It was created, and nobody has it.
            loop.run_until_complete(kill_all_children())
        del left
        loop.run_until_complete(all_children_reaped())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def test_wait_and_communicate(self, loop):
        process = await asyncio.create_subprocess_exec(
            "/bin/sleep", "1000", stdin=PIPE, stdout=PIPE
        )
        for waiting in (process.wait(), process.communicate(b"x" * 1000)):
            task = loop.create_task(waiting)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        process.kill()
        assert await process.wait() == -signal.SIGKILL


async def all_children_reaped():
    while True:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            break
        await asyncio.sleep(0.001)
    # The threads of stock asyncio reap first and tell the loop afterwards, which must be open then.
    while any(thread.name.startswith("waitpid-") for thread in threading.enumerate()):
        await asyncio.sleep(0.001)


async def kill_all_children():
    me = os.getpid()
    with open(f"/proc/{me}/task/{me}/children") as file:
        for pid in file.read().split():
            os.kill(int(pid), signal.SIGKILL)


class TestObject:
    async def test_repr_and_info(self, loop, names):
        transport, protocol = await loop.subprocess_exec(Events, "/bin/cat", stderr=None)
        assert isinstance(transport, asyncio.SubprocessTransport)
        assert repr(transport).split(" ", 1)[1].startswith(f"pid={transport.get_pid()} running")
        assert "stdin=<" in repr(transport)
        assert transport.get_returncode() is None
        assert transport.get_pipe_transport(2) is None
        assert isinstance(transport.get_pipe_transport(0), asyncio.WriteTransport)
        assert isinstance(transport.get_pipe_transport(1), asyncio.ReadTransport)
        assert transport.get_protocol() is protocol
        transport.close()
        await protocol.lost
        assert "closed" in repr(transport)
        assert "returncode=-9" in repr(transport)

    async def test_debug_mode_logs_it(self, loop, log):
        loop.set_debug(True)
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE)
        process.stdin.close()
        await process.wait()
        texts = log.messages(10)
        assert "execute program '/bin/cat' stdin=<pipe>" in texts
        assert f"process '/bin/cat' created: pid {process.pid}" in texts
        assert any(text.endswith("exited with return code 0") for text in texts)


class TestThreads:
    def test_loops_in_other_threads_spawn(self, loop_factory):
        results = []

        def run(number):
            async def main():
                process = await asyncio.create_subprocess_shell(
                    f"echo {number}; exit {number}", stdout=PIPE
                )
                out, _ = await process.communicate()
                results.append((number, int(out), process.returncode))

            loop = loop_factory()
            asyncio.set_event_loop(loop)
            for _ in range(5):
                loop.run_until_complete(main())
            asyncio.set_event_loop(None)
            loop.close()

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(results) == [(number, number, number) for number in range(4) for _ in "12345"]


if sys.version_info < (3, 12):

    @pytest.fixture(autouse=True)
    def child_watcher_of_stock(loop_kind):
        """Stock asyncio of 3.11 wants one; the threaded one works for every loop."""
        if loop_kind == "asyncio":
            asyncio.get_child_watcher()

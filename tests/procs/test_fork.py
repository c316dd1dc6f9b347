"""Forked children: what they may do with an inherited loop, and that the parent does not notice."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from harness.child import PATIENCE_S, run_child

# A child writes what it found into the pipe and is gone; the parent reads it.
_FORK = """
import gc, os, signal, socket, threading, time, warnings
warnings.simplefilter("ignore", DeprecationWarning)

def in_child(body):
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.close(read)
            text = repr(body())
        except BaseException as error:
            text = f"{type(error).__name__}: {error}"
        try:
            os.write(write, text.encode())
        finally:
            os._exit(0)
    os.close(write)
    with open(read) as file:
        text = file.read()
    os.waitpid(pid, 0)
    return text

def attempt(call):
    try:
        return call()
    except RuntimeError as error:
        return str(error)
"""

TEXT = (
    "This event loop is that of the process which this one was forked from: "
    "use asyncio.run() or a new event loop here"
)


def run(kind, program, *options):
    done = run_child(kind, _FORK + textwrap.dedent(program), *options)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout.splitlines()


class TestInherited:
    def test_a_running_loop_is_not_running_in_the_child(self, loop_kind):
        program = """
        async def main():
            print(in_child(asyncio.get_running_loop))

        loop = new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        """
        assert run(loop_kind, program) == ["RuntimeError: no running event loop"]

    @pytest.mark.only("asyncioxide")
    def test_a_failure_with_one_loop_leaves_none_of_the_others(self, loop_kind):
        program = """
        loops = [new_event_loop() for _ in range(3)]
        reported = []
        sys.unraisablehook = lambda report: reported.append(type(report.exc_value).__name__)

        def refuse(*args, **kwargs):
            raise OSError("no")

        def uses():
            return [attempt(loop.stop) or attempt(lambda: loop.call_soon(print)) for loop in loops]

        before, signal.set_wakeup_fd = signal.set_wakeup_fd, refuse
        print(in_child(lambda: (set(uses()), set(reported))))
        signal.set_wakeup_fd = before
        for loop in loops:
            loop.close()
        """
        assert run(loop_kind, program) == [repr(({TEXT}, {"OSError"}))]

    @pytest.mark.only("asyncioxide")
    @pytest.mark.parametrize("when", ["running", "idle"])
    def test_every_use_is_refused_with_advice(self, loop_kind, when):
        program = (
            f"""
        WHEN = {when!r}
        """
            + """
        loop = new_event_loop()
        read, write = os.pipe()

        def uses():
            coroutine = asyncio.sleep(0)
            future = loop.create_future()
            calls = [
                loop.run_forever,
                lambda: loop.run_until_complete(future),
                lambda: loop.call_soon(print),
                lambda: loop.call_soon_threadsafe(print),
                lambda: loop.call_later(0, print),
                lambda: loop.call_at(0, print),
                lambda: loop.create_task(coroutine),
                lambda: loop.add_reader(read, print),
                lambda: loop.add_writer(write, print),
                lambda: loop.add_signal_handler(signal.SIGUSR1, print),
                lambda: loop.run_in_executor(None, print),
            ]
            texts = {attempt(call) for call in calls}
            coroutine.close()
            harmless = [
                loop.remove_reader(read), loop.is_running(), loop.is_closed(), loop.stop(),
                loop.close(), loop.close(), loop.get_debug(), loop.time() > 0,
            ]
            return texts, harmless

        async def main():
            print(in_child(uses))

        loop.add_reader(read, print)
        if WHEN == "running":
            loop.run_until_complete(main())
        else:
            print(in_child(uses))
        assert loop.remove_reader(read)
        loop.close()
        """
        )
        harmless = [False, False, True, None, None, None, False, True]
        assert run(loop_kind, program) == [repr(({TEXT}, harmless))]

    @pytest.mark.only("asyncioxide")
    def test_going_on_with_the_parents_run_ends_it(self, loop_kind):
        program = """
        ran = []

        async def main():
            asyncio.get_running_loop().call_soon(ran.append, "callback")
            return os.fork()

        loop = new_event_loop()
        parent = os.getpid()
        try:
            pid = loop.run_until_complete(main())
        except RuntimeError as error:
            text = f"{error} {ran}"
        if os.getpid() != parent:
            print(text, flush=True)
            os._exit(0)
        os.waitpid(pid, 0)
        print(ran)
        loop.close()
        """
        assert run(loop_kind, program) == [f"{TEXT} []", "['callback']"]

    def test_the_child_runs_a_loop_of_its_own(self, loop_kind):
        program = """
        async def child():
            reader, writer = await asyncio.open_connection(sock=ours)
            writer.write(b"from the child")
            await writer.drain()
            writer.close()
            await asyncio.sleep(0.001)
            return await asyncio.get_running_loop().run_in_executor(None, os.getpid) == os.getpid()

        def run_it():
            loop = new_event_loop()
            try:
                return loop.run_until_complete(child())
            finally:
                loop.run_until_complete(loop.shutdown_default_executor())
                loop.close()

        async def main():
            print(in_child(run_it))
            await asyncio.sleep(0.001)
            print(theirs.recv(100))

        ours, theirs = socket.socketpair()
        loop = new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        """
        assert run(loop_kind, program) == ["True", "b'from the child'"]

    def test_the_child_runs_asyncios_own_tasks(self, loop_kind):
        program = """
        async def child():
            await asyncio.sleep(0)
            return asyncio.current_task() is not None

        def run_it():
            loop = new_event_loop()
            loop.set_task_factory(lambda loop, coro, **kwargs: asyncio.Task(coro, loop=loop))
            try:
                return loop.run_until_complete(child())
            finally:
                loop.close()

        async def main():
            print(in_child(run_it))

        loop = new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        """
        assert run(loop_kind, program) == ["True"]

    @pytest.mark.only("asyncioxide")
    def test_a_fork_in_another_thread(self, loop_kind):
        program = """
        loop = new_event_loop()
        running = threading.Event()

        def work():
            running.wait()
            print(in_child(lambda: attempt(lambda: loop.call_soon_threadsafe(print))))
            loop.call_soon_threadsafe(loop.stop)

        thread = threading.Thread(target=work)
        thread.start()
        loop.call_soon(running.set)
        loop.run_forever()
        thread.join()
        loop.close()
        """
        assert run(loop_kind, program) == [repr(TEXT)]

    @pytest.mark.only("asyncioxide")
    def test_it_is_dropped_without_a_warning(self, loop_kind):
        program = """
        loop = new_event_loop()

        def drop():
            global loop
            del loop
            gc.collect()
            return "dropped"

        print(in_child(drop))
        loop.close()
        """
        assert run(loop_kind, program, "-W", "always::ResourceWarning") == ["'dropped'"]

    @pytest.mark.only("asyncioxide")
    def test_the_childs_copies_of_the_descriptors_are_closed(self, loop_kind):
        program = """
        def count():
            return len(os.listdir("/proc/self/fd"))

        before = count()
        loops = [new_event_loop() for _ in range(10)]
        # The pipe of the report is open in the child.
        print(int(in_child(count)) - before)
        for loop in loops:
            loop.close()
        """
        assert run(loop_kind, program) == ["1"]


# The child does what harm it can with all that the parent has open.
_WRECK = """
class Recorder(asyncio.Protocol):
    def __init__(self):
        self.got = asyncio.get_running_loop().create_future()
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.got.set_result(data)

    def connection_lost(self, exc):
        self.lost.set_result(exc)

async def main():
    loop = asyncio.get_running_loop()
    signals = []
    loop.add_signal_handler(signal.SIGUSR1, signals.append, 1)
    ours, theirs = socket.socketpair()
    transport, protocol = await loop.create_connection(Recorder, sock=ours)
    read, write = os.pipe()
    pipe, pipe_protocol = await loop.connect_read_pipe(Recorder, open(read, "rb", 0))
    watched_read, watched_write = os.pipe()
    readable = loop.create_future()

    def on_readable():
        loop.remove_reader(watched_read)
        readable.set_result("readable")

    loop.add_reader(watched_read, on_readable)
    timer = loop.create_future()
    loop.call_later(0.05, timer.set_result, "timer")
    process = await asyncio.create_subprocess_exec("/bin/cat", stdin=-1)
    transport.write(b"once ")
    transport.write(b"only")

    def wreck():
        os.kill(os.getpid(), signal.SIGUSR1)
        loop.remove_reader(watched_read)
        for call in (
            transport.close, transport.abort, pipe.close, process._transport.close,
            lambda: transport.write(b"from the child"), loop.close,
        ):
            attempt(call)
        gc.collect()
        return "wrecked"

    print(in_child(wreck))
    threading.Thread(target=loop.call_soon_threadsafe, args=(print, "thread")).start()
    theirs.sendall(b"data")
    os.write(write, b"pipe")
    os.write(watched_write, b"x")
    print(await protocol.got, await pipe_protocol.got, await readable, await timer)
    print(theirs.recv(100))
    process.stdin.close()
    print(await process.wait(), signals)
    os.kill(os.getpid(), signal.SIGUSR1)
    while not signals:
        await asyncio.sleep(0)
    loop.remove_signal_handler(signal.SIGUSR1)
    transport.close()
    pipe.close()
    await protocol.lost
    await pipe_protocol.lost

loop = new_event_loop()
loop.run_until_complete(main())
loop.close()
"""


class TestParent:
    @pytest.mark.only("asyncioxide")
    def test_does_not_notice_what_the_child_does(self, loop_kind):
        """The child closes, removes, drops and signals all it has; the parent goes on."""
        assert run(loop_kind, _WRECK) == [
            "'wrecked'",
            "thread",
            "b'data' b'pipe' readable timer",
            "b'once only'",
            "0 []",
        ]

    def test_a_signal_of_the_childs_does_not_reach_it(self, loop_kind):
        if loop_kind == "asyncio" and sys.version_info < (3, 12):
            pytest.skip("asyncio of 3.11 passes it on")
        program = """
        async def main():
            loop = asyncio.get_running_loop()
            called = []
            loop.add_signal_handler(signal.SIGTERM, called.append, 1)
            print(in_child(lambda: os.kill(os.getpid(), signal.SIGTERM)))
            for _ in range(10):
                await asyncio.sleep(0.001)
            print(called)
            loop.remove_signal_handler(signal.SIGTERM)

        loop = new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        """
        assert run(loop_kind, program) == ["None", "[]"]

    @pytest.mark.only("asyncioxide")
    def test_a_preexec_fn_cannot_use_its_loop(self, loop_kind):
        program = """
        import subprocess

        async def main():
            loop = asyncio.get_running_loop()
            try:
                await asyncio.create_subprocess_exec(
                    "/bin/true", preexec_fn=lambda: loop.call_soon_threadsafe(print, "no")
                )
            except subprocess.SubprocessError as error:
                print(error)
            print(loop.is_running())

        loop = new_event_loop()
        loop.run_until_complete(main())
        loop.close()
        """
        assert run(loop_kind, program) == ["Exception occurred in preexec_fn.", "True"]


_MULTIPROCESSING = """
import asyncio, multiprocessing, os, sys, warnings
from concurrent.futures import ProcessPoolExecutor

warnings.simplefilter("ignore", DeprecationWarning)
if sys.argv[1] == "asyncio":
    from asyncio import new_event_loop
else:
    from asyncioxide import new_event_loop


def run(main):
    loop = new_event_loop()
    try:
        return loop.run_until_complete(main)
    finally:
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()


async def double(number):
    await asyncio.sleep(0.001)
    return number * 2


def work(number):
    return run(double(number))


def report(number, queue):
    queue.put(work(number))


async def main(context):
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        jobs = [loop.run_in_executor(pool, work, number) for number in range(6)]
        print(await asyncio.gather(*jobs))
    queue = context.SimpleQueue()
    process = context.Process(target=report, args=(21, queue))
    process.start()
    await asyncio.to_thread(process.join)
    print(queue.get(), process.exitcode)
    await asyncio.sleep(0.001)


if __name__ == "__main__":
    run(main(multiprocessing.get_context(sys.argv[2])))
"""


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(loop_kind, tmp_path, method):
    path = tmp_path / "program.py"
    path.write_text(_MULTIPROCESSING)
    done = subprocess.run(
        [sys.executable, path, loop_kind, method],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.stderr == ""
    assert done.stdout == "[0, 2, 4, 6, 8, 10]\n42 0\n"

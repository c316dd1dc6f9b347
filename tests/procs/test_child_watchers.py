"""A child watcher that the program has set learns how its processes end, on Python up to 3.13."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import warnings
from asyncio.subprocess import PIPE
from unittest import mock

import asyncioxide
import pytest

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 14), reason="gone since Python 3.14")


@pytest.fixture(autouse=True)
def without_deprecations():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@pytest.fixture
def set_watcher():
    """`asyncio.set_child_watcher`, undone at the end."""
    yield asyncio.set_child_watcher
    asyncio.get_event_loop_policy()._watcher = None


@pytest.fixture
def telling():
    """Makes a `Telling` that asyncio takes."""
    # Its base warns of the class, from 3.12 on.
    return type("Watcher", (Telling, asyncio.AbstractChildWatcher), {})


class Telling:
    """A watcher of the program's own, which says what it was asked."""

    def __init__(self, active=True):
        self.active = active
        self.calls = []
        self.threads = []
        self.may_reap = threading.Event()
        self.may_reap.set()

    def __enter__(self):
        self.calls.append("enter")
        return self

    def __exit__(self, kind, error, traceback):
        self.calls.append(f"exit {getattr(kind, '__name__', kind)}")

    def is_active(self):
        self.calls.append("is_active")
        return self.active

    def attach_loop(self, loop):
        pass

    def close(self):
        pass

    def add_child_handler(self, pid, callback, *args):
        self.calls.append("add_child_handler")
        thread = threading.Thread(target=self._wait, args=(pid, callback, *args))
        self.threads.append(thread)
        thread.start()

    def _wait(self, pid, callback, *args):
        self.may_reap.wait()
        _, status = os.waitpid(pid, 0)
        # What only this watcher would say.
        callback(pid, os.waitstatus_to_exitcode(status) + 1000, *args)


async def test_is_asked(loop, set_watcher, telling):
    watcher = telling()
    set_watcher(watcher)
    process = await asyncio.create_subprocess_shell("cat; exit 3", stdin=PIPE, stdout=PIPE)
    assert watcher.calls == ["enter", "is_active", "add_child_handler", "exit None"]
    assert await process.communicate(b"through") == (b"through", None)
    assert process.returncode == 1003
    for thread in watcher.threads:
        thread.join()


async def test_a_process_that_is_killed(loop, set_watcher, telling):
    watcher = telling()
    set_watcher(watcher)
    process = await asyncio.create_subprocess_exec("/bin/sleep", "1000")
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 1000 - signal.SIGTERM
    for thread in watcher.threads:
        thread.join()


async def test_a_signal_does_not_reap_what_the_watcher_waits_for(loop, set_watcher, telling):
    if sys.version_info < (3, 13) and not isinstance(loop, asyncioxide.EventLoop):
        pytest.skip("asyncio reaps it, before Python 3.13")
    watcher = telling()
    watcher.may_reap.clear()
    set_watcher(watcher)
    process = await asyncio.create_subprocess_shell("exit 3")
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.send_signal(signal.SIGUSR1)
    watcher.may_reap.set()
    assert await process.wait() == 1003
    for thread in watcher.threads:
        thread.join()


async def test_nothing_is_started_where_it_is_not_active(loop, set_watcher, telling, tmp_path):
    watcher = telling(active=False)
    set_watcher(watcher)
    with pytest.raises(RuntimeError) as caught:
        await asyncio.create_subprocess_exec("/bin/touch", str(tmp_path / "started"))
    assert str(caught.value) == (
        "asyncio.get_child_watcher() is not activated, subprocess support is not installed."
    )
    assert watcher.calls == ["enter", "is_active", "exit RuntimeError"]
    assert not list(tmp_path.iterdir())


@pytest.mark.only("asyncioxide", "asyncioxide-poll")
async def test_one_that_refuses_a_process(loop, set_watcher, telling):
    """The process is killed and reaped; asyncio leaves it to itself."""
    watcher = telling()
    set_watcher(watcher)
    refuse = mock.patch.object(watcher, "add_child_handler", side_effect=ZeroDivisionError)
    with refuse, pytest.raises(ZeroDivisionError):
        await asyncio.create_subprocess_exec("/bin/sleep", "1000")


@pytest.mark.parametrize("name", ["SafeChildWatcher", "FastChildWatcher", "MultiLoopChildWatcher"])
async def test_asyncios_own_by_signals(loop, set_watcher, name):
    watcher = getattr(asyncio, name)()
    # It is told of the loop and installs its handler of SIGCHLD; a handler is put back at close().
    watcher.attach_loop(loop)
    set_watcher(watcher)
    try:
        with mock.patch.object(
            watcher, "add_child_handler", wraps=watcher.add_child_handler
        ) as add:
            process = await asyncio.create_subprocess_shell("exit 3", stdout=PIPE)
        assert await process.communicate() == (b"", None)
        assert process.returncode == 3
        assert [call.args[0] for call in add.call_args_list] == [process.pid]
    finally:
        watcher.close()


@pytest.mark.parametrize("name", ["ThreadedChildWatcher", "PidfdChildWatcher"])
@pytest.mark.only("asyncioxide", "asyncioxide-poll")
async def test_those_that_promise_no_more_than_the_loop_are_not_asked(loop, set_watcher, name):
    watcher = getattr(asyncio, name)()
    set_watcher(watcher)
    with mock.patch.object(watcher, "add_child_handler") as add:
        process = await asyncio.create_subprocess_shell("exit 3")
        assert await process.wait() == 3
    add.assert_not_called()

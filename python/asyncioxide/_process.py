"""Child processes: asyncio's own subprocess transport over our pipes, and how their end is learnt.

The processes are spawned by ``subprocess.Popen``, which alone knows all of its arguments, and the
transport's words and states are those of the running Python's ``BaseSubprocessTransport``: what
Python adds to a fork is noise. Ours is what happens when a process ends:

- It is watched through a process descriptor in the loop's poller or, where the system has none, by
  a thread. No signal handler is involved. A child watcher that the program has set is asked
  instead.
- It is reaped on the loop's thread, and its ``Popen`` learns of that in the same moment, so that
  nothing signals or awaits a number that may be another process's by then.
- What it has written is delivered before ``process_exited`` is called.
"""

import asyncio
import contextlib
import contextvars
import enum
import itertools
import os
import signal
import subprocess
import threading
from asyncio import base_subprocess
from asyncio.log import logger
from collections.abc import Callable
from typing import Any, Protocol

from . import _child_watchers

# A process that was killed ends at once, unless the kernel is busy for it.
_KILLED_GRACE_S = 1.0


class _Watch(Protocol):
    """A child process whose end calls a callback on its loop."""

    def reap(self) -> int | None:
        """Return the exit code of the process, which is reaped by this; None while it lives."""

    def fileno(self) -> int:
        """Return the process descriptor, or -1."""

    def close(self) -> None:
        """Stop watching."""


class _Stage(enum.Enum):
    """How far a new transport has come with the pipes of its process."""

    # The task that connects them has not begun.
    NEW = 1
    CONNECTING = 2
    CONNECTED = 3
    # They never will be: the creation was cancelled, or has failed.
    GIVEN_UP = 4


class SubprocessTransport(base_subprocess.BaseSubprocessTransport):
    """A child process. See :class:`asyncio.SubprocessTransport`."""

    _loop: Any
    _proc: Any = None
    _pipes: dict[int, Any]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._stage = _Stage.NEW
        self._watch: _Watch = _Gone()
        # The exit code of a process that ended before its pipes were connected.
        self._early_exit: int | None = None
        try:
            super().__init__(*args, **kwargs)
        except BaseException:
            if self._proc is not None:
                # It runs, and the task that would connect its pipes could not be made.
                self.close()
            raise

    def _start(
        self,
        args: Any,
        shell: bool,
        stdin: Any,
        stdout: Any,
        stderr: Any,
        bufsize: int,
        **kwargs: Any,
    ) -> None:
        self._proc = process = subprocess.Popen(
            args,
            shell=shell,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            universal_newlines=False,
            bufsize=bufsize,
            **kwargs,
        )
        try:
            self._watch = _begin_watch(self._loop, process, self._child_ended)
        except BaseException:
            # Nobody would learn of its end.
            process.kill()
            process.wait()
            raise

    # The end of the process.

    def _reap(self, *, wait: bool) -> int | None:
        """Return the exit code of the process if it has ended, and reap it.

        wait: for another thread that is about to reap it (in ``Popen.wait``).
        """
        process = self._proc
        lock = process._waitpid_lock
        if not lock.acquire(wait):
            return None
        try:
            if process.returncode is None:
                process.returncode = self._watch.reap()
        except ChildProcessError:
            process.returncode = 255
            logger.warning(
                "child process pid %d exit status already read:  will report returncode 255",
                process.pid,
            )
        finally:
            lock.release()
        returncode: int | None = process.returncode
        return returncode

    def _child_ended(self) -> None:
        """Called by the loop: the process has ended, or somebody has said so without reason."""
        if self._returncode is not None or self._early_exit is not None:
            return
        returncode = self._reap(wait=True)
        if returncode is None:
            self._watch_by_a_thread()
            return
        self._watch.close()
        if self._stage in (_Stage.NEW, _Stage.CONNECTING):
            self._early_exit = returncode
        else:
            self._exited(returncode)

    def _watch_by_a_thread(self) -> None:
        """Wait otherwise for a process whose descriptor says that it ended before it can be reaped.

        A debugger holds such a zombie, and the descriptor stays readable: the loop would spin.
        """
        if isinstance(self._watch, _WaitingThread):
            return
        watch = _WaitingThread(self._loop, self._proc, self._child_ended)
        self._watch.close()
        self._watch = watch

    def _exited(self, returncode: int) -> None:
        """Deliver what the process has left in its pipes, and tell the protocol of its end."""
        self._early_exit = None
        for fd in (1, 2):
            pipe = self.get_pipe_transport(fd) if self._pipes.get(fd) is not None else None
            drain = getattr(pipe, "_drain", None)
            if drain is not None:
                drain()
        self._process_exited(returncode)
        if self._stage is _Stage.GIVEN_UP:
            # The protocol was never told of the process, so nothing will call connection_lost,
            # at which older Pythons end `_wait`.
            for waiter in self._exit_waiters or ():
                if not waiter.done():
                    waiter.set_result(returncode)

    # The pipes.

    async def _connect_pipes(self, waiter: asyncio.Future[None] | None) -> None:
        if self._stage is _Stage.GIVEN_UP:
            return
        self._stage = _Stage.CONNECTING
        try:
            await super()._connect_pipes(waiter)
        finally:
            # asyncio keeps its list of pending calls until the protocol knows of the process.
            if self._pending_calls is None:
                self._stage = _Stage.CONNECTED
            else:
                self._give_up()
            if self._closed:
                self._close_pipes()
            if self._early_exit is not None:
                self._exited(self._early_exit)

    def _give_up(self) -> None:
        """Close the pipes of a process that no protocol will know of."""
        self._stage = _Stage.GIVEN_UP
        self._close_pipes()
        process = self._proc
        if process is not None:
            for file in (process.stdin, process.stdout, process.stderr):
                if file is not None:
                    file.close()

    def _close_pipes(self) -> None:
        for connected in self._pipes.values():
            if connected is not None:
                connected.pipe.close()

    # What the user asks for.

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        loop_is_closed = self._loop is None or self._loop.is_closed()
        if not loop_is_closed:
            # Those of a closed loop are closed by whoever drops them (gh-114177).
            self._close_pipes()
        if self._stage is _Stage.NEW:
            self._give_up()
        process = self._proc
        if process is None or self._returncode is not None:
            return
        if self._reap(wait=False) is None:
            if self._loop.get_debug():
                logger.warning("Close running child process: kill %r", self)
            try:
                self._signal(signal.SIGKILL, "kill")
            except PermissionError:
                # It may be running setuid.
                return
        if loop_is_closed:
            # Nobody will be told, so nobody else will reap it.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_KILLED_GRACE_S)
        elif self._early_exit is not None and self._stage is _Stage.GIVEN_UP:
            self._exited(self._early_exit)

    def _signal(self, number: int, name: str) -> None:
        """Send a signal to the process, and never to one that has its number by now.

        name: the method of ``Popen`` that asyncio calls for it. One that somebody has put on the
        process (``get_extra_info("subprocess")``) is called instead.
        """
        process = self._proc
        replaced = vars(process).get(name)
        if replaced is not None:
            replaced(number) if name == "send_signal" else replaced()
            return
        if process.returncode is not None:
            return
        if isinstance(self._watch, _Told):
            self._watch.send_signal(number)
            return
        descriptor = self._watch.fileno()
        if descriptor < 0:
            # By its number, then, once it is known not to be reaped: `Popen` makes sure again.
            if self._reap(wait=False) is None:
                process.send_signal(number)
            return
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, number)

    def send_signal(self, signal: int) -> None:
        self._check_proc()
        self._signal(signal, "send_signal")

    def terminate(self) -> None:
        self._check_proc()
        self._signal(signal.SIGTERM, "terminate")

    def kill(self) -> None:
        self._check_proc()
        self._signal(signal.SIGKILL, "kill")


async def _make_subprocess_transport(
    self: Any,
    protocol: asyncio.SubprocessProtocol,
    args: Any,
    shell: bool,
    stdin: Any,
    stdout: Any,
    stderr: Any,
    bufsize: int,
    extra: dict[str, Any] | None = None,
    **kwargs: Any,
) -> SubprocessTransport:
    """Spawn a process and connect its pipes (``_UnixSelectorEventLoop``'s method of this name)."""
    with _child_watchers.entered():
        waiter = self.create_future()
        transport = SubprocessTransport(
            self,
            protocol,
            args,
            shell,
            stdin,
            stdout,
            stderr,
            bufsize,
            waiter=waiter,
            extra=extra,
            **kwargs,
        )
        try:
            await waiter
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException:
            transport.close()
            await transport._wait()
            raise
    return transport


def _begin_watch(
    loop: Any, process: subprocess.Popen[bytes], callback: Callable[[], object]
) -> _Watch:
    """Call ``callback()`` on the loop when the process has ended."""
    watcher = _child_watchers.chosen()
    if watcher is not None:
        return _Told(loop, watcher, process.pid, callback)
    try:
        watch: _Watch = loop._watch_child(process.pid, callback)
    except ProcessLookupError:
        loop.call_soon(callback)
        return _Gone()
    except OSError:
        # No process descriptors here (ENOSYS, EPERM in a sandbox), or no descriptor left.
        return _WaitingThread(loop, process, callback)
    return watch


class _Gone:
    """A process that is not watched: not yet, or it was reaped before (SIGCHLD is ignored)."""

    def reap(self) -> int | None:
        raise ChildProcessError

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


class _Told:
    """A process that a child watcher of the program's reaps, and tells the end of."""

    def __init__(self, loop: Any, watcher: Any, pid: int, callback: Callable[[], object]) -> None:
        self._loop = loop
        self._pid = pid
        self._callback = callback
        self._returncode: int | None = None
        watcher.add_child_handler(pid, self._tell)

    def _tell(self, pid: int, returncode: int) -> None:
        # In any thread.
        self._returncode = returncode
        self._loop.call_soon_threadsafe(self._callback)

    def send_signal(self, number: int) -> None:
        """Send a signal where the process is still a child of ours.

        `Popen` would reap one that has ended, and the watcher would never hear of it.
        """
        with contextlib.suppress(ChildProcessError, ProcessLookupError):
            os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            os.kill(self._pid, number)

    def reap(self) -> int | None:
        return self._returncode

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass


class _WaitingThread:
    """A thread that waits for a process and does not reap it: that is the loop's to do."""

    _counter = itertools.count()

    def __init__(
        self, loop: Any, process: subprocess.Popen[bytes], callback: Callable[[], object]
    ) -> None:
        self._process = process
        thread = threading.Thread(
            target=self._wait,
            args=(loop, callback, contextvars.copy_context()),
            name=f"asyncio-waitpid-{next(self._counter)}",
            daemon=True,
        )
        thread.start()

    def _wait(
        self, loop: Any, callback: Callable[[], object], context: contextvars.Context
    ) -> None:
        pid = self._process.pid
        # Suppressed: somebody else has reaped it.
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        try:
            loop.call_soon_threadsafe(callback, context=context)
        except RuntimeError:
            self._process.poll()
            logger.warning("Loop %r that handles pid %r is closed", loop, pid)

    def reap(self) -> int | None:
        pid, status = os.waitpid(self._process.pid, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if pid else None

    def fileno(self) -> int:
        return -1

    def close(self) -> None:
        pass

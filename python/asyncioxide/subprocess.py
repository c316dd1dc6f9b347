"""Child processes with streams. See :mod:`asyncio.subprocess`.

Cold beside the processes themselves, and so in Python: what is read and written goes through our
streams. The texts in the log and the order of what happens are asyncio's.
"""

import sys
from typing import Any as _Any

from . import _mirror, events, protocols, streams, tasks
from .log import logger


class SubprocessStreamProtocol(streams.FlowControlMixin, protocols.SubprocessProtocol):
    """The protocol of a child process: a writer for its input, readers for what it prints.

    limit: that of the readers, in bytes. See ``asyncio.subprocess.SubprocessStreamProtocol``.
    """

    def __init__(self, limit: int, loop: _Any) -> None:
        super().__init__(loop=loop)
        self._limit = limit
        self.stdin: streams.StreamWriter | None = None
        self.stdout: streams.StreamReader | None = None
        self.stderr: streams.StreamReader | None = None
        self._transport: _Any = None
        self._process_exited = False
        # The descriptors, 1 and 2, from which something may still come.
        self._pipe_fds: list[int] = []
        self._stdin_closed = self._loop.create_future()

    def __repr__(self) -> str:
        pipes = (("stdin", self.stdin), ("stdout", self.stdout), ("stderr", self.stderr))
        parts = [f"{name}={pipe!r}" for name, pipe in pipes if pipe is not None]
        return f"<{' '.join([type(self).__name__, *parts])}>"

    def connection_made(self, transport: _Any) -> None:
        """Give each pipe of the process its reader or writer."""
        self._transport = transport
        self.stdout = self._reader_of(1)
        self.stderr = self._reader_of(2)
        pipe = transport.get_pipe_transport(0)
        if pipe is not None:
            self.stdin = streams.StreamWriter(pipe, protocol=self, reader=None, loop=self._loop)

    def _reader_of(self, fd: int) -> streams.StreamReader | None:
        pipe = self._transport.get_pipe_transport(fd)
        if pipe is None:
            return None
        reader = streams.StreamReader(limit=self._limit, loop=self._loop)
        reader.set_transport(pipe)
        self._pipe_fds.append(fd)
        return reader

    def _reader(self, fd: int) -> streams.StreamReader | None:
        match fd:
            case 1:
                return self.stdout
            case 2:
                return self.stderr
        return None

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Feed what the process has printed to the reader of that descriptor."""
        reader = self._reader(fd)
        if reader is not None:
            reader.feed_data(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        """End the reader of a descriptor, or the writer of the process's input."""
        if fd == 0:
            self._stdin_lost(exc)
            return
        reader = self._reader(fd)
        if reader is not None:
            if exc is None:
                reader.feed_eof()
            else:
                reader.set_exception(exc)
        if fd in self._pipe_fds:
            self._pipe_fds.remove(fd)
        self._maybe_close_transport()

    def _stdin_lost(self, exc: Exception | None) -> None:
        if self.stdin is not None:
            self.stdin.close()
        self.connection_lost(exc)
        if exc is None:
            self._stdin_closed.set_result(None)
        else:
            self._stdin_closed.set_exception(exc)
            # Nobody has to await wait_closed(), and so to hear of it.
            self._stdin_closed._log_traceback = False

    def process_exited(self) -> None:
        """Close the transport, once the pipes have ended too."""
        self._process_exited = True
        self._maybe_close_transport()

    def _maybe_close_transport(self) -> None:
        if self._process_exited and not self._pipe_fds:
            self._transport.close()
            self._transport = None

    def _get_close_waiter(self, stream: _Any) -> _Any:
        if stream is self.stdin:
            return self._stdin_closed
        return None


class Process:
    """A child process, with its pipes as streams: `stdin`, `stdout` and `stderr`, or None.

    Made by `create_subprocess_exec()` and `create_subprocess_shell()`. See
    ``asyncio.subprocess.Process``.
    """

    def __init__(self, transport: _Any, protocol: _Any, loop: _Any) -> None:
        self._transport = transport
        self._protocol = protocol
        self._loop = loop
        self.stdin: streams.StreamWriter | None = protocol.stdin
        self.stdout: streams.StreamReader | None = protocol.stdout
        self.stderr: streams.StreamReader | None = protocol.stderr
        self.pid: int = transport.get_pid()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.pid}>"

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for the number of a signal; None while the process runs."""
        code: int | None = self._transport.get_returncode()
        return code

    async def wait(self) -> int:
        """Wait until the process has ended; return its exit code."""
        code: int = await self._transport._wait()
        return code

    def send_signal(self, signal: int) -> None:
        """Send the process a signal, by number. ProcessLookupError once it has ended."""
        self._transport.send_signal(signal)

    def terminate(self) -> None:
        """Send the process SIGTERM. ProcessLookupError once it has ended."""
        self._transport.terminate()

    def kill(self) -> None:
        """Send the process SIGKILL. ProcessLookupError once it has ended."""
        self._transport.kill()

    async def _feed_stdin(self, input: _Any) -> None:
        stdin: _Any = self.stdin
        debug = self._loop.get_debug()
        try:
            if input is not None:
                stdin.write(input)
                if debug:
                    logger.debug("%r communicate: feed stdin (%s bytes)", self, len(input))
            await stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as exc:
            # A process need not read all that it is given.
            if debug:
                logger.debug("%r communicate: stdin got %r", self, exc)
        if debug:
            logger.debug("%r communicate: close stdin", self)
        stdin.close()

    async def _noop(self) -> None:
        return None

    async def _read_stream(self, fd: int) -> bytes:
        pipe = self._transport.get_pipe_transport(fd)
        name, stream = ("stdout", self.stdout) if fd == 1 else ("stderr", self.stderr)
        assert stream is not None
        if self._loop.get_debug():
            logger.debug("%r communicate: read %s", self, name)
        output = await stream.read()
        if self._loop.get_debug():
            logger.debug("%r communicate: close %s", self, name)
        pipe.close()
        return output

    async def communicate(self, input: _Any = None) -> tuple[bytes | None, bytes | None]:
        """Give the process `input`, read all that it prints, and wait for its end.

        Returns what came from stdout and stderr; None for one that is no pipe.
        """
        # Up to Python 3.11 the input of a process that is given nothing stays open.
        feeds = self.stdin is not None if sys.version_info >= (3, 12) else input is not None
        _, stdout, stderr = await tasks.gather(
            self._feed_stdin(input) if feeds else self._noop(),
            self._noop() if self.stdout is None else self._read_stream(1),
            self._noop() if self.stderr is None else self._read_stream(2),
        )
        await self.wait()
        return stdout, stderr


async def create_subprocess_shell(
    cmd: _Any,
    stdin: _Any = None,
    stdout: _Any = None,
    stderr: _Any = None,
    limit: int = streams._DEFAULT_LIMIT,
    **kwds: _Any,
) -> Process:
    """Run a command line in the shell.

    stdin, stdout, stderr: `PIPE` for a stream, or as for ``subprocess.Popen``; limit: that of the
    readers, in bytes; kwds: as for ``loop.subprocess_shell()``, which says what is raised.
    """
    loop = events.get_running_loop()
    transport, protocol = await loop.subprocess_shell(
        lambda: SubprocessStreamProtocol(limit=limit, loop=loop),
        cmd,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        **kwds,
    )
    return Process(transport, protocol, loop)


async def create_subprocess_exec(
    program: _Any,
    *args: _Any,
    stdin: _Any = None,
    stdout: _Any = None,
    stderr: _Any = None,
    limit: int = streams._DEFAULT_LIMIT,
    **kwds: _Any,
) -> Process:
    """Run a program with arguments.

    stdin, stdout, stderr: `PIPE` for a stream, or as for ``subprocess.Popen``; limit: that of the
    readers, in bytes; kwds: as for ``loop.subprocess_exec()``, which says what is raised.
    """
    loop = events.get_running_loop()
    transport, protocol = await loop.subprocess_exec(
        lambda: SubprocessStreamProtocol(limit=limit, loop=loop),
        program,
        *args,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        **kwds,
    )
    return Process(transport, protocol, loop)


_mirror.complete(globals())

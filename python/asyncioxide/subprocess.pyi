import asyncio
from asyncio.subprocess import (
    DEVNULL as DEVNULL,
    PIPE as PIPE,
    STDOUT as STDOUT,
    __all__ as __all__,
)
from typing import IO, Any

from _typeshed import ReadableBuffer, StrOrBytesPath

from .streams import FlowControlMixin, StreamReader, StreamWriter

class SubprocessStreamProtocol(FlowControlMixin, asyncio.SubprocessProtocol):
    stdin: StreamWriter | None
    stdout: StreamReader | None
    stderr: StreamReader | None
    def __init__(self, limit: int, loop: asyncio.AbstractEventLoop) -> None: ...
    def connection_lost(self, exc: Exception | None) -> None: ...
    def connection_made(self, transport: asyncio.BaseTransport) -> None: ...
    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None: ...
    def pipe_data_received(self, fd: int, data: bytes) -> None: ...
    def process_exited(self) -> None: ...

class Process:
    stdin: StreamWriter | None
    stdout: StreamReader | None
    stderr: StreamReader | None
    pid: int
    def __init__(
        self,
        transport: asyncio.BaseTransport,
        protocol: SubprocessStreamProtocol,
        loop: asyncio.AbstractEventLoop,
    ) -> None: ...
    @property
    def returncode(self) -> int | None: ...
    async def communicate(self, input: ReadableBuffer | None = None) -> tuple[bytes, bytes]: ...
    def kill(self) -> None: ...
    def send_signal(self, signal: int) -> None: ...
    def terminate(self) -> None: ...
    async def wait(self) -> int: ...

async def create_subprocess_exec(
    program: StrOrBytesPath,
    *args: StrOrBytesPath,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    limit: int = 65536,
    **kwds: Any,
) -> Process: ...
async def create_subprocess_shell(
    cmd: str | bytes,
    stdin: int | IO[Any] | None = None,
    stdout: int | IO[Any] | None = None,
    stderr: int | IO[Any] | None = None,
    limit: int = 65536,
    **kwds: Any,
) -> Process: ...

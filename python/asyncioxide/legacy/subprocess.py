"""Child processes whose methods every generator can wait for, with ``loop`` as up to Python 3.9."""

import asyncio
from collections.abc import Generator
from typing import Any

from .. import subprocess as _modern
from .coroutines import coroutine

__all__ = ("create_subprocess_exec", "create_subprocess_shell")

_DEFAULT_LIMIT: int = 2**16  # of bytes, as in asyncio

PIPE = asyncio.subprocess.PIPE
STDOUT = asyncio.subprocess.STDOUT
DEVNULL = asyncio.subprocess.DEVNULL


@coroutine
def create_subprocess_exec(
    program: Any,
    *args: Any,
    loop: asyncio.AbstractEventLoop | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Generator[Any, Any, _modern.Process]:
    """Start a program. Follows :func:`asyncio.create_subprocess_exec`.

    limit: how many bytes of output are buffered. kwds: what ``loop.subprocess_exec`` takes.
    """
    starting = _modern.create_subprocess_exec(program, *args, limit=limit, **kwds)
    return (yield from starting.__await__())


@coroutine
def create_subprocess_shell(
    cmd: Any,
    stdin: Any = None,
    stdout: Any = None,
    stderr: Any = None,
    loop: asyncio.AbstractEventLoop | None = None,
    limit: int = _DEFAULT_LIMIT,
    **kwds: Any,
) -> Generator[Any, Any, _modern.Process]:
    """Start a shell command; `create_subprocess_exec` otherwise."""
    starting = _modern.create_subprocess_shell(cmd, stdin, stdout, stderr, limit, **kwds)
    return (yield from starting.__await__())


def __getattr__(name: str) -> Any:
    return getattr(_modern, name)

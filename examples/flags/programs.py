"""Starting the server, the proxy, nginx and the clients, and ending them whatever happens.

This is a program of asyncio too, on the standard loop: it may be cancelled at its ``await``s and
nowhere between, so no signal comes at a moment when a process is started and not known yet.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import IO, Any

import codes
import pictures

HERE = Path(__file__).resolve().parent
START_LIMIT_S = 30.0
END_LIMIT_S = 5.0
OVERTIME_S = 60.0  # for a client's start, its last request and its end, on a busy machine

NGINX_PLACES = "/usr/local/nginx/sbin:/usr/local/sbin:/usr/sbin:/sbin"  # often not in PATH
NGINX_MISSING = (
    "nginx is not installed: `apt install nginx-light` (Debian, Ubuntu), `dnf install nginx` "
    "(Fedora) or `apk add nginx` (Alpine), or take `--server own`"
)
NGINX_CONFIGURATION = """\
daemon off;
master_process off;
pid "{folder}/nginx.pid";
error_log stderr error;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    log_not_found off;
    types {{ image/gif gif; }}
    client_body_temp_path "{folder}/body";
    proxy_temp_path "{folder}/proxy";
    fastcgi_temp_path "{folder}/fastcgi";
    uwsgi_temp_path "{folder}/uwsgi";
    scgi_temp_path "{folder}/scgi";
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        root "{folder}/pictures";
    }}
}}
"""


class Failure(Exception):
    """A program could not be started, or did not do its work; the text says which and why."""


@asynccontextmanager
async def serving(script: str, loop: str, delay_s: float, *options: str) -> AsyncIterator[int]:
    """Run ``server.py`` or ``proxy.py`` on a loop: gives the port where it listens."""
    command = [sys.executable, str(HERE / script), "--loop", loop, "--port", "0"]
    command += ["--delay", str(delay_s), *options]
    async with _running(command, stdout=PIPE) as process:
        assert process.stdout is not None
        try:
            address = await asyncio.wait_for(process.stdout.readline(), START_LIMIT_S)
        except TimeoutError:
            address = b""
        if not address.startswith(b"http://"):
            raise Failure(f"{script} on {loop} did not start")
        yield int(address.rpartition(b":")[2])


@asynccontextmanager
async def nginx() -> AsyncIterator[int]:
    """Run an nginx of our own with the pictures in a temporary folder: gives its port.

    It is one process that stays in front, as any user, and touches nothing outside its folder.
    """
    program = find_nginx()
    if program is None:
        raise Failure(NGINX_MISSING)
    with tempfile.TemporaryDirectory(prefix="flags-nginx-") as name:
        folder = Path(name)
        for code, picture in pictures.all_pictures().items():
            place = folder / "pictures" / codes.path_of(code)[1:]
            place.parent.mkdir(parents=True)
            place.write_bytes(picture)
        port = _free_port()
        configuration = folder / "nginx.conf"
        configuration.write_text(NGINX_CONFIGURATION.format(folder=folder, port=port))
        command = [program, "-e", "stderr", "-p", name, "-c", str(configuration)]
        async with _running(command) as process:
            await _begin_listening(process, port)
            yield port


def find_nginx() -> str | None:
    """Find the program, also where ``PATH`` seldom leads."""
    return shutil.which("nginx") or shutil.which("nginx", path=NGINX_PLACES)


async def run_client(
    name: str, port: int, options: list[str], seconds: float, progress: Callable[[int], None]
) -> dict[str, Any]:
    """Run a client to its end: gives the result that it prints."""
    command = [sys.executable, str(HERE / f"client_{name}.py"), "--port", str(port)]
    command += ["--seconds", str(seconds), "--progress", *options]
    result: dict[str, Any] = {}
    with tempfile.TemporaryFile() as complaints:
        async with _running(command, stdout=PIPE, stderr=complaints) as process:
            assert process.stdout is not None
            try:
                async with asyncio.timeout(seconds + OVERTIME_S):
                    async for line in process.stdout:
                        message = json.loads(line)
                        if "progress" in message:
                            progress(message["progress"])
                        else:
                            result = message
                    status = await process.wait()
            except TimeoutError:
                raise Failure(f"client {name} did not come to an end") from None
        complaints.seek(0)
        said = complaints.read().decode(errors="replace").strip()
    if status != 0 or not result:
        summary = f": {result['corrupt']} corrupt, {result['errors']} errors" if result else ""
        raise Failure(f"client {name} ended with status {status}{summary}\n{said}")
    return result


@asynccontextmanager
async def _running(
    command: list[str], *, stdout: int | None = None, stderr: IO[bytes] | None = None
) -> AsyncIterator[Process]:
    """Run a program, and see that it is gone at the end."""
    process = await asyncio.create_subprocess_exec(
        *command, stdin=DEVNULL, stdout=stdout, stderr=stderr
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), END_LIMIT_S)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _free_port() -> int:
    """Find a port for nginx, which cannot be told to take any free one."""
    with socket.socket() as finder:
        finder.bind(("127.0.0.1", 0))
        port: int = finder.getsockname()[1]
    return port


async def _begin_listening(process: Process, port: int) -> None:
    """Wait until nginx takes connections; if it never does, standard error has its own words."""
    with suppress(TimeoutError):
        async with asyncio.timeout(START_LIMIT_S):
            while process.returncode is None:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.02)
                else:
                    writer.close()
                    return
    raise Failure("nginx did not start")

"""The big database: a PostgreSQL server of our own, asked through asyncpg's pool of connections.

The server is the distribution's. It keeps its files and its socket in a temporary folder, listens
on no port, and ends with the example, even when that is killed. It refuses to be run by root; then
the user ``postgres``, which comes with the package, runs it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import pwd
import re
import shutil
import signal
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
from books import CUSTOMERS, PURCHASES, SCHEMA, Customer, Purchase

START_LIMIT_S = 60.0
END_LIMIT_S = 20.0
MISSING = (
    "PostgreSQL is not installed: `apt install postgresql` (Debian, Ubuntu), `dnf install "
    "postgresql-server` (Fedora) or `apk add postgresql` (Alpine), or take `--database sqlite`"
)
# The example's data need not survive a power cut.
SETTINGS = ("listen_addresses=", "fsync=off", "max_connections=20", "shared_buffers=16MB")

PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_libc = ctypes.CDLL(None, use_errno=True)  # loaded here: a child must not load anything after fork


class Failure(Exception):
    """The server is missing or did not start; the text says what to do, or what it said."""


class Postgres:
    """A database on a server."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], version: str) -> None:
        self.title = f"PostgreSQL {version}, through asyncpg"
        self._pool = pool

    async def customer(self, number: int, delay: float) -> Customer | None:
        """Give a customer, if there is one of this number."""
        row = await self._pool.fetchrow(
            "SELECT name, city FROM customer, pg_sleep($2) WHERE id = $1", number, delay
        )
        return None if row is None else Customer(row["name"], row["city"])

    async def purchases(self, number: int, delay: float) -> list[Purchase]:
        """Give what the customer has bought, by title."""
        rows = await self._pool.fetch(
            "SELECT title, cents FROM pg_sleep($2), purchase WHERE customer = $1 ORDER BY title",
            number,
            delay,
        )
        return [Purchase(row["title"], row["cents"]) for row in rows]

    async def fill(self) -> None:
        """Write the tables."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SCHEMA)
            await connection.copy_records_to_table("customer", records=CUSTOMERS)
            await connection.copy_records_to_table("purchase", records=PURCHASES)


def find_programs() -> Path | None:
    """Find the folder with ``initdb`` and ``postgres``; Debian keeps it out of ``PATH``."""
    by_version = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _version(path.parent.name)
    )
    found = shutil.which("initdb")
    for folder in [*reversed(by_version), *([Path(found).parent] if found else [])]:
        if all(os.access(folder / name, os.X_OK) for name in ("initdb", "postgres")):
            return folder
    return None


@asynccontextmanager
async def database() -> AsyncIterator[Postgres]:
    """Start a server in a temporary folder, and give a filled database on it."""
    programs = find_programs()
    if programs is None:
        raise Failure(MISSING)
    user = _user()
    with tempfile.TemporaryDirectory(prefix="page-pg-") as name:
        if "user" in user:
            os.chown(name, user["user"], user["group"])
        async with _server(programs, Path(name), user) as socket_folder:
            pool = await asyncpg.create_pool(
                host=str(socket_folder), user="page", database="postgres", min_size=2, max_size=8
            )
            async with pool:
                version = await pool.fetchval("SHOW server_version")
                made = Postgres(pool, version.split()[0])
                await made.fill()
                yield made


@asynccontextmanager
async def _server(programs: Path, folder: Path, user: dict[str, Any]) -> AsyncIterator[Path]:
    """Run a server until the block ends: gives the folder of its socket."""
    data = folder / "data"
    making = [programs / "initdb", "--pgdata", data, "--username", "page", "--auth", "trust"]
    making += ["--encoding", "UTF8", "--no-locale", "--no-sync"]
    await _run(making, folder, user)
    serving = [programs / "postgres", "-D", data, "-k", folder]
    serving += [word for setting in SETTINGS for word in ("-c", setting)]
    parent = os.getpid()
    process = await asyncio.create_subprocess_exec(
        *map(str, serving),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=STDOUT,
        cwd=folder,
        preexec_fn=lambda: _end_with(parent),  # runs as the user already
        **user,
    )
    assert process.stdout is not None
    log: list[str] = []
    ready = asyncio.Event()
    reading = asyncio.create_task(_read_log(process.stdout, log, ready))
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), START_LIMIT_S)
        if not any(READY in line for line in log):
            raise Failure("PostgreSQL did not start:\n" + "".join(log))
        yield folder
    finally:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGINT)  # "fast": ends the connections, and writes its files
        try:
            await asyncio.wait_for(process.wait(), END_LIMIT_S)
        except TimeoutError:
            process.kill()
        await process.wait()
        await reading


READY = "database system is ready to accept connections"


async def _read_log(stream: asyncio.StreamReader, log: list[str], ready: asyncio.Event) -> None:
    """Keep what the server says while it starts; set the event when it is ready, or has ended."""
    async for line in stream:
        if not ready.is_set():
            log.append(line.decode(errors="replace"))
            if READY in log[-1]:
                ready.set()
    ready.set()


def _end_with(parent: int) -> None:
    """Ask the kernel, in the child, to tell the server to end at once when the parent has gone."""
    if _libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
    if os.getppid() != parent:  # it has gone already, before the kernel knew
        os._exit(1)


async def _run(command: list[Any], folder: Path, user: dict[str, Any]) -> None:
    """Run a program to its end, which has to be a good one."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, cwd=folder, **user
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise Failure(f"{command[0]} failed:\n{said.decode(errors='replace')}")


def _user() -> dict[str, Any]:
    """Tell whom to run the server as: ourselves, or another user where we are root."""
    if os.geteuid() != 0:
        return {}
    try:
        entry = pwd.getpwnam("postgres")
    except KeyError:
        entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))

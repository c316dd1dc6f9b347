"""The example of a page from two queries at once: on both loops, over both databases."""

from __future__ import annotations

import asyncio
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from harness.examples import load

PAGE = Path(__file__).resolve().parents[2] / "examples" / "page"
PROGRAM = PAGE / "page.py"
END_LIMIT_S = 55
LOOPS = ("asyncio", "asyncioxide")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "postgresql" and load("page", "postgres").find_programs() is None:
        pytest.skip("PostgreSQL is not installed: `apt install postgresql`")
    return name


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for temporary files, which any user may enter; nothing must be left in it."""
    with tempfile.TemporaryDirectory(prefix="page-test-") as name:
        os.chmod(name, 0o755)
        yield Path(name)
        assert list(Path(name).iterdir()) == []


def command(loop_name: str, *options: object) -> list[str]:
    words = [sys.executable, "-W", "error", str(PROGRAM), "--loop", loop_name]
    return words + list(map(str, options))


@pytest.mark.parametrize("loop_name", LOOPS)
def test_both_queries_are_on_their_way_at_once(loop_name: str, database: str, folder: Path) -> None:
    done = subprocess.run(
        command(loop_name, "--once", "--database", database, "--delay", 0.05),
        capture_output=True,
        text=True,
        timeout=END_LIMIT_S,
        env=os.environ | {"TMPDIR": str(folder)},
    )
    assert done.stderr == ""
    assert done.returncode == 0
    assert "<h1>Ada, London</h1>" in done.stdout
    assert "<tr><td>Notes &amp; Numbers<td>8.00\n<tr><td>On Engines<td>12.50" in done.stdout
    assert "Together: 20.50" in done.stdout
    rows = re.findall(r"^ *(one after the other|together) +(\d) +\d+ *$", done.stdout, re.MULTILINE)
    assert rows == [("one after the other", "1"), ("together", "2")]


def get(port: int, path: str) -> tuple[int, str]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("loop_name", LOOPS)
def test_the_page_is_served_until_a_signal(loop_name: str, database: str, folder: Path) -> None:
    with subprocess.Popen(
        command(loop_name, "--port", 0, "--database", database, "--delay", 0.01),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline()
            assert address.startswith("http://127.0.0.1:"), process.communicate()
            port = int(address.rpartition(":")[2])
            status, text = get(port, "/?customer=3")
            assert status == 200
            assert "<h1>Blaise &lt;Pascal&gt;, Paris</h1>" in text
            assert "2 at once" in text
            assert "1 at once" in get(port, "/?customer=2&sequential")[1]
            assert get(port, "/?customer=4") == (404, "no customer 4")
            assert get(port, f"/?customer={2**40}") == (404, f"no customer {2**40}")
            assert get(port, "/?customer=x") == (400, "customer is a number")
            process.send_signal(signal.SIGTERM)
            _, complaints = process.communicate(timeout=END_LIMIT_S)
        finally:
            process.kill()
    assert complaints == ""
    assert process.returncode == 0


@pytest.mark.parametrize("loop_name", LOOPS)
def test_a_killed_example_takes_its_server_with_it(loop_name: str) -> None:
    if load("page", "postgres").find_programs() is None:
        pytest.skip("PostgreSQL is not installed: `apt install postgresql`")
    with tempfile.TemporaryDirectory(prefix="page-test-") as name:
        os.chmod(name, 0o755)
        with subprocess.Popen(
            command(loop_name, "--port", 0, "--database", "postgresql"),
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"TMPDIR": name},
        ) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline().startswith("http://")
                (file,) = Path(name).glob("page-pg-*/data/postmaster.pid")
                server = os.pidfd_open(int(file.read_text().split()[0]))
            finally:
                process.kill()
        try:
            # The descriptor of a process is readable when the process has ended.
            assert select.select([server], [], [], END_LIMIT_S)[0] == [server]
        finally:
            os.close(server)


def test_missing_postgresql_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    postgres = load("page", "postgres")

    async def start() -> None:
        async with postgres.database():
            pass

    monkeypatch.setattr(postgres, "find_programs", lambda: None)
    with pytest.raises(postgres.Failure, match="apt install postgresql"):
        asyncio.run(start())


def test_help_names_each_option() -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), "--help"],
        capture_output=True,
        text=True,
        timeout=END_LIMIT_S,
    )
    assert done.returncode == 0
    for option in ("--loop", "--database", "--delay", "--port", "--once"):
        assert option in done.stdout

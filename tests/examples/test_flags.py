"""The flag downloader: the clients against the server, and the demo that runs them all."""

from __future__ import annotations

import asyncio
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

import pytest

FLAGS = Path(__file__).resolve().parents[2] / "examples" / "flags"
LOOPS = ("asyncio", "asyncioxide")
ASYNC_CLIENTS = ("yield", "await")
DEMO_LIMIT_S = 120

Result = dict[str, Any]
Serving = Callable[..., AbstractContextManager[int]]
Flags = Callable[[str], ModuleType]


def run(script: str, *options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", str(FLAGS / script), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEMO_LIMIT_S - 5)


def run_client(name: str, port: int, *options: object) -> Result:
    """Runs a client that must succeed in silence: gives its result."""
    done = run(f"client_{name}.py", "--port", port, *options)
    assert done.stderr == ""
    assert done.returncode == 0
    result: Result = json.loads(done.stdout)
    return result


def stats(port: int) -> dict[str, int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/stats")
        counts: dict[str, int] = json.load(connection.getresponse())
        return counts
    finally:
        connection.close()


def check_complete(result: Result, rounds: int = 1) -> None:
    figures = ("rounds", "pictures", "missing", "requests", "corrupt", "errors")
    assert {figure: result[figure] for figure in figures} == {
        "rounds": rounds,
        "pictures": 194 * rounds,
        "missing": 482 * rounds,
        "requests": 676 * rounds,
        "corrupt": 0,
        "errors": 0,
    }


def check_saved(folder: Path, pictures: ModuleType) -> None:
    saved = {path.stem: path.read_bytes() for path in folder.iterdir()}
    assert saved == pictures.all_pictures()


def test_pictures_are_194_different_gifs(flags: Flags) -> None:
    drawn = flags("pictures").all_pictures()
    assert set(drawn) == flags("codes").PICTURED
    assert len(set(drawn.values())) == 194
    for picture in drawn.values():
        assert picture.startswith(b"GIF89a")
        assert picture.endswith(b"\0;")
        assert 900 < len(picture) < 3072


def test_order_of_asking_is_one_fixed_shuffle(flags: Flags) -> None:
    order = flags("codes").shuffled()
    assert sorted(order) == list(flags("codes").CODES)
    assert order != sorted(order)
    # The same on every Python and in every process.
    assert order[:6] == ["vg", "yy", "ne", "dx", "ro", "lt"]
    assert hashlib.sha256("".join(order).encode()).hexdigest()[:16] == "8029eb3e7b930e30"


def test_each_beginning_of_the_order_holds_its_share_of_pictures(flags: Flags) -> None:
    codes = flags("codes")
    got = 0
    for asked, code in enumerate(codes.shuffled()[:100], 1):
        got += code in codes.PICTURED
        assert asked < 12 or abs(got - asked * 194 / 676) <= 1.6


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("client", ["sequential", "threads"])
def test_blocking_client_gets_every_picture(
    serving: Serving, flags: Flags, client: str, loop_name: str, tmp_path: Path
) -> None:
    most = {"sequential": 1, "threads": 20}[client]
    with serving("server.py", loop_name, 0) as port:
        check_complete(run_client(client, port, "--seconds", 50, "--save", tmp_path))
        counts = stats(port)
    check_saved(tmp_path, flags("pictures"))
    assert counts["requests"] == 676
    assert 1 <= counts["peak_waiting"] <= most


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_async_client_gets_every_picture_at_once(
    serving: Serving, flags: Flags, client: str, loop_name: str, tmp_path: Path
) -> None:
    options = ("--loop", loop_name, "--seconds", 50, "--save", tmp_path)
    with serving("server.py", loop_name, 1.0) as port:
        check_complete(run_client(client, port, *options))
        counts = stats(port)
    check_saved(tmp_path, flags("pictures"))
    assert counts["requests"] == 676
    # Far more than threads reach; all 676, unless the machine is too busy to ask in a second.
    assert counts["peak_waiting"] > 100
    assert counts["waiting"] == counts["abandoned"] == counts["refused"] == 0


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_rounds_are_added_up(serving: Serving, client: str, loop_name: str) -> None:
    with serving("server.py", loop_name, 0.0) as port:
        result = run_client(client, port, "--loop", loop_name, "--seconds", 50, "--rounds", 2)
    check_complete(result, rounds=2)
    assert len(result["round_seconds"]) == 2


def test_sequential_client_stops_at_its_deadline(serving: Serving) -> None:
    with serving("server.py", "asyncio", 0.05) as port:
        result = run_client("sequential", port, "--seconds", 0.5)
        counts = stats(port)
    assert 1 <= result["requests"] <= 11
    assert result["requests"] == counts["requests"]
    assert result["errors"] == 0


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_async_client_leaves_what_is_late_at_its_deadline(
    serving: Serving, client: str, loop_name: str
) -> None:
    with serving("server.py", loop_name, 3600) as port:
        result = run_client(client, port, "--loop", loop_name, "--seconds", 0.5)
    assert result["requests"] == result["errors"] == 0


@pytest.mark.parametrize("client", ["sequential", "threads", "yield", "await"])
def test_client_without_a_server_says_what_to_start(client: str) -> None:
    done = run(f"client_{client}.py", "--port", 1)
    assert done.returncode == 1
    assert "no server at 127.0.0.1, port 1" in done.stderr
    assert "server.py" in done.stderr


class WrongPictures(BaseHTTPRequestHandler):
    """Answers every request alike."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"GIF89")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def wrong_server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), WrongPictures) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_corrupt_pictures_are_counted_and_fail_the_client() -> None:
    with wrong_server() as port:
        done = run("client_sequential.py", "--port", port)
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert result["corrupt"] == result["requests"] == 676
    assert "vg: not its picture (5 bytes)" in done.stderr


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_broken_connections_are_counted_and_fail_the_client(
    serving: Serving, client: str, loop_name: str
) -> None:
    # The proxy cuts off every request, since nothing listens where it passes them on to.
    nowhere = ("--origin-port", "1")
    with serving("proxy.py", loop_name, 0.0, *nowhere) as port:
        done = run(f"client_{client}.py", "--port", port, "--loop", loop_name, "--seconds", 50)
    result = json.loads(done.stdout)
    assert done.returncode == 1
    assert result["errors"] == result["requests"] == 676


@pytest.mark.parametrize("loop_name", LOOPS)
@pytest.mark.parametrize("client", ASYNC_CLIENTS)
def test_clients_through_the_proxy_get_every_picture(
    serving: Serving, client: str, loop_name: str
) -> None:
    with serving("server.py", loop_name, 0.0) as origin:
        behind = ("--origin-port", str(origin))
        with serving("proxy.py", loop_name, 0.3, *behind) as port:
            check_complete(run_client(client, port, "--loop", loop_name, "--seconds", 50))


def demo(*options: object) -> subprocess.CompletedProcess[str]:
    return run("demo.py", "--quick", "--seconds", 3, "--delay", 0.01, *options)


def check_demo(folder: Path, *options: object) -> None:
    """Runs the demo on all loops, and looks at what it says."""
    figures = folder / "figures.json"
    done = demo("--loops", ",".join(LOOPS), "--bar", 0, "--json", figures, *options)
    assert done.stderr == ""
    assert done.returncode == 0
    for name in LOOPS:
        assert f"{name}: 194 pictures behind 676 names" in done.stdout
    assert "await on asyncioxide: " in done.stdout
    assert "times the pictures/s of asyncio;" in done.stdout
    scores = json.loads(figures.read_text())["scores"]
    assert [(score["loop"], score["client"]) for score in scores] == [
        (loop, client) for loop in LOOPS for client in ("sequential", "threads", "yield", "await")
    ]
    assert all(score["pictures"] > 0 for score in scores)


@pytest.mark.timeout(DEMO_LIMIT_S)
def test_demo_runs_all_clients_and_shows_tables(tmp_path: Path) -> None:
    check_demo(tmp_path)


def test_demo_fails_when_the_bar_is_missed() -> None:
    done = demo("--loops", "asyncio", "--bar", 1e9)
    assert done.returncode == 1
    assert "await on asyncio reached" in done.stderr
    assert "the bar is 1000000000" in done.stderr


@pytest.mark.parametrize("loops", ["twisted", "", "asyncio,asyncio"])
def test_demo_refuses_wrong_loops(loops: str) -> None:
    done = run("demo.py", "--loops", loops)
    assert done.returncode == 2
    assert "--loops" in done.stderr


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_demo_takes_its_programs_with_it(end: signal.Signals) -> None:
    command = [sys.executable, str(FLAGS / "demo.py"), "--loops", "asyncio"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Where the tests run in the background, Ctrl-C is ignored, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stdout is not None
        # The server runs by now and has the same standard error: this pipe ends with the last of
        # them, not with the demo.
        assert process.stdout.readline() == "sequential on asyncio\n"
        process.send_signal(end)
        assert process.stdout.read() == ""
        assert process.wait() == {signal.SIGTERM: 143, signal.SIGINT: 130}[end]


def test_missing_nginx_is_explained(flags: Flags, monkeypatch: pytest.MonkeyPatch) -> None:
    programs = flags("programs")

    async def start() -> None:
        async with programs.nginx():
            pass

    monkeypatch.setattr(programs.shutil, "which", lambda *args, **kwargs: None)
    with pytest.raises(programs.Failure, match="apt install nginx-light"):
        asyncio.run(start())


@pytest.mark.timeout(DEMO_LIMIT_S)
def test_demo_with_nginx_behind_the_proxy(flags: Flags, tmp_path: Path) -> None:
    if flags("programs").find_nginx() is None:
        pytest.skip("nginx is not installed, and nothing else here needs it")
    check_demo(tmp_path, "--server", "nginx")

"""Builds the load generator and talks to it in lines over its standard streams."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

MANIFEST = Path(__file__).parent.parent / "loadgen" / "Cargo.toml"


class LoadError(Exception):
    """The load generator could not be built, or did not do its work."""


def build() -> Path:
    """Builds it with cargo, which does nothing when it is up to date, and gives its path."""
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", str(MANIFEST)]
    command.append("--message-format=json-render-diagnostics")
    try:
        run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    except FileNotFoundError:
        raise LoadError("the load generator needs cargo to be built") from None
    if run.returncode != 0:
        raise LoadError("cargo could not build the load generator")
    for line in run.stdout.splitlines():
        message = json.loads(line)
        if message.get("target", {}).get("name") == "loadgen" and message.get("executable"):
            return Path(message["executable"])
    raise LoadError("cargo built no load generator")


@dataclass(frozen=True, slots=True)
class Load:
    """What the connections of one measurement send."""

    connections: int
    size_bytes: int = 1024
    http_path: str | None = None

    def arguments(self, port: int, requests: int) -> list[str]:
        """The command line for `requests` in all, with a tenth as many before them."""
        each = requests // self.connections
        content = ["--http", self.http_path] if self.http_path else ["--size", str(self.size_bytes)]
        return [
            "load",
            *("--port", str(port)),
            *("--connections", str(self.connections)),
            *("--requests", str(each)),
            *("--warmup", str(max(each // 10, 1))),
            *content,
        ]


@dataclass(frozen=True, slots=True)
class Answered:
    """What the client saw, and what the server spent between its start and its end."""

    requests: int
    seconds: float
    server_cpu_s: float


def apply(
    binary: Path, load: Load, port: int, requests: int, server_cpu: Callable[[], float]
) -> Answered:
    """Loads the server at `port`.

    `server_cpu` reads its clock when the warm-up is over and when the last answer has come.
    """
    command = [str(binary), *load.arguments(port, requests)]
    with _started(command) as (say, hear):
        hear()
        before = server_cpu()
        say("go")
        report = hear()
        spent = server_cpu() - before
    if report["errors"]:
        raise LoadError(f"{report['errors']} connections failed: {report['first_error']}")
    return Answered(report["requests"], report["seconds"], spent)


@dataclass(frozen=True, slots=True)
class LimitServer:
    """A running echo server that does nothing else."""

    port: int
    say: Callable[[str], None]
    hear: Callable[[], dict[str, Any]]

    def cpu_s(self) -> float:
        """The CPU time it has used so far."""
        return float(self.usage()["cpu_seconds"])

    def peak_rss_bytes(self) -> int:
        """Its highest resident size."""
        return int(self.usage()["peak_rss_bytes"])

    def usage(self) -> dict[str, Any]:
        """All it tells about itself."""
        self.say("usage")
        return self.hear()


@contextmanager
def limit_server(binary: Path) -> Iterator[LimitServer]:
    """Runs the bare echo server for the time of the block."""
    with _started([str(binary), "--limit-server"]) as (say, hear):
        yield LimitServer(int(hear()["port"]), say, hear)


@contextmanager
def _started(
    command: list[str],
) -> Iterator[tuple[Callable[[str], None], Callable[[], dict[str, Any]]]]:
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    # It ends when its input ends, or, while it sends, with its last request; a measurement that
    # hangs is ended from outside with its whole process group.
    with process:
        stdin, stdout, stderr = _streams(process)

        def say(line: str) -> None:
            stdin.write(line + "\n")
            stdin.flush()

        def hear() -> dict[str, Any]:
            line = stdout.readline()
            if not line:
                raise LoadError(stderr.read().strip() or "the load generator ended early")
            answer: dict[str, Any] = json.loads(line)
            return answer

        yield say, hear


def _streams(process: subprocess.Popen[str]) -> tuple[IO[str], IO[str], IO[str]]:
    if process.stdin is None or process.stdout is None or process.stderr is None:
        raise LoadError("the load generator was started without pipes")
    return process.stdin, process.stdout, process.stderr

"""What a worker process is told, and the events it sends back, one JSON line each."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .target import STOCK


@dataclass(frozen=True)
class Job:
    """One test module and what to point it at.

    The module is one of `package`. Where that is not installed, `folder` is what it was
    unpacked into. With `namespace`, `asyncio` is asyncioxide to the tests. A worker that nobody
    watches any more ends itself when a test takes `backstop_s`.
    """

    module: str
    package: str
    folder: str | None = None
    loop: str = STOCK
    poll_every_turn: bool = False
    namespace: bool = False
    task: str | None = None
    future: str | None = None
    match: tuple[str, ...] = ()
    only: tuple[str, ...] | None = None
    settled: tuple[str, ...] = ()
    plan_only: bool = False
    backstop_s: float = 600.0

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def load(cls, path: Path) -> Job:
        values = json.loads(path.read_text())
        lists = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
        return cls(**(values | lists))


@dataclass
class Plan:
    """The tests of a module: those to run, and those left out with [kind, reason]."""

    tests: list[str] = field(default_factory=list)
    excluded: dict[str, list[str]] = field(default_factory=dict)


class EventSender:
    """The worker's end of the pipe. Events:

    plan     tests, excluded      after the module was loaded
    skip     reason               the module skips itself
    broken   text                 the module could not be loaded
    start    test                 a test begins
    end      test, status, summary, detail, seconds
    fixture  name, text           a class or module fixture failed
    done                          every test was run
    """

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd
        self._pid = os.getpid()

    def send(self, event: str, **values: Any) -> None:
        if os.getpid() != self._pid:  # a child that a test forked
            return
        line = json.dumps({"event": event, **values}).encode() + b"\n"
        while line:
            line = line[os.write(self._fd, line) :]


class EventParser:
    """The supervisor's end: turns what was read into events."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [json.loads(line) for line in lines]

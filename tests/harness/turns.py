"""Which turn of the loop something happened in.

The counter re-arms itself, so it stands at the head of every turn's queue and
has counted the turn before anything else in it runs.
"""

from __future__ import annotations

import asyncio
from typing import Any


class Turns:
    """Counts a loop's turns and notes, for each event, the turn it fell into."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._last: int | None = None
        self.now = 0
        self.trace: list[tuple[int, Any]] = []

    def start(self, last: int | None = None) -> None:
        """Begins to count; with `last`, stops the loop in that turn."""
        self._last = last
        self._loop.call_soon(self._tick)

    def _tick(self) -> None:
        self.now += 1
        if self.now == self._last:
            self._loop.stop()
        else:
            self._loop.call_soon(self._tick)

    def run(self, last: int) -> list[tuple[int, Any]]:
        """Runs the loop for `last` turns and answers what was noted."""
        self.start(last)
        self._loop.run_forever()
        return self.trace

    def note(self, event: Any) -> None:
        self.trace.append((self.now, event))

    def events(self) -> list[Any]:
        return [event for _, event in self.trace]

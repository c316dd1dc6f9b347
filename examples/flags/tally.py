"""The count of what a client got."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import codes
import pictures

PROGRESS_INTERVAL_S = 0.1
SHOWN_ERRORS = 3


class Tally:
    """Checks each answer and counts it; used by one thread only."""

    def __init__(
        self, client: str, loop: str, *, save: Path | None = None, progress: bool = False
    ) -> None:
        self._client = client
        self._loop = loop
        self._save = save
        self._progress = progress
        self._shown_at = 0.0
        self._complaints: list[str] = []
        self._round_seconds: list[float] = []
        self._cpu_seconds = 0.0
        self._pictures = 0
        self._missing = 0
        self._corrupt = 0
        self._errors = 0

    @property
    def requests(self) -> int:
        """How many requests have come to an end, good or bad."""
        return self._pictures + self._missing + self._corrupt + self._errors

    @property
    def last_round_seconds(self) -> float:
        """How long the last round took."""
        return self._round_seconds[-1]

    @property
    def clean(self) -> bool:
        """Whether every answer was the right one."""
        return self._corrupt == 0 and self._errors == 0

    def record(self, code: str, status: int, body: bytes) -> None:
        """Count an answer, compared with what it must be."""
        pictured = code in codes.PICTURED
        if status == 404 and not pictured:
            self._missing += 1
        elif status != 200:
            self._errors += 1
            self._complain(f"{code}: status {status}")
        elif not pictured or body != pictures.all_pictures()[code]:
            self._corrupt += 1
            self._complain(f"{code}: not its picture ({len(body)} bytes)")
        else:
            self._pictures += 1
            if self._save is not None:
                (self._save / f"{code}.gif").write_bytes(body)
        self._show_progress()

    def fail(self, code: str, error: Exception) -> None:
        """Count a request that got no answer."""
        self._errors += 1
        self._complain(f"{code}: {type(error).__name__}: {error}")
        self._show_progress()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of a round."""
        began, began_cpu = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self._round_seconds.append(time.monotonic() - began)
            self._cpu_seconds += time.process_time() - began_cpu

    def report(self) -> None:
        """Print the result as a line of JSON, and the first complaints on standard error."""
        seconds = sum(self._round_seconds)
        result = {
            "client": self._client,
            "loop": self._loop,
            "rounds": len(self._round_seconds),
            "pictures": self._pictures,
            "requests": self.requests,
            "missing": self._missing,
            "corrupt": self._corrupt,
            "errors": self._errors,
            "seconds": round(seconds, 4),
            "cpu_seconds": round(self._cpu_seconds, 4),
            "round_seconds": [round(each, 4) for each in self._round_seconds],
            "pictures_per_second": round(self._pictures / seconds, 2) if seconds else 0.0,
        }
        print(json.dumps(result), flush=True)
        for complaint in self._complaints:
            print(complaint, file=sys.stderr)

    def _complain(self, complaint: str) -> None:
        if len(self._complaints) < SHOWN_ERRORS:
            self._complaints.append(complaint)

    def _show_progress(self) -> None:
        if not self._progress:
            return
        now = time.monotonic()
        if now - self._shown_at >= PROGRESS_INTERVAL_S:
            self._shown_at = now
            print(json.dumps({"progress": self.requests}), flush=True)

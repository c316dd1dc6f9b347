"""What this process has used: memory as the kernel counts it, and the time between two points."""

import time
from pathlib import Path
from types import TracebackType
from typing import Self


def peak_rss_bytes() -> int:
    """The highest resident size of this process.

    Read from /proc, because `getrusage` begins a new program with the peak of the process that
    started it.
    """
    return _field(Path("/proc/self/status"), "VmHWM:")


def rss_bytes() -> int:
    """The resident size now, counted page by page: /proc/self/statm may lag behind by 64 pages."""
    return _field(Path("/proc/self/smaps_rollup"), "Rss:")


def _field(path: Path, name: str) -> int:
    with path.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            if line.startswith(name):
                return int(line.split()[1]) * 1024
    raise OSError(f"{path} has no {name}")


class Stopwatch:
    """Wall and CPU time spent inside a `with` block, by all threads of the process."""

    wall_s: float
    cpu_s: float

    def __enter__(self) -> Self:
        """Starts both clocks."""
        self._wall_start = time.perf_counter()
        self._cpu_start = time.process_time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops both clocks."""
        self.cpu_s = time.process_time() - self._cpu_start
        self.wall_s = time.perf_counter() - self._wall_start

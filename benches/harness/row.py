"""What a row of the benchmark is, and what one measurement of it yields.

A row is one operation under one name. The kinds of rows (`Timed`, `Held`, `Served`) are the ways
to measure; they are subclasses of `Row` in files of their own. Rows know nothing of rounds,
ratios or tables.
"""

import abc
import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LoopFactory = Callable[[], asyncio.AbstractEventLoop]


class Judge(enum.StrEnum):
    """The figure by which loops are compared on a row. Less is better in all of them."""

    CPU = "CPU time per operation"
    WALL = "wall time per operation"
    SERVER_CPU = "server CPU time per request"
    BYTES = "bytes per object"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement, made by one process."""

    operations: int
    wall_s: float
    cpu_s: float
    peak_rss_bytes: int
    grown_bytes: int = 0

    def value(self, judge: Judge) -> float:
        """The figure the row is judged by: nanoseconds or bytes per operation."""
        match judge:
            case Judge.CPU | Judge.SERVER_CPU:
                return self.cpu_s * 1e9 / self.operations
            case Judge.WALL:
                return self.wall_s * 1e9 / self.operations
            case Judge.BYTES:
                return self.grown_bytes / self.operations


@dataclass(frozen=True, slots=True)
class Assignment:
    """What a worker is told besides its row and loop."""

    operations: int
    loadgen: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Row(abc.ABC):
    """One operation to measure.

    `count` operations take 0.2 to 0.6 s on stock asyncio on the machine the counts were set on;
    all loops do the same number. A body that works in batches says how large they are in `batch`,
    and is only asked for whole batches. A quick
    run does `count / quick_divisor`.
    """

    name: str
    what: str
    unit: str
    count: int
    quick_divisor: int = 8
    batch: int = 1
    needs: tuple[str, ...] = ()

    @property
    @abc.abstractmethod
    def judged_by(self) -> Judge:
        """The figure the row is judged by."""

    @property
    def has_limit(self) -> bool:
        """Whether there is something to hold the loops against that no loop can beat."""
        return False

    @property
    def needs_loadgen(self) -> bool:
        """Whether the measurement needs the load generator."""
        return False

    @abc.abstractmethod
    def measure(self, loop_factory: LoopFactory, assignment: Assignment) -> Sample:
        """Warms up and measures, in this process, on a loop of its own."""

    def measure_limit(self, assignment: Assignment) -> Sample:
        """Measures the limit instead of a loop."""
        raise NotImplementedError(f"{self.name} has no limit to measure")

    def operations(self, *, quick: bool) -> int:
        """The number of operations of one measurement."""
        if not quick:
            return self.count
        return self.whole_batches(self.count // self.quick_divisor)

    def whole_batches(self, operations: int) -> int:
        """`operations` rounded down to whole batches, at least one."""
        return max(operations // self.batch, 1) * self.batch

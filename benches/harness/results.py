"""What a run found: samples by row and loop, and what follows from them."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from harness.contenders import BASELINES, LIMIT, SUBJECT
from harness.installed import Contender
from harness.machine import Machine
from harness.ratios import Ratio, Rounds
from harness.row import Judge, Row, Sample


@dataclass
class Cell:
    """One row on one loop: a sample for each round, or the reason why there is none."""

    samples: list[Sample] = field(default_factory=list)
    failed: str | None = None

    @property
    def measured(self) -> bool:
        """Whether there are figures."""
        return self.failed is None and bool(self.samples)

    def rounds(self, judge: Judge) -> Rounds:
        """The figures of all rounds."""
        return Rounds(tuple(sample.value(judge) for sample in self.samples))

    @property
    def peak_rss_bytes(self) -> int:
        """The highest resident size of all rounds."""
        return max(sample.peak_rss_bytes for sample in self.samples)


@dataclass
class Line:
    """One row on all loops. A loop that the row does not concern has no cell."""

    group: str
    row: Row
    operations: int
    cells: dict[str, Cell]

    @cached_property
    def judged(self) -> dict[str, Rounds]:
        """The deciding figures of the loops that have some. To be asked for after the run."""
        judge = self.row.judged_by
        return {name: cell.rounds(judge) for name, cell in self.cells.items() if cell.measured}

    def ratio(self, name: str, baseline: str) -> Ratio | None:
        """How many times less `name` costs than `baseline`, if both were measured."""
        if name not in self.judged or baseline not in self.judged:
            return None
        return self.judged[name].times_less_than(self.judged[baseline])

    def best_peer(self) -> str | None:
        """The loop that costs least, apart from the subject and the limit."""
        peers = [name for name in self.judged if name not in (SUBJECT, LIMIT)]
        return min(peers, key=lambda name: self.judged[name].median, default=None)

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "group": self.group,
            "name": self.row.name,
            "what": self.row.what,
            "unit": self.row.unit,
            "judged_by": self.row.judged_by.value,
            "operations": self.operations,
            "loops": {name: self._cell_as_dict(name) for name in self.cells},
        }

    def _cell_as_dict(self, name: str) -> dict[str, Any]:
        cell = self.cells[name]
        if not cell.measured:
            return {"failed": cell.failed or "not reached"}
        judged = self.judged[name]
        ratios = {baseline: self.ratio(name, baseline) for baseline in BASELINES}
        return {
            "median": judged.median,
            "spread": judged.spread,
            "ratios": {base: asdict(ratio) for base, ratio in ratios.items() if ratio is not None},
            "samples": [asdict(sample) for sample in cell.samples],
        }


@dataclass
class Results:
    """A whole run."""

    machine: Machine
    contenders: list[Contender]
    missing: dict[str, str]
    lines: list[Line]
    skipped: dict[str, str]
    quick: bool
    rounds_wanted: int
    rounds: int = 0
    load_before: float = 0.0
    load_after: float = 0.0
    seconds: float = 0.0

    @property
    def names(self) -> list[str]:
        """The loops that have a column."""
        return [contender.name for contender in self.contenders]

    @property
    def baseline(self) -> str | None:
        """The loop that ratios refer to where there is room for one only."""
        return next((name for name in BASELINES if name in self.names), None)

    def failures(self) -> list[tuple[Line, str, str]]:
        """Every row that failed on some loop: the row, the loop, the reason."""
        return [
            (line, name, cell.failed)
            for line in self.lines
            for name, cell in line.cells.items()
            if cell.failed is not None
        ]

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return {
            "machine": asdict(self.machine),
            "load_average": {"before": self.load_before, "after": self.load_after},
            "quick": self.quick,
            "rounds": self.rounds,
            "rounds_wanted": self.rounds_wanted,
            "seconds": self.seconds,
            "loops": {contender.name: contender.version for contender in self.contenders},
            "missing_loops": self.missing,
            "skipped_rows": self.skipped,
            "rows": [line.as_dict() for line in self.lines],
        }

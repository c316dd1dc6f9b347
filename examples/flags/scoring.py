"""Which clients run on which loops, and what they reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

CLIENTS = ("sequential", "threads", "yield", "await")


@dataclass(frozen=True, slots=True)
class Run:
    """A client to be run on a loop; ``weight`` is about how many seconds it takes."""

    client: str
    loop: str
    rounds: int
    weight: float


def plan(names: list[str], *, quick: bool, seconds: float) -> list[Run]:
    """Put the runs in order: client by client, the loops in turn."""
    turns, rounds = (1, 2) if quick else (3, 3)
    runs = [Run("sequential", loop, 1, seconds) for loop in names]
    runs += [Run("threads", loop, 1, min(seconds, 6.0)) for loop in names]
    for client in ("yield", "await"):
        for turn in range(turns):
            # Each loop goes first in its turn.
            order = names if turn % 2 == 0 else names[::-1]
            runs += [Run(client, loop, rounds, 2.0) for loop in order]
    return runs


@dataclass(slots=True)
class Score:
    """What a client reached on a loop, all its runs together."""

    client: str
    loop: str
    rounds: int = 0
    pictures: int = 0
    requests: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def add(self, result: dict[str, Any]) -> None:
        """Add the result of a run."""
        self.rounds += result["rounds"]
        self.pictures += result["pictures"]
        self.requests += result["requests"]
        self.seconds += result["seconds"]
        self.cpu_seconds += result["cpu_seconds"]

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.pictures / self.seconds if self.seconds else 0.0

    @property
    def cpu_ms(self) -> float:
        """The client's processor time for a request, in milliseconds."""
        return 1000 * self.cpu_seconds / self.requests if self.requests else 0.0


class Scores:
    """The scores of all clients on all loops."""

    def __init__(self, names: list[str]) -> None:
        self.loops = names
        self._scores = {(client, loop): Score(client, loop) for loop in names for client in CLIENTS}

    def __getitem__(self, key: tuple[str, str]) -> Score:
        return self._scores[key]

    def __iter__(self) -> Iterator[Score]:
        return iter(self._scores.values())

    def ratio(self, score: Score) -> float:
        """How many times the sequential rate on the same loop."""
        base = self["sequential", score.loop].rate
        return score.rate / base if base else 0.0

    def comparisons(self) -> list[str]:
        """Say how ``await`` compares on the other loops with the first."""
        base = self["await", self.loops[0]]
        lines = []
        for name in self.loops[1:]:
            score = self["await", name]
            times = score.rate / base.rate if base.rate else 0.0
            lines.append(
                f"await on {name}: {times:.2f} times the pictures/s of {base.loop}; "
                f"client's processor time {score.cpu_ms:.2f} ms a request, "
                f"on {base.loop} {base.cpu_ms:.2f} ms"
            )
        return lines

    def shortcomings(self, bar: float) -> list[str]:
        """Name the loops on which ``await`` missed the bar."""
        return [
            f"await on {name} reached {self.ratio(self['await', name]):.0f} times the sequential "
            f"rate, the bar is {bar:.0f}"
            for name in self.loops
            if self.ratio(self["await", name]) < bar
        ]

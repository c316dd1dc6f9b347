"""Medians, spreads, and ratios of medians with a bootstrap interval.

Rounds are paired: what was measured in the same round saw the same machine. The bootstrap
therefore draws rounds, and the same draws for all loops of a row; that is all there is to the
pairing, and it makes the resampled medians of a loop reusable for every ratio it appears in.
"""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

RESAMPLES = 4000
SEED = 20141


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times less than the baseline something costs, and its 95 % interval."""

    times: float
    low: float
    high: float


@dataclass(frozen=True)
class Rounds:
    """The figures of one loop on one row, one for each round."""

    values: tuple[float, ...]

    @cached_property
    def median(self) -> float:
        """The figure that stands for them."""
        return statistics.median(self.values)

    @cached_property
    def spread(self) -> float:
        """The distance between the quartiles, as a share of the median."""
        if len(self.values) < 2 or not self.median:
            return 0.0
        low, _, high = statistics.quantiles(self.values, n=4, method="inclusive")
        return (high - low) / self.median

    @cached_property
    def resampled_medians(self) -> list[float]:
        """The medians of rounds drawn with replacement."""
        values = self.values
        middle, odd = divmod(len(values), 2)
        medians = []
        for draw in _draws(len(values)):
            drawn = sorted([values[index] for index in draw])
            medians.append(drawn[middle] if odd else (drawn[middle - 1] + drawn[middle]) / 2)
        return medians

    def times_less_than(self, baseline: "Rounds") -> Ratio:
        """The ratio of the baseline's median to this one."""
        if len(self.values) != len(baseline.values):
            raise ValueError("rounds that are compared have to be paired")
        pairs = zip(baseline.resampled_medians, self.resampled_medians, strict=True)
        ratios = sorted(base / own for base, own in pairs)
        return Ratio(
            times=baseline.median / self.median,
            low=ratios[round(0.025 * (RESAMPLES - 1))],
            high=ratios[round(0.975 * (RESAMPLES - 1))],
        )


@cache
def _draws(count: int) -> list[list[int]]:
    generator = random.Random(SEED)
    return [generator.choices(range(count), k=count) for _ in range(RESAMPLES)]


def geometric_mean(ratios: Sequence[float]) -> float:
    """The mean under which twice and half cancel out."""
    return statistics.geometric_mean(ratios)

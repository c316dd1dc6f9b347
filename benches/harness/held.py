"""Rows that weigh what a pending object costs in memory."""

import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness.complaints import Complaints
from harness.resources import Stopwatch, peak_rss_bytes, rss_bytes
from harness.row import Assignment, Judge, LoopFactory, Row, Sample

Hold = Callable[[list[object]], Awaitable[None]]

# Measured objects stay alive here until the worker leaves without tearing anything down:
# cancelling 200 000 tasks would take longer than the measurement, and dropping them would report
# each as destroyed.
_ALIVE: list[list[object]] = []


@dataclass(frozen=True, kw_only=True)
class Held(Row):
    """Weighs the growth of the resident size while `hold(slots)` puts an object in each slot.

    `hold` returns when all objects are pending, tasks at their `await` included. The list of slots
    exists before and does not count.
    """

    hold: Hold
    quick_divisor: int = 4

    @property
    def judged_by(self) -> Judge:
        """Always bytes."""
        return Judge.BYTES

    def measure(self, loop_factory: LoopFactory, assignment: Assignment) -> Sample:
        """Fills the slots on a loop that is left pending."""
        loop = loop_factory()
        complaints = Complaints(loop)
        return loop.run_until_complete(self._measured(assignment.operations, complaints))

    async def _measured(self, count: int, complaints: Complaints) -> Sample:
        warm_slots: list[object] = [None] * 1000
        slots: list[object] = [None] * count
        _ALIVE.extend((warm_slots, slots))
        await self.hold(warm_slots)
        gc.collect()
        before = rss_bytes()
        with Stopwatch() as watch:
            await self.hold(slots)
        gc.collect()
        grown = rss_bytes() - before
        complaints.raise_first()
        return Sample(
            operations=count,
            wall_s=watch.wall_s,
            cpu_s=watch.cpu_s,
            peak_rss_bytes=peak_rss_bytes(),
            grown_bytes=grown,
        )

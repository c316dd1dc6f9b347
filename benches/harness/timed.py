"""Rows that time a coroutine."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from harness.complaints import Complaints
from harness.resources import Stopwatch, peak_rss_bytes
from harness.row import Assignment, Judge, LoopFactory, Row, Sample

Body = Callable[[int], Awaitable[None]]
Check = Callable[[], Awaitable[None]]
Limit = Callable[[int], object]


@dataclass(frozen=True, kw_only=True)
class Timed(Row):
    """Times `await body(operations)`, after a tenth of that as warm-up.

    `check` proves in the warm-up that the loop does what the row is about. `limit` does the bare
    work of as many operations with no loop at all.
    """

    body: Body
    check: Check | None = None
    limit: Limit | None = None
    judge: Judge = Judge.CPU

    @property
    def judged_by(self) -> Judge:
        """CPU time per operation unless the row says otherwise."""
        return self.judge

    @property
    def has_limit(self) -> bool:
        """Whether the row names its bare work."""
        return self.limit is not None

    def measure(self, loop_factory: LoopFactory, assignment: Assignment) -> Sample:
        """Runs the body under `asyncio.Runner`, as `asyncio.run` would."""
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            complaints = Complaints(runner.get_loop())
            return runner.run(self._measured(assignment.operations, complaints))

    async def _measured(self, operations: int, complaints: Complaints) -> Sample:
        if self.check is not None:
            await self.check()
        await self.body(self.whole_batches(operations // 10))
        gc.collect()
        with Stopwatch() as watch:
            await self.body(operations)
        complaints.raise_first()
        return _sample(watch, operations)

    def measure_limit(self, assignment: Assignment) -> Sample:
        """Does the bare work."""
        if self.limit is None:
            return super().measure_limit(assignment)
        self.limit(self.whole_batches(assignment.operations // 10))
        gc.collect()
        with Stopwatch() as watch:
            self.limit(assignment.operations)
        return _sample(watch, assignment.operations)


def _sample(watch: Stopwatch, operations: int) -> Sample:
    return Sample(
        operations=operations,
        wall_s=watch.wall_s,
        cpu_s=watch.cpu_s,
        peak_rss_bytes=peak_rss_bytes(),
    )

"""Rows that load a server.

The server runs on the loop under test, in the worker. The client is another process, the same for
all loops. A thread of the worker starts it, and reads the clocks when the client says that its
warm-up is over and when it says that the last answer has come: that thread sleeps in a read in
between, and the loop needs to know nothing about it.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from harness import loadgen
from harness.complaints import Complaints
from harness.resources import peak_rss_bytes
from harness.row import Assignment, Judge, LoopFactory, Row, Sample

Serve = Callable[[], AbstractAsyncContextManager[int]]


@dataclass(frozen=True, kw_only=True)
class Served(Row):
    """Loads what `serve()` opens; it gives the port on 127.0.0.1. An operation is a request."""

    serve: Serve
    load: loadgen.Load
    echoes: bool = True
    judge: Judge = Judge.SERVER_CPU
    quick_divisor: int = 4

    @property
    def judged_by(self) -> Judge:
        """CPU time of the server per request unless the row says otherwise."""
        return self.judge

    @property
    def has_limit(self) -> bool:
        """Echo servers are held against one that does nothing else."""
        return self.echoes

    @property
    def needs_loadgen(self) -> bool:
        """Always."""
        return True

    def measure(self, loop_factory: LoopFactory, assignment: Assignment) -> Sample:
        """Serves under `asyncio.Runner`, as `asyncio.run` would."""
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            complaints = Complaints(runner.get_loop())
            return runner.run(self._measured(assignment, complaints))

    async def _measured(self, assignment: Assignment, complaints: Complaints) -> Sample:
        async with self.serve() as port:
            try:
                answered = await asyncio.to_thread(self._apply, assignment, port, time.process_time)
            except loadgen.LoadError:
                # What the server reported explains more than the connections it cost.
                complaints.raise_first()
                raise
        complaints.raise_first()
        return self._sample(answered, peak_rss_bytes())

    def measure_limit(self, assignment: Assignment) -> Sample:
        """Loads the bare echo server in the same way."""
        if not self.echoes:
            return super().measure_limit(assignment)
        with loadgen.limit_server(self._binary(assignment)) as server:
            answered = self._apply(assignment, server.port, server.cpu_s)
            return self._sample(answered, server.peak_rss_bytes())

    def _apply(
        self, assignment: Assignment, port: int, server_cpu: Callable[[], float]
    ) -> loadgen.Answered:
        binary = self._binary(assignment)
        return loadgen.apply(binary, self.load, port, assignment.operations, server_cpu)

    def _binary(self, assignment: Assignment) -> Path:
        if assignment.loadgen is None:
            raise loadgen.LoadError("there is no load generator")
        return assignment.loadgen

    def _sample(self, answered: loadgen.Answered, peak: int) -> Sample:
        return Sample(
            operations=answered.requests,
            wall_s=answered.seconds,
            cpu_s=answered.server_cpu_s,
            peak_rss_bytes=peak,
        )

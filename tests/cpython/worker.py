"""Runs one module of CPython's suite in this process; `run.py` starts it."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import exclusions
import seams
from conformance import work
from conformance.job import Job
from conformance.target import Target, load
from seams import SUITE
from variants import add_variants


def load_module(job: Job) -> types.ModuleType:
    """The test module, pointed at the loop, with the variants added."""
    target = Target(job.loop, poll_every_turn=job.poll_every_turn)
    seams.install(target)
    module = importlib.import_module(f"{job.package}.{job.module}")
    if job.package == SUITE:
        seams.install_in(job.module, module, target)
    task = load(job.task) if job.task else None
    future = load(job.future) if job.future else None
    if task is not None or future is not None:
        add_variants(job.module, module, task, future)
    return module


if __name__ == "__main__":
    work.run(sys.argv[1:], load_module, exclusions.TESTS)

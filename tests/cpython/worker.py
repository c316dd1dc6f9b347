"""Runs one module of CPython's suite in this process; `run.py` starts it."""

from __future__ import annotations

import importlib
import sys
import types
from pathlib import Path
from typing import Any

sys.path.insert(1, str(Path(__file__).resolve().parent.parent))

import exclusions
import namespace
from conformance import work
from conformance.job import Job
from conformance.target import Target, load


def load_module(job: Job) -> types.ModuleType:
    """The test module, pointed at the loop, with the variants added."""
    if job.namespace:
        namespace.install()
    # They take names from asyncio, and from what imports it.
    seams: Any = importlib.import_module("seams")
    variants: Any = importlib.import_module("variants")
    target = Target(job.loop, poll_every_turn=job.poll_every_turn)
    seams.install(target)
    module = importlib.import_module(f"{job.package}.{job.module}")
    if job.package == seams.SUITE:
        seams.install_in(job.module, module, target)
    task = load(job.task) if job.task else None
    future = load(job.future) if job.future else None
    if task is not None or future is not None:
        variants.add_variants(job.module, module, task, future)
    return module


if __name__ == "__main__":
    in_namespace = Job.load(Path(sys.argv[1])).namespace
    work.run(sys.argv[1:], load_module, exclusions.tests_left_out(namespace=in_namespace))

"""Thousands of spawns, good and failed: no descriptor, thread or zombie may be left."""

from __future__ import annotations

import asyncio
import os
import threading
from asyncio.subprocess import PIPE

import pytest
from harness.processes import refuse_descriptors

AT_ONCE = 20


async def good():
    process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
    out, _ = await process.communicate(b"through")
    assert (out, process.returncode) == (b"through", 0)


async def failed():
    with pytest.raises(FileNotFoundError):
        await asyncio.create_subprocess_exec("/no/such/program", stdin=PIPE, stdout=PIPE)


async def cancelled():
    task = asyncio.ensure_future(
        asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def repeat(spawn, count):
    """Runs it so often, several at a time, and compares what is open before and after."""
    await spawn()
    await asyncio.sleep(0)
    before = (len(os.listdir("/proc/self/fd")), threading.active_count())

    async def worker(share):
        for _ in range(share):
            await spawn()

    await asyncio.gather(*(worker(count // AT_ONCE) for _ in range(AT_ONCE)))
    while asyncio.all_tasks() != {asyncio.current_task()}:
        await asyncio.sleep(0.001)
    with pytest.raises(ChildProcessError):
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    # The threads that waited end by themselves, after the loop has heard from them.
    for thread in threading.enumerate():
        if thread.name.startswith("asyncio-waitpid-"):
            await asyncio.to_thread(thread.join)
    await asyncio.get_running_loop().shutdown_default_executor()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == before


@pytest.mark.parametrize("spawn", [good, failed, cancelled])
@pytest.mark.parametrize("watching", ["descriptor", "thread"])
@pytest.mark.only("asyncioxide")
async def test_a_hundred(loop, monkeypatch, spawn, watching, captured_log):
    if watching == "thread":
        refuse_descriptors(monkeypatch)
    await repeat(spawn, 100)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("spawn", [good, failed, cancelled])
@pytest.mark.only("asyncioxide")
async def test_ten_thousand(loop, spawn):
    await repeat(spawn, 10_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("spawn", [good, failed])
@pytest.mark.only("asyncioxide")
async def test_two_thousand_with_threads(loop, monkeypatch, spawn):
    refuse_descriptors(monkeypatch)
    await repeat(spawn, 2000)

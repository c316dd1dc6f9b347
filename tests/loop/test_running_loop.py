"""Who is told which loop runs."""

from __future__ import annotations

import asyncio

import pytest


@pytest.mark.only("asyncioxide")
def test_tasks_run_while_asyncio_keeps_the_running_loop_in_python(loop, monkeypatch):
    for name in ("_get_running_loop", "_set_running_loop", "get_running_loop"):
        monkeypatch.setattr(asyncio.events, name, getattr(asyncio.events, f"_py_{name}"))

    async def main():
        await asyncio.sleep(0)
        return asyncio.events.get_running_loop(), asyncio.current_task(loop)

    task = loop.create_task(main())
    assert loop.run_until_complete(task) == (loop, task)
    assert asyncio.events._get_running_loop() is None

"""Tests with pytest and pytest-asyncio: functions, fixtures, and each test on both loops.

    pytest examples/testing --verbose

``conftest.py`` beside this file names the loops; ``--loop asyncioxide`` chooses one of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from cache import Cache
from source import Source

pytestmark = pytest.mark.asyncio


@pytest.fixture
def source() -> Source:
    """Give a source that holds its answers back."""
    return Source()


@pytest_asyncio.fixture
async def cache(source: Source) -> AsyncIterator[Cache[str, str]]:
    """Give a cache in front of it; both halves of this run on the test's loop."""
    made = Cache(source.fetch)
    yield made
    await made.close()


async def test_asks_once_for_all_that_wait(cache: Cache[str, str], source: Source) -> None:
    waiting = [asyncio.create_task(cache.get("a")) for _ in range(100)]
    await asyncio.sleep(0)
    source.open.set()
    assert await asyncio.gather(*waiting) == ["A"] * 100
    assert source.asked == ["a"]


@pytest.mark.parametrize("failure", [LookupError("no such key"), OSError("no such source")])
async def test_failure_reaches_all_and_is_not_kept(
    cache: Cache[str, str], source: Source, failure: Exception
) -> None:
    source.open.set()
    source.failure = failure
    for asking in [asyncio.create_task(cache.get("a")) for _ in range(2)]:
        with pytest.raises(type(failure)) as raised:
            await asking
        assert raised.value is failure
    source.failure = None
    assert await cache.get("a") == "A"


async def test_who_leaves_does_not_disturb_the_others(
    cache: Cache[str, str], source: Source
) -> None:
    impatient, patient = (asyncio.create_task(cache.get("a")) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    source.open.set()
    assert await patient == "A"
    assert impatient.cancelled()


async def test_source_that_never_answers_is_given_up(source: Source) -> None:
    with pytest.raises(TimeoutError):
        await Cache(source.fetch, timeout_s=0.01).get("a")


async def test_runs_on_the_named_loop(request: pytest.FixtureRequest) -> None:
    module = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    if chosen := request.config.getoption("--loop"):
        assert module == chosen
    else:
        assert request.node.name.endswith(f"[{module}]")

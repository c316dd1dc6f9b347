"""What comes later says so: NotImplementedError, naming the method, and nothing else does."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from harness.not_yet import NOT_YET

pytestmark = pytest.mark.only("asyncioxide")


@pytest.mark.parametrize("method", NOT_YET)
def test_says_so_and_names_itself(loop, method):
    async def call():
        made = getattr(loop, method)(*NOT_YET[method])
        return await made if inspect.isawaitable(made) else made

    with pytest.raises(NotImplementedError, match=method):
        loop.run_until_complete(call())


def test_every_other_public_method_is_there(loop):
    wanted = {
        name
        for name in dir(asyncio.SelectorEventLoop)
        if not name.startswith("_") and callable(getattr(asyncio.SelectorEventLoop, name))
    }
    assert wanted - set(dir(loop)) == set()
    for name in wanted - set(NOT_YET):
        assert getattr(type(loop), name) is not getattr(asyncio.AbstractEventLoop, name, None)

"""Which streams: stock ones and ours, each on each loop."""

from __future__ import annotations

import asyncio

import pytest


def streams_of(kind):
    """The module `streams` of one implementation."""
    if kind == "asyncio":
        return asyncio.streams
    from asyncioxide import streams

    return streams


@pytest.fixture(params=["asyncio", "asyncioxide"], ids=["stock", "ours"])
def streams(request):
    return streams_of(request.param)


@pytest.fixture
def turns(loop):
    """Lets the loop run so many turns."""

    async def run(count=3):
        for _ in range(count):
            await asyncio.sleep(0)

    return run


class Recorder(asyncio.Transport):
    """A transport that notes what is asked of it."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.closing = False

    def pause_reading(self):
        self.calls.append("pause_reading")

    def resume_reading(self):
        self.calls.append("resume_reading")

    def is_closing(self):
        return self.closing

    def close(self):
        self.calls.append("close")
        self.closing = True

    def abort(self):
        self.calls.append("abort")
        self.closing = True

    def write(self, data):
        self.calls.append(("write", bytes(data)))

    def writelines(self, data):
        self.calls.append(("writelines", [bytes(piece) for piece in data]))

    def write_eof(self):
        self.calls.append("write_eof")
        return "written"

    def can_write_eof(self):
        return "perhaps"

    def __repr__(self):
        return "<Recorder>"


@pytest.fixture
def transport():
    return Recorder()

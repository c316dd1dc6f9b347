"""`StreamReader._buffer`, which libraries look at and some change."""

from __future__ import annotations

import gc

import pytest


@pytest.fixture
def reader(loop, streams):
    return streams.StreamReader(loop=loop)


def test_is_a_bytearray_with_what_is_unread(loop, reader):
    assert type(reader._buffer) is bytearray
    reader.feed_data(b"abc")
    assert reader._buffer == b"abc"
    assert len(reader._buffer) == 3


async def test_what_is_changed_there_is_changed(loop, reader):
    reader.feed_data(b"abcdef")
    del reader._buffer[:2]
    reader._buffer.extend(b"gh")
    assert await reader.read(3) == b"cde"
    reader._buffer.clear()
    reader.feed_eof()
    assert await reader.read() == b""


async def test_stays_the_buffer_for_whoever_keeps_it(loop, reader):
    reader.feed_data(b"abc")
    buffer = reader._buffer
    reader.feed_data(b"def")
    assert buffer == b"abcdef"
    assert await reader.readexactly(2) == b"ab"
    assert buffer == b"cdef"
    buffer += b"\nrest"
    assert await reader.readline() == b"cdef\n"
    assert reader._buffer is buffer
    assert buffer == b"rest"


async def test_cannot_shrink_under_a_view(loop, reader):
    reader.feed_data(b"abc")
    with memoryview(reader._buffer), pytest.raises(BufferError):
        await reader.read(1)
    assert await reader.read(1) == b"a"


async def test_can_be_replaced(loop, reader):
    reader.feed_data(b"old")
    reader._buffer = bytearray(b"new")
    assert await reader.read(10) == b"new"


async def test_wakes_nobody(loop, reader, turns):
    task = loop.create_task(reader.readexactly(3))
    await turns()
    reader._buffer.extend(b"ab")
    await turns()
    assert not task.done()
    reader.feed_data(b"c")
    assert await task == b"abc"


@pytest.mark.parametrize("name", ["_eof", "_limit", "_paused", "_exception", "_transport"])
def test_other_fields_can_be_set(loop, reader, name):
    value = {"_eof": True, "_limit": 5, "_paused": True}.get(name, ValueError("x"))
    setattr(reader, name, value)
    assert getattr(reader, name) == value


async def test_a_field_that_is_set_counts(loop, reader):
    reader._exception = OSError("set by hand")
    with pytest.raises(OSError, match="set by hand"):
        await reader.read(1)
    reader._exception = None
    reader._eof = True
    assert await reader.read(1) == b""


def test_dies_in_a_cycle(loop, streams):
    class Array(bytearray):
        pass

    class Reader(streams.StreamReader):
        pass

    reader = Reader(loop=loop)
    reader._buffer = Array(b"abc")
    reader._buffer.reader = reader
    del reader
    gc.collect()
    assert not [found for found in gc.get_objects() if type(found) is Reader]

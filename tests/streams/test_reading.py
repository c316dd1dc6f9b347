"""What a StreamReader gives for what it was fed, however that was cut into pieces."""

from __future__ import annotations

import asyncio
import inspect
import sys

import pytest

TEXT = b"first line\nsecond\r\n\nand no newline"


def cuts(data):
    """The data in two pieces, cut at each place."""
    return [(data[:at], data[at:]) for at in range(len(data) + 1)]


@pytest.fixture
def make(loop, streams):
    def make(*pieces, eof=False, **options):
        reader = streams.StreamReader(loop=loop, **options)
        for piece in pieces:
            reader.feed_data(piece)
        if eof:
            reader.feed_eof()
        return reader

    return make


async def settled(task):
    """Waits for a task that must be about to end."""
    for _ in range(3):
        await asyncio.sleep(0)
    assert task.done()
    return task.result()


class TestCutAnywhere:
    async def test_lines(self, loop, make):
        for one, two in cuts(TEXT):
            reader = make(one)
            task = loop.create_task(self.all_lines(reader))
            await asyncio.sleep(0)
            reader.feed_data(two)
            await asyncio.sleep(0)
            reader.feed_eof()
            assert await task == [b"first line\n", b"second\r\n", b"\n", b"and no newline"]

    async def all_lines(self, reader):
        return [line async for line in reader]

    async def test_until(self, loop, make):
        for one, two in cuts(b"header\r\n\r\nbody"):
            reader = make(one)
            task = loop.create_task(reader.readuntil(b"\r\n\r\n"))
            await asyncio.sleep(0)
            reader.feed_data(two)
            assert await settled(task) == b"header\r\n\r\n"
            assert reader._buffer == b"body"

    @pytest.mark.skipif(sys.version_info < (3, 13), reason="one separator before Python 3.13")
    async def test_until_the_first_of_several(self, loop, make):
        for one, two in cuts(b"abcXYZdef"):
            reader = make(one)
            task = loop.create_task(reader.readuntil((b"XYZd", b"YZ", b"Z")))
            await asyncio.sleep(0)
            reader.feed_data(two)
            assert await settled(task) == b"abcXYZ"

    async def test_exactly(self, loop, make):
        for one, two in cuts(b"0123456789"):
            reader = make(one)
            task = loop.create_task(reader.readexactly(7))
            await asyncio.sleep(0)
            reader.feed_data(two)
            assert await settled(task) == b"0123456"
            assert await reader.read(100) == b"789"

    async def test_byte_by_byte(self, loop, make):
        reader = make()
        task = loop.create_task(reader.readuntil(b"line\n"))
        for index in range(len(TEXT)):
            reader.feed_data(TEXT[index : index + 1])
            await asyncio.sleep(0)
        assert await settled(task) == b"first line\n"
        assert await reader.readexactly(9) == b"second\r\n\n"


class TestCancelling:
    """A read that is cancelled takes nothing."""

    READS = (
        lambda reader: reader.read(3),
        lambda reader: reader.readline(),
        lambda reader: reader.readuntil(b"cd"),
        lambda reader: reader.readexactly(4),
        anext,
    )

    @pytest.mark.parametrize("read", READS)
    async def test_at_each_wait(self, loop, make, read):
        """Fed byte by byte, cancelled before each of them: the next try finds them all."""
        data = b"abcd\nef"
        for cancel_at in range(len(data)):
            reader = make()
            task = loop.create_task(self.once(read, reader))
            for index in range(len(data)):
                await asyncio.sleep(0)
                if index == cancel_at and not task.done():
                    task.cancel()
                    await asyncio.sleep(0)
                    assert task.cancelled()
                    task = loop.create_task(self.once(read, reader))
                    await asyncio.sleep(0)
                reader.feed_data(data[index : index + 1])
            reader.feed_eof()
            assert await settled(task) + await reader.read() == data

    async def once(self, read, reader):
        return await read(reader)

    @pytest.mark.parametrize("read", READS)
    async def test_when_the_bytes_have_come_already(self, loop, make, read):
        reader = make()
        task = loop.create_task(self.once(read, reader))
        await asyncio.sleep(0)
        reader.feed_data(b"abcd\n")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert reader._waiter is None
        reader.feed_eof()
        assert await reader.read() == b"abcd\n"

    async def test_leaves_the_reader_to_others(self, loop, make):
        reader = make()
        task = loop.create_task(reader.readline())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        other = loop.create_task(reader.readline())
        await asyncio.sleep(0)
        reader.feed_data(b"line\n")
        assert await settled(other) == b"line\n"


class TestLimits:
    async def test_a_line_too_long_is_dropped(self, loop, make):
        reader = make(b"1234567\nnext\n", limit=4)
        with pytest.raises(ValueError, match="Separator is found, but chunk is longer than limit"):
            await reader.readline()
        assert await reader.readline() == b"next\n"

    async def test_a_line_without_an_end_is_dropped(self, loop, make):
        reader = make(b"1234567", limit=4)
        with pytest.raises(ValueError, match="Separator is not found, and chunk exceed the limit"):
            await reader.readline()
        assert reader._buffer == b""

    async def test_the_error_has_its_cause(self, loop, make):
        reader = make(b"1234567\n", limit=4)
        with pytest.raises(ValueError) as caught:
            await reader.readline()
        assert isinstance(caught.value.__context__, asyncio.LimitOverrunError)
        assert caught.value.__context__.consumed == 7

    async def test_until_takes_nothing_past_the_limit(self, loop, make):
        reader = make(b"1234567;", limit=4)
        with pytest.raises(asyncio.LimitOverrunError) as caught:
            await reader.readuntil(b";")
        assert caught.value.consumed == 7
        assert reader._buffer == b"1234567;"

    @pytest.mark.parametrize("limit", [0, -1])
    def test_of_nothing(self, loop, make, limit):
        with pytest.raises(ValueError, match="Limit cannot be <= 0"):
            make(limit=limit)

    @pytest.mark.parametrize("limit", [2.5, 2**70, float("inf")])
    async def test_of_any_number(self, loop, make, transport, limit):
        reader = make(limit=limit)
        reader.set_transport(transport)
        reader.feed_data(b"12345")
        reader.feed_data(b"6")
        assert reader._limit == limit
        assert transport.calls == (["pause_reading"] if limit == 2.5 else [])


class TestFlowControl:
    async def test_pauses_beyond_twice_the_limit(self, loop, make, transport):
        reader = make(limit=4)
        reader.set_transport(transport)
        reader.feed_data(b"12345678")
        assert transport.calls == []
        reader.feed_data(b"9")
        reader.feed_data(b"0")
        assert transport.calls == ["pause_reading"]

    async def test_resumes_at_the_limit(self, loop, make, transport):
        reader = make(limit=4)
        reader.set_transport(transport)
        reader.feed_data(b"1234567890")
        assert await reader.read(5) == b"12345"
        assert transport.calls == ["pause_reading"]
        assert await reader.read(1) == b"6"
        assert transport.calls == ["pause_reading", "resume_reading"]

    async def test_whoever_waits_resumes(self, loop, make, transport):
        reader = make(limit=4)
        reader.set_transport(transport)
        reader.feed_data(b"1234567890")
        task = loop.create_task(reader.readexactly(12))
        await asyncio.sleep(0)
        assert transport.calls == ["pause_reading", "resume_reading"]
        reader.feed_data(b"12")
        assert await settled(task) == b"123456789012"

    async def test_of_a_transport_that_cannot_pause(self, loop, make):
        reader = make(limit=1)
        reader.set_transport(asyncio.ReadTransport())
        reader.feed_data(b"1234567890")
        reader.feed_data(b"1234567890")
        assert reader._transport is None

    async def test_what_pausing_raises_is_passed_on(self, loop, make, transport):
        reader = make(limit=1)
        reader.set_transport(transport)
        transport.pause_reading = lambda: 1 / 0
        with pytest.raises(ZeroDivisionError):
            reader.feed_data(b"123")


class TestWaiting:
    @pytest.mark.parametrize(
        ("name", "arguments", "said"),
        [
            ("read", (1,), "read"),
            ("readexactly", (1,), "readexactly"),
            ("readuntil", (), "readuntil"),
            ("readline", (), "readuntil"),
            ("_wait_for_data", ("me",), "me"),
        ],
    )
    async def test_only_one_may(self, loop, make, name, arguments, said):
        reader = make()
        task = loop.create_task(reader.read(1))
        await asyncio.sleep(0)
        text = rf"{said}\(\) called while another coroutine is already waiting for incoming data"
        with pytest.raises(RuntimeError, match=text):
            await getattr(reader, name)(*arguments)
        reader.feed_data(b"x")
        assert await settled(task) == b"x"

    async def test_raises_what_was_set(self, loop, make):
        reader = make()
        task = loop.create_task(reader.read(1))
        await asyncio.sleep(0)
        failure = OSError("lost")
        reader.set_exception(failure)
        with pytest.raises(OSError, match="lost"):
            await task
        for read in (reader.read(), reader.readline(), reader.readexactly(1), reader.readuntil()):
            with pytest.raises(OSError) as caught:
                await read
            assert caught.value is failure
        assert reader.exception() is failure

    async def test_data_wakes_and_leaves_all(self, loop, make):
        reader = make()
        task = loop.create_task(reader._wait_for_data("test"))
        await asyncio.sleep(0)
        assert reader._waiter is not None
        reader.feed_data(b"data")
        assert await settled(task) is None
        assert reader._buffer == b"data"

    async def test_after_the_end(self, loop, make):
        with pytest.raises(AssertionError, match="_wait_for_data after EOF"):
            await make(eof=True)._wait_for_data("test")


class TestEnd:
    async def test_every_read_says_so(self, loop, make):
        reader = make(eof=True)
        assert reader.at_eof()
        assert await reader.read() == await reader.read(5) == await reader.readline() == b""
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readexactly(2)
        assert (caught.value.partial, caught.value.expected) == (b"", 2)
        with pytest.raises(StopAsyncIteration):
            await anext(reader)

    async def test_of_a_message_that_is_not_whole(self, loop, make):
        reader = make(b"half", eof=True)
        with pytest.raises(asyncio.IncompleteReadError) as caught:
            await reader.readuntil(b";")
        assert (caught.value.partial, caught.value.expected) == (b"half", None)
        assert reader.at_eof()

    def test_nothing_may_follow(self, loop, make):
        with pytest.raises(AssertionError, match="feed_data after feed_eof"):
            make(eof=True).feed_data(b"more")

    async def test_read_of_all_waits_for_it(self, loop, make):
        reader = make(b"one ", limit=2)
        task = loop.create_task(reader.read())
        for piece in (b"two ", b"three ", b"four"):
            await asyncio.sleep(0)
            reader.feed_data(piece)
        await asyncio.sleep(0)
        reader.feed_eof()
        assert await settled(task) == b"one two three four"


class TestArguments:
    @pytest.mark.parametrize("data", [bytearray(b"abc"), memoryview(b"abc"), [97, 98, 99]])
    async def test_whatever_a_bytearray_takes_can_be_fed(self, loop, make, data):
        reader = make(data)
        assert await reader.read(5) == b"abc"

    @pytest.mark.parametrize("data", ["text", 5, object()])
    def test_what_it_does_not_take_cannot(self, loop, make, data):
        with pytest.raises(TypeError):
            make(data)

    async def test_what_was_fed_is_not_changed_afterwards(self, loop, make):
        data = bytearray(b"abc")
        reader = make(data)
        data[:] = b"xyz"
        assert await reader.read(3) == b"abc"

    @pytest.mark.parametrize(
        "separator", [bytearray(b"--"), memoryview(b"--")], ids=["bytearray", "memoryview"]
    )
    async def test_separators_of_any_kind(self, loop, make, separator):
        assert await make(b"a--b").readuntil(separator) == b"a--"

    async def test_an_empty_separator(self, loop, make):
        with pytest.raises(ValueError, match="Separator should be at least one-byte string"):
            await make(b"abc").readuntil(b"")

    async def test_a_separator_that_is_none(self, loop, make):
        with pytest.raises(TypeError):
            await make(b"abc").readuntil("b")

    async def test_a_negative_size(self, loop, make):
        with pytest.raises(ValueError, match="readexactly size can not be less than zero"):
            await make(b"abc").readexactly(-1)

    async def test_a_size_of_nothing(self, loop, make):
        reader = make()
        assert await reader.read(0) == await reader.readexactly(0) == b""

    @pytest.mark.parametrize("size", ["3", None])
    async def test_a_size_that_is_none(self, loop, make, size):
        with pytest.raises(TypeError):
            await make(b"abc").read(size)

    async def test_a_size_beyond_all_measure(self, loop, make):
        assert await make(b"abc").read(2**100) == b"abc"

    async def test_by_name(self, loop, make):
        reader = make(b"abcdef;gh\n")
        assert await reader.read(n=1) == b"a"
        assert await reader.readexactly(n=2) == b"bc"
        assert await reader.readuntil(separator=b";") == b"def;"


class TestShape:
    @pytest.mark.parametrize("name", ["read", "readline", "readexactly", "readuntil"])
    def test_look_like_coroutine_functions(self, loop, streams, make, name):
        stock = inspect.signature(getattr(asyncio.StreamReader, name))
        assert inspect.signature(getattr(streams.StreamReader, name)) == stock
        for function in (getattr(streams.StreamReader, name), getattr(make(), name)):
            assert inspect.iscoroutinefunction(function) or sys.version_info < (3, 12)
            assert sys.version_info >= (3, 14) or asyncio.iscoroutinefunction(function)

    async def test_repr(self, loop, make, transport):
        reader = make(b"abc", eof=True, limit=5)
        reader.set_exception(ValueError("no"))
        reader.set_transport(transport)
        assert repr(reader) == (
            "<StreamReader 3 bytes eof limit=5 exception=ValueError('no') transport=<Recorder>>"
        )

    async def test_calls_are_coroutines(self, loop, make):
        call = make(b"x\n").readline()
        assert asyncio.iscoroutine(call)
        assert call.__qualname__ == "StreamReader.readline"
        assert await call == b"x\n"

    def test_debug_mode_remembers_where_it_was_made(self, loop, make):
        assert make()._source_traceback is None
        loop.set_debug(True)
        assert "make" in {frame.name for frame in make()._source_traceback}

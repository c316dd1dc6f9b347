"""add_reader and add_writer: level-triggered watching of any descriptor."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
import weakref

import pytest


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    with left, right:
        yield left, right


def run_turns(loop, count):
    """Runs the loop for that many turns, each of which polls."""
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


def fill(sock):
    """Writes until the socket takes no more."""
    with pytest.raises(BlockingIOError):
        while True:
            sock.send(b"x" * 65536)


class TestReader:
    def test_is_called_with_its_arguments(self, loop, pair):
        left, right = pair
        seen = []
        loop.add_reader(left, lambda *args: (seen.append(args), loop.stop()), 1, "two")
        right.send(b"x")
        loop.run_forever()
        assert loop.remove_reader(left) is True
        assert seen == [(1, "two")]

    def test_is_called_until_there_is_nothing_left(self, loop, pair):
        left, right = pair
        seen = []
        loop.add_reader(left, lambda: seen.append(left.recv(1)))
        right.send(b"abc")
        run_turns(loop, 6)
        loop.remove_reader(left)
        assert seen == [b"a", b"b", b"c"]

    def test_is_called_again_and_again_while_it_does_not_read(self, loop, pair):
        left, right = pair
        seen = []
        loop.add_reader(left, seen.append, 1)
        right.send(b"x")
        run_turns(loop, 5)
        loop.remove_reader(left)
        assert len(seen) == 5

    def test_is_not_called_while_there_is_nothing(self, loop, pair):
        left, _ = pair
        loop.add_reader(left, pytest.fail, "called")
        run_turns(loop, 5)
        loop.remove_reader(left)

    def test_sees_the_end_of_the_stream(self, loop, pair):
        left, right = pair
        loop.add_reader(left, loop.stop)
        right.close()
        loop.run_forever()
        loop.remove_reader(left)
        assert left.recv(1) == b""

    def test_data_waiting_before_it_was_added_counts(self, loop, pair):
        left, right = pair
        right.send(b"x")
        loop.add_reader(left, loop.stop)
        loop.run_forever()
        loop.remove_reader(left)

    def test_added_by_a_callback_is_called(self, loop, pair):
        left, right = pair
        right.send(b"x")
        loop.call_soon(loop.add_reader, left, loop.stop)
        loop.run_forever()
        loop.remove_reader(left)

    def test_wakes_a_loop_with_a_far_timer(self, loop, pair):
        left, right = pair
        timer = loop.call_later(1000, pytest.fail, "timer")
        loop.add_reader(left, loop.stop)
        loop.call_soon(right.send, b"x")
        loop.run_forever()
        loop.remove_reader(left)
        timer.cancel()

    def test_an_exception_is_reported_and_watching_goes_on(self, loop, pair, reports):
        left, right = pair
        right.send(b"x")
        loop.add_reader(left, lambda: 1 / 0)
        run_turns(loop, 3)
        loop.remove_reader(left)
        assert [type(report["exception"]) for report in reports] == [ZeroDivisionError] * 3

    def test_gives_nothing_back(self, loop, pair):
        assert loop.add_reader(pair[0], print) is None
        assert loop.add_writer(pair[0], print) is None
        loop.remove_reader(pair[0])
        loop.remove_writer(pair[0])


class TestWriter:
    def test_is_called_while_there_is_room(self, loop, pair):
        left, _ = pair
        seen = []
        loop.add_writer(left, seen.append, "room")
        run_turns(loop, 3)
        assert loop.remove_writer(left) is True
        assert seen == ["room"] * 3

    def test_is_not_called_while_there_is_none(self, loop, pair):
        left, _ = pair
        fill(left)
        loop.add_writer(left, pytest.fail, "called")
        run_turns(loop, 3)
        loop.remove_writer(left)

    def test_is_called_when_the_peer_made_room(self, loop, pair):
        left, right = pair
        fill(left)
        loop.add_writer(left, loop.stop)

        def drain():
            while True:
                try:
                    right.recv(1 << 20)
                except BlockingIOError:
                    return

        loop.call_soon(loop.call_soon, drain)
        loop.run_forever()
        loop.remove_writer(left)

    def test_is_called_when_a_pipe_lost_its_reader(self, loop):
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writing, b"x" * 65536)
        loop.add_writer(writing, loop.stop)
        loop.call_soon(os.close, reading)
        loop.run_forever()
        loop.remove_writer(writing)
        os.close(writing)


class TestReplacing:
    def test_a_second_reader_takes_the_place_of_the_first(self, loop, pair):
        left, right = pair
        right.send(b"x")
        loop.add_reader(left, pytest.fail, "the first")
        loop.add_reader(left, loop.stop)
        loop.run_forever()
        assert loop.remove_reader(left) is True
        assert loop.remove_reader(left) is False

    def test_a_reader_may_replace_itself(self, loop, pair):
        left, right = pair
        seen = []
        right.send(b"x")

        def first():
            seen.append("first")
            loop.add_reader(left, second)

        def second():
            seen.append("second")
            loop.stop()

        loop.add_reader(left, first)
        loop.run_forever()
        loop.remove_reader(left)
        assert seen == ["first", "second"]

    def test_a_second_writer_takes_the_place_of_the_first(self, loop, pair):
        left, _ = pair
        loop.add_writer(left, pytest.fail, "the first")
        loop.add_writer(left, loop.stop)
        loop.run_forever()
        assert loop.remove_writer(left) is True
        assert loop.remove_writer(left) is False


class TestBothOnOneDescriptor:
    def test_are_called_each_for_its_own(self, loop, pair):
        left, right = pair
        seen = []
        loop.add_reader(left, seen.append, "reader")
        loop.add_writer(left, seen.append, "writer")
        run_turns(loop, 1)
        assert seen == ["writer"]
        right.send(b"x")
        run_turns(loop, 1)
        assert sorted(seen) == ["reader", "writer", "writer"]
        loop.remove_reader(left)
        loop.remove_writer(left)

    def test_removing_one_leaves_the_other(self, loop, pair):
        left, right = pair
        right.send(b"x")
        seen = []
        loop.add_reader(left, seen.append, "reader")
        loop.add_writer(left, seen.append, "writer")
        assert loop.remove_writer(left) is True
        run_turns(loop, 1)
        assert seen == ["reader"]
        seen.clear()
        loop.add_writer(left, seen.append, "writer")
        assert loop.remove_reader(left) is True
        run_turns(loop, 1)
        assert seen == ["writer"]
        loop.remove_writer(left)

    def test_reader_runs_before_writer(self, loop, pair):
        left, right = pair
        right.send(b"x")
        seen = []
        loop.add_writer(left, seen.append, "writer")
        loop.add_reader(left, seen.append, "reader")
        run_turns(loop, 1)
        loop.remove_reader(left)
        loop.remove_writer(left)
        assert seen == ["reader", "writer"]


class TestRemoving:
    def test_tells_whether_there_was_one(self, loop, pair):
        left, _ = pair
        assert loop.remove_reader(left) is False
        assert loop.remove_writer(left) is False
        loop.add_reader(left, print)
        assert loop.remove_writer(left) is False
        assert loop.remove_reader(left) is True
        assert loop.remove_reader(left) is False

    def test_a_callback_may_remove_itself(self, loop, pair):
        left, right = pair
        seen = []
        right.send(b"x")
        loop.add_reader(left, lambda: seen.append(loop.remove_reader(left)))
        run_turns(loop, 3)
        assert seen == [True]

    def test_of_two_ready_in_one_turn_the_first_may_remove_the_second(self, loop):
        pairs = [socket.socketpair() for _ in range(2)]
        seen = []

        def remove_the_other(mine, other):
            seen.append(mine)
            loop.remove_reader(other)

        first, second = pairs[0][0], pairs[1][0]
        loop.add_reader(first, remove_the_other, 1, second)
        loop.add_reader(second, remove_the_other, 2, first)
        for _, peer in pairs:
            peer.send(b"x")
        run_turns(loop, 1)
        assert len(seen) == 1
        loop.remove_reader(first)
        loop.remove_reader(second)
        for left, right in pairs:
            left.close()
            right.close()

    def test_a_callback_may_close_the_other_socket(self, loop):
        pairs = [socket.socketpair() for _ in range(2)]
        seen = []

        def close_the_other(mine, other):
            seen.append(mine)
            loop.remove_reader(other)
            other.close()

        first, second = pairs[0][0], pairs[1][0]
        loop.add_reader(first, close_the_other, 1, second)
        loop.add_reader(second, close_the_other, 2, first)
        for _, peer in pairs:
            peer.send(b"x")
        run_turns(loop, 1)
        assert len(seen) == 1
        survivor = first if seen == [1] else second
        assert loop.remove_reader(survivor) is True
        for left, right in pairs:
            left.close()
            right.close()

    def test_after_the_socket_was_closed(self, loop, pair):
        left, _ = pair
        number = left.fileno()
        loop.add_reader(number, print)
        left.close()
        assert loop.remove_reader(number) is True
        assert loop.remove_reader(number) is False

    def test_on_a_closed_loop_gives_false(self, loop, pair):
        left, _ = pair
        loop.add_reader(left, print)
        loop.close()
        assert loop.remove_reader(left) is False
        assert loop.remove_writer(left) is False


class TestKindsOfDescriptor:
    @pytest.mark.parametrize("how", [lambda s: s, lambda s: s.fileno()], ids=["object", "number"])
    def test_object_and_number_mean_the_same(self, loop, pair, how):
        left, right = pair
        right.send(b"x")
        loop.add_reader(how(left), loop.stop)
        loop.run_forever()
        assert loop.remove_reader(left.fileno()) is True
        assert loop.remove_reader(left) is False

    def test_anything_with_fileno(self, loop, pair):
        left, right = pair

        class Thing:
            def fileno(self):
                return left.fileno()

        right.send(b"x")
        loop.add_reader(Thing(), loop.stop)
        loop.run_forever()
        assert loop.remove_reader(Thing()) is True

    def test_a_pipe(self, loop):
        reading, writing = os.pipe()
        seen = []
        loop.add_reader(reading, lambda: (seen.append(os.read(reading, 10)), loop.stop()))
        os.write(writing, b"through")
        loop.run_forever()
        loop.remove_reader(reading)
        os.close(reading)
        os.close(writing)
        assert seen == [b"through"]

    def test_a_listening_socket(self, loop):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            loop.add_reader(listener, loop.stop)
            with socket.create_connection(listener.getsockname()):
                loop.run_forever()
                loop.remove_reader(listener)
                listener.accept()[0].close()

    def test_a_regular_file_cannot_be_watched(self, loop, tmp_path):
        with open(tmp_path / "file", "w") as file, pytest.raises(PermissionError):
            loop.add_reader(file, print)


class TestBehindOurBack:
    @pytest.mark.only("asyncioxide")
    def test_a_number_closed_and_used_again_belongs_to_the_new_owner(self, loop, pair):
        # asyncio raises FileNotFoundError at the second add_reader.
        left, _ = pair
        loop.add_reader(left, pytest.fail, "the old owner")
        number = left.fileno()
        left.close()
        new, peer = socket.socketpair()
        with new, peer:
            if new.fileno() != number:
                os.dup2(new.fileno(), number)
            loop.add_reader(number, loop.stop)
            peer.send(b"x")
            loop.run_forever()
            assert loop.remove_reader(number) is True
            if new.fileno() != number:
                os.close(number)

    def test_closed_with_a_duplicate_left_is_not_heard_of_once_removed(self, loop, pair):
        left, right = pair
        number = left.fileno()
        loop.add_reader(number, pytest.fail, "called")
        with left.dup():
            left.close()
            loop.remove_reader(number)
            right.send(b"x")
            run_turns(loop, 3)

    def test_closed_without_removing_is_not_heard_of(self, loop, pair):
        left, right = pair
        loop.add_reader(left, pytest.fail, "called")
        left.close()
        with pytest.raises(OSError):
            right.send(b"x")
        run_turns(loop, 3)

    def test_many_sockets_come_and_go(self, loop):
        seen = []
        for number in range(300):
            left, right = socket.socketpair()
            loop.add_reader(left, lambda n=number: (seen.append(n), loop.stop()))
            right.send(b"x")
            loop.run_forever()
            loop.remove_reader(left)
            left.close()
            right.close()
        assert seen == list(range(300))


def test_a_loop_that_waits_costs_no_processor_time(loop, pair):
    left, _ = pair
    loop.add_reader(left, print)
    loop.call_later(0.5, loop.stop)
    before = time.thread_time()
    loop.run_forever()
    used = time.thread_time() - before
    loop.remove_reader(left)
    assert used < 0.05


async def test_hundreds_of_readers_at_once(loop):
    pairs = [socket.socketpair() for _ in range(300)]
    seen = set()
    all_seen = loop.create_future()

    def on_readable(number):
        pairs[number][0].recv(1)
        seen.add(number)
        if len(seen) == len(pairs):
            all_seen.set_result(None)

    for number, (left, right) in enumerate(pairs):
        loop.add_reader(left, on_readable, number)
        right.send(b"x")
    await all_seen
    for left, right in pairs:
        assert loop.remove_reader(left) is True
        left.close()
        right.close()


def test_callbacks_run_in_the_context_of_the_call(loop, pair):
    import contextvars

    left, right = pair
    variable = contextvars.ContextVar("variable", default="unset")
    seen = []

    async def main():
        variable.set("at the call")
        loop.add_reader(left, lambda: (seen.append(variable.get()), loop.remove_reader(left)))
        variable.set("later")
        right.send(b"x")
        while not seen:
            await asyncio.sleep(0)

    loop.run_until_complete(main())
    assert seen == ["at the call"]


class TestClosedSocket:
    """A socket that was closed has no number any more, and is found by itself."""

    @pytest.mark.parametrize("side", ["reader", "writer"])
    def test_is_found_and_removed(self, loop, pair, side):
        left, _ = pair
        getattr(loop, f"add_{side}")(left, pytest.fail, "called")
        left.close()
        remove = getattr(loop, f"remove_{side}")
        assert remove(left) is True
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            remove(left)
        run_turns(loop, 2)

    def test_another_object_with_its_number_is_not(self, loop, pair):
        left, _ = pair
        number = left.fileno()
        loop.add_reader(number, pytest.fail, "called")
        left.close()
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.remove_reader(left)
        assert loop.remove_reader(number) is True

    def test_cannot_be_added(self, loop, pair):
        left, _ = pair
        left.close()
        with pytest.raises(ValueError, match="Invalid file descriptor: -1"):
            loop.add_reader(left, pytest.fail, "called")

    def test_is_kept_while_it_is_watched(self, loop, pair):
        watched = socket.socket(fileno=os.dup(pair[0].fileno()))
        reference = weakref.ref(watched)
        loop.add_reader(watched, pytest.fail, "called")
        del watched
        gc.collect()
        kept = reference()
        assert kept is not None
        kept.close()
        assert loop.remove_reader(kept) is True

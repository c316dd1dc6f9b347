"""In which order, and in which turn, callbacks and tasks run."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest
from harness.turns import Turns

pytestmark = pytest.mark.ordering


def test_call_soon_runs_in_order_of_asking(loop):
    seen = []
    for number in range(100):
        loop.call_soon(seen.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == list(range(100))


def test_what_becomes_ready_in_a_turn_runs_in_the_next(loop):
    turns = Turns(loop)
    turns.start(4)
    loop.call_soon(turns.note, "a")
    loop.call_soon(lambda: loop.call_soon(turns.note, "c"))
    loop.call_soon(turns.note, "b")
    loop.run_forever()
    assert turns.trace == [(1, "a"), (1, "b"), (2, "c")]


def test_a_chain_of_call_soon_takes_a_turn_per_link(loop):
    turns = Turns(loop)

    def link(left):
        turns.note(left)
        if left:
            loop.call_soon(link, left - 1)

    turns.start(60)
    loop.call_soon(link, 50)
    loop.run_forever()
    assert turns.trace == [(51 - left, left) for left in range(50, -1, -1)]


def test_two_chains_take_strict_turns(loop):
    seen = []

    def link(name, left):
        seen.append((name, left))
        if left:
            loop.call_soon(link, name, left - 1)
        else:
            loop.call_soon(loop.stop)

    loop.call_soon(link, "a", 40)
    loop.call_soon(link, "b", 40)
    loop.run_forever()
    assert seen == [(name, left) for left in range(40, -1, -1) for name in "ab"]


def test_stop_finishes_the_turn_and_no_more(loop):
    seen = []
    loop.call_soon(seen.append, "before")
    loop.call_soon(loop.stop)
    loop.call_soon(lambda: loop.call_soon(seen.append, "next turn"))
    loop.call_soon(seen.append, "after")
    loop.run_forever()
    assert seen == ["before", "after"]
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["before", "after", "next turn"]


def test_a_cancelled_callback_is_skipped_even_in_the_same_turn(loop):
    seen = []
    handles = []
    loop.call_soon(lambda: handles[0].cancel())
    handles.append(loop.call_soon(seen.append, "cancelled"))
    loop.call_soon(seen.append, "kept")
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == ["kept"]


def test_due_timers_run_after_what_was_ready(loop):
    turns = Turns(loop)
    loop.call_later(0, turns.note, "timer")
    loop.call_soon(turns.note, "ready")
    assert turns.run(3)[:2] == [(0, "ready"), (1, "timer")]


def test_due_timers_run_in_the_turn_and_before_what_it_makes_ready(loop):
    turns = Turns(loop)
    turns.start(5)

    def first():
        turns.note("first")
        loop.call_soon(turns.note, "made ready")

    loop.call_later(0, turns.note, "timer")
    loop.call_soon(first)
    loop.run_forever()
    assert turns.trace == [(1, "first"), (1, "timer"), (2, "made ready")]


def test_a_timer_for_now_set_in_a_callback_waits_for_the_next_turn(loop):
    turns = Turns(loop)
    turns.start(6)

    def again(left):
        turns.note(left)
        if left:
            loop.call_later(0, again, left - 1)

    loop.call_soon(again, 3)
    loop.run_forever()
    assert turns.trace == [(1, 3), (2, 2), (3, 1), (4, 0)]


def test_timers_run_in_order_of_time_whatever_the_order_of_asking(loop):
    seen = []
    now = loop.time()
    for offset in (5, 1, 4, 0, 3, 2):
        loop.call_at(now - 10 + offset, seen.append, offset)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [0, 1, 2, 3, 4, 5]


def test_three_timers_of_one_time_run_in_order_of_asking(loop):
    seen = []
    when = loop.time() - 1
    for number in range(3):
        loop.call_at(when, seen.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [0, 1, 2]


@pytest.mark.only("asyncioxide", "asyncioxide-poll")
def test_any_number_of_timers_of_one_time_run_in_order_of_asking(loop):
    # asyncio's heap leaves this undefined; asyncioxide promises it.
    seen = []
    when = loop.time() - 1
    for number in range(1000):
        loop.call_at(when, seen.append, number)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == list(range(1000))


def test_threadsafe_calls_from_the_loop_thread_keep_their_place(loop):
    seen = []
    loop.call_soon(seen.append, 0)
    loop.call_soon_threadsafe(seen.append, 1)
    loop.call_soon(seen.append, 2)
    loop.call_soon_threadsafe(seen.append, 3)
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert seen == [0, 1, 2, 3]


def test_threadsafe_calls_from_a_callback_keep_their_place(loop):
    turns = Turns(loop)
    turns.start(4)

    def schedule():
        loop.call_soon(turns.note, 0)
        loop.call_soon_threadsafe(turns.note, 1)
        loop.call_soon(turns.note, 2)

    loop.call_soon(schedule)
    loop.call_soon(turns.note, "same turn")
    loop.run_forever()
    assert turns.trace == [(1, "same turn"), (2, 0), (2, 1), (2, 2)]


def on_another_thread(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    thread.join()


def test_calls_from_another_thread_keep_their_place_in_a_callback(loop):
    turns = Turns(loop)
    turns.start(3)

    def both():
        loop.call_soon(turns.note, "before")
        on_another_thread(loop.call_soon_threadsafe, turns.note, "thread")
        loop.call_soon(turns.note, "between")
        on_another_thread(loop.call_soon_threadsafe, turns.note, "thread again")
        loop.call_soon(turns.note, "after")

    loop.call_soon(both)
    loop.run_forever()
    assert turns.trace == [
        (2, "before"),
        (2, "thread"),
        (2, "between"),
        (2, "thread again"),
        (2, "after"),
    ]


def test_a_task_that_wakes_keeps_its_place_among_calls_from_another_thread(loop):
    trace = []

    async def wait(future):
        trace.append(await future)

    async def main():
        first, second = loop.create_future(), loop.create_future()
        tasks = [loop.create_task(wait(future)) for future in (first, second)]
        await asyncio.sleep(0)
        first.set_result("first")
        on_another_thread(loop.call_soon_threadsafe, trace.append, "thread")
        second.set_result("second")
        await asyncio.gather(*tasks)

    loop.run_until_complete(main())
    assert trace == ["first", "thread", "second"]


def test_calls_from_another_thread_run_before_events_and_timers_of_the_turn(loop):
    trace = []
    near, far = socket.socketpair()

    def readable():
        trace.append("reader")
        near.recv(1)
        # The turn that looks at the sources may be a later one than asyncio's, never none.
        loop.stop()

    def begin():
        far.send(b"x")
        loop.call_at(loop.time(), trace.append, "timer")
        on_another_thread(loop.call_soon_threadsafe, trace.append, "thread")
        loop.call_soon(trace.append, "soon")

    with near, far:
        near.setblocking(False)
        loop.add_reader(near, readable)
        # Not in the loop's first turn, which looks at the sources in any case.
        loop.call_soon(loop.call_soon, begin)
        loop.run_forever()
        loop.remove_reader(near)
    assert [each for each in trace if each != "reader"] == ["thread", "soon", "timer"]
    assert trace.index("reader") > trace.index("soon")


def test_a_task_begins_in_the_turn_after_its_creation(loop):
    turns = Turns(loop)
    turns.start(4)

    async def work():
        turns.note("begun")

    def create():
        tasks.append(loop.create_task(work()))
        turns.note("created")

    tasks = []
    loop.call_soon(create)
    loop.run_forever()
    assert turns.trace == [(1, "created"), (2, "begun")]
    assert tasks[0].done()


@pytest.mark.parametrize("native", [False, True], ids=["stdlib", "native"])
def test_sleep_zero_takes_exactly_one_turn(loop, names, native):
    sleep = names.sleep if native else asyncio.sleep
    turns = Turns(loop)
    turns.start(8)

    async def work(name):
        for step in range(3):
            turns.note((name, step))
            await sleep(0)

    tasks = [loop.create_task(work(name)) for name in "ab"]
    loop.run_forever()
    assert turns.trace == [(step + 1, (n, step)) for step in range(3) for n in "ab"]
    assert all(task.done() for task in tasks)


def test_a_waiter_resumes_in_the_turn_after_set_result(loop):
    turns = Turns(loop)
    turns.start(6)
    future = loop.create_future()

    async def waiter():
        turns.note("waits")
        await future
        turns.note("resumed")

    def resolve():
        future.set_result(None)
        turns.note("resolved")

    task = loop.create_task(waiter())
    loop.call_soon(loop.call_soon, resolve)
    loop.run_forever()
    assert turns.trace == [(1, "waits"), (2, "resolved"), (3, "resumed")]
    assert task.done()


def test_awaiting_what_is_done_takes_no_turn(loop):
    turns = Turns(loop)
    turns.start(4)
    future = loop.create_future()
    future.set_result("done")

    async def waiter():
        turns.note("before")
        turns.note(await future)

    task = loop.create_task(waiter())
    loop.run_forever()
    assert turns.trace == [(1, "before"), (1, "done")]
    assert task.done()


def test_done_callbacks_run_in_the_next_turn_in_order_of_adding(loop):
    turns = Turns(loop)
    turns.start(4)
    future = loop.create_future()
    for number in range(5):
        future.add_done_callback(lambda _, number=number: turns.note(number))
    loop.call_soon(future.set_result, None)
    loop.call_soon(turns.note, "same turn")
    loop.run_forever()
    assert turns.trace == [(1, "same turn"), *[(2, n) for n in range(5)]]


def test_the_waiter_of_a_task_resumes_in_the_turn_after_it_ended(loop):
    turns = Turns(loop)
    turns.start(6)

    async def inner():
        turns.note("inner")

    async def outer():
        await loop.create_task(inner())
        turns.note("outer")

    task = loop.create_task(outer())
    loop.run_forever()
    assert turns.trace == [(2, "inner"), (3, "outer")]
    assert task.done()


def test_cancelling_a_waiting_task_wakes_it_two_turns_later(loop):
    turns = Turns(loop)
    turns.start(8)
    future = loop.create_future()

    async def waiter():
        try:
            await future
        except asyncio.CancelledError:
            turns.note("cancelled")
            raise

    task = loop.create_task(waiter())
    task.add_done_callback(lambda _: turns.note("done"))
    loop.call_soon(loop.call_soon, task.cancel)
    loop.run_forever()
    assert turns.trace == [(3, "cancelled"), (4, "done")]


def test_in_the_first_turn_events_run_between_callbacks_and_timers(loop):
    turns = Turns(loop)
    left, right = socket.socketpair()
    with left, right:
        right.send(b"x")
        turns.start(2)
        loop.add_reader(left, turns.note, "reader")
        loop.call_later(0, turns.note, "timer")
        loop.call_soon(turns.note, "callback")
        loop.run_forever()
        loop.remove_reader(left)
    assert turns.trace[:3] == [(1, "callback"), (1, "reader"), (1, "timer")]


@pytest.mark.only("asyncio", "asyncioxide-poll")
def test_a_ready_reader_runs_in_every_turn(loop):
    turns = Turns(loop)
    left, right = socket.socketpair()
    with left, right:
        right.send(b"x")
        loop.add_reader(left, turns.note, "ready")
        trace = turns.run(20)
        loop.remove_reader(left)
    assert trace == [(turn, "ready") for turn in range(1, 21)]


def test_a_chain_of_callbacks_does_not_starve_a_reader(loop):
    # asyncioxide may leave out the poll for at most 32 turns in a row.
    turns = Turns(loop)
    left, right = socket.socketpair()

    def on_readable():
        turns.note("read")
        left.recv(1)

    with left, right:
        loop.add_reader(left, on_readable)
        loop.call_soon(loop.call_soon, loop.call_soon, right.send, b"x")
        trace = turns.run(100)
        loop.remove_reader(left)
    assert [event for _, event in trace] == ["read"]
    assert trace[0][0] <= 3 + 33


def test_a_chain_of_callbacks_does_not_starve_a_timer(loop):
    turns = Turns(loop)
    turns.start(10)
    loop.call_soon(lambda: loop.call_later(0, turns.note, "timer"))
    loop.run_forever()
    assert turns.trace == [(2, "timer")]

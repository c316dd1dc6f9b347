"""call_later and call_at: never early, in order, cancellable, any delay."""

from __future__ import annotations

import asyncio
import gc
import math
import random
import threading
import weakref

import pytest


def clock_resolution():
    import time

    return time.get_clock_info("monotonic").resolution


class TestWhen:
    @pytest.mark.parametrize("delay", [0, 0.0001, 0.001, 0.0015, 0.01, 0.05])
    def test_never_early(self, loop, delay):
        seen = []
        handle = loop.call_later(delay, lambda: (seen.append(loop.time()), loop.stop()))
        loop.run_forever()
        assert seen[0] >= handle.when() - clock_resolution()

    def test_many_short_timers_are_never_early(self, loop):
        rng = random.Random(1)
        early = []
        left = 300

        def check(when):
            nonlocal left
            if loop.time() < when - clock_resolution():
                early.append(when)
            left -= 1
            if not left:
                loop.stop()

        start = loop.time()
        for _ in range(left):
            when = start + rng.random() * 0.05
            loop.call_at(when, check, when)
        loop.run_forever()
        assert early == []

    def test_call_later_counts_from_now(self, loop):
        before = loop.time()
        handle = loop.call_later(100, print)
        after = loop.time()
        assert before + 100 <= handle.when() <= after + 100
        handle.cancel()

    def test_call_at_keeps_the_time_it_was_given(self, loop):
        when = loop.time() + 12.5
        handle = loop.call_at(when, print)
        assert handle.when() == when
        handle.cancel()

    def test_call_at_in_the_past_runs_at_once(self, loop):
        seen = []
        now = loop.time()
        loop.call_at(now / 2, seen.append, "long ago")
        loop.call_at(now / 4, seen.append, "longer ago")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["longer ago", "long ago"]

    def test_times_before_the_clocks_start_keep_their_order(self, loop):
        seen = []
        for when in (-0.25, 0, -1e300, -5, -0.0, -math.inf, -5):
            loop.call_at(when, seen.append, when)
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == [-math.inf, -1e300, -5, -5, -0.25, 0, -0.0]

    def test_thousands_that_are_due_together_run_in_order(self, loop):
        rng = random.Random(2)
        seen, expected = [], []
        begin = loop.time()
        # All of them different: asyncio keeps no order among equal times.
        for number in rng.sample(range(5000), 5000):
            when = begin - number
            expected.append((when, number))
            loop.call_at(when, seen.append, (when, number))
        far = [loop.call_later(3600 + number, print) for number in range(5000)]
        loop.call_later(0, loop.stop)
        loop.run_forever()
        assert seen == sorted(expected)
        for handle in far:
            handle.cancel()

    @pytest.mark.parametrize("delay", [-1, -0.5, -1e9, -math.inf])
    def test_a_negative_delay_runs_at_once(self, loop, delay):
        seen = []
        loop.call_later(delay, seen.append, "ran")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["ran"]

    def test_a_delay_that_is_not_a_number_runs_at_once(self, loop):
        seen = []
        handle = loop.call_later(math.nan, seen.append, "ran")
        assert math.isnan(handle.when())
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["ran"]

    def test_integers_fractions_and_numbers_of_a_users_type_are_delays(self, loop):
        from fractions import Fraction

        class Number(float):
            pass

        seen = []
        for delay in (0, False, Fraction(0), Number(0)):
            loop.call_later(delay, seen.append, type(delay))
        loop.call_soon(loop.call_soon, loop.stop)
        loop.run_forever()
        assert seen == [int, bool, Fraction, Number]

    def test_none_is_refused(self, loop):
        with pytest.raises(TypeError, match="^delay must not be None$"):
            loop.call_later(None, print)
        with pytest.raises(TypeError, match="^when cannot be None$"):
            loop.call_at(None, print)


class TestFarAway:
    @pytest.mark.parametrize("delay", [24 * 3600 + 1, 1e9, 2.0**40, 2.0**63, 1e300, math.inf])
    def test_does_not_run_and_does_not_stop_others(self, loop, delay):
        seen = []
        handle = loop.call_later(delay, seen.append, "far")
        loop.call_later(0.001, seen.append, "near")
        loop.call_later(0.002, loop.stop)
        loop.run_forever()
        handle.cancel()
        assert seen == ["near"]

    @pytest.mark.parametrize("delay", [24 * 3600 + 1, 2.0**40, 1e300, math.inf])
    def test_a_loop_waiting_for_it_can_be_woken(self, loop, delay):
        handle = loop.call_later(delay, pytest.fail, "ran")
        thread = threading.Thread(target=loop.call_soon_threadsafe, args=(loop.stop,))
        loop.call_soon(thread.start)
        loop.run_forever()
        thread.join()
        handle.cancel()


class TestCancel:
    def test_a_cancelled_timer_does_not_run(self, loop):
        seen = []
        handle = loop.call_later(0, seen.append, "cancelled")
        handle.cancel()
        loop.call_later(0, seen.append, "kept")
        loop.call_soon(loop.call_soon, loop.stop)
        loop.run_forever()
        assert seen == ["kept"]
        assert handle.cancelled()

    def test_one_timer_can_cancel_another_of_the_same_turn(self, loop):
        seen = []
        now = loop.time()
        second = None
        loop.call_at(now - 2, lambda: second.cancel())
        second = loop.call_at(now - 1, seen.append, "second")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == []

    def test_cancel_twice_and_after_it_ran(self, loop):
        handle = loop.call_later(0, loop.stop)
        loop.run_forever()
        assert not handle.cancelled()
        handle.cancel()
        handle.cancel()
        assert handle.cancelled()

    def test_lets_go_of_callback_and_arguments_at_once(self, loop):
        class Argument:
            def __call__(self):
                pass

        callback, argument = Argument(), Argument()
        alive = [weakref.ref(callback), weakref.ref(argument)]
        handle = loop.call_later(1000, callback, argument)
        del callback, argument
        handle.cancel()
        assert [ref() for ref in alive] == [None, None]

    def test_a_timer_that_ran_lets_go_of_its_arguments(self, loop):
        class Argument:
            pass

        argument = Argument()
        alive = weakref.ref(argument)
        loop.call_later(0, lambda _: None, argument)
        del argument
        loop.call_soon(loop.call_soon, loop.stop)
        loop.run_forever()
        gc.collect()
        assert alive() is None

    def test_when_survives_cancel(self, loop):
        handle = loop.call_at(1234.5, print)
        handle.cancel()
        assert handle.when() == 1234.5

    def test_most_of_many_cancelled(self, loop):
        rng = random.Random(2)
        seen = []
        now = loop.time()
        numbers = list(range(2000))
        rng.shuffle(numbers)
        handles = {n: loop.call_at(now - 3000 + n, seen.append, n) for n in numbers}
        kept = set(rng.sample(numbers, 150))
        for number, handle in handles.items():
            if number not in kept:
                handle.cancel()
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == sorted(kept)

    def test_timers_set_and_cancelled_over_and_over_do_not_pile_up(self, loop):
        class Argument:
            pass

        argument = Argument()
        alive = weakref.ref(argument)
        keep = loop.call_later(3600, print)
        for _ in range(5000):
            loop.call_later(60, print, argument).cancel()
        del argument
        assert alive() is None
        loop.call_soon(loop.stop)
        loop.run_forever()
        keep.cancel()


class TestMany:
    def test_ten_thousand_in_random_order_run_in_order_of_time(self, loop):
        rng = random.Random(3)
        numbers = list(range(10_000))
        rng.shuffle(numbers)
        seen = []
        now = loop.time()
        for number in numbers:
            loop.call_at(now - 1 + number * 1e-5, seen.append, number)
        loop.call_at(now - 1 + 0.2, loop.stop)
        loop.run_forever()
        assert seen == sorted(numbers)

    def test_a_timer_that_sets_itself_again_does_not_keep_the_loop(self, loop):
        turns = 0

        def again():
            nonlocal turns
            turns += 1
            if turns < 50:
                loop.call_later(0, again)
            else:
                loop.stop()

        loop.call_later(0, again)
        loop.run_forever()
        assert turns == 50

    def test_many_sleepers_wake_in_order_of_time(self, loop):
        woken = []

        async def sleeper(delay):
            await asyncio.sleep(delay)
            woken.append(delay)

        async def main():
            delays = [0.02 + n * 0.001 for n in range(20)]
            await asyncio.gather(*(sleeper(delay) for delay in reversed(delays)))
            return delays

        assert loop.run_until_complete(main()) == woken

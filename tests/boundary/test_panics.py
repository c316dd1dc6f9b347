"""A panic in Rust becomes an exception, whichever slot it happens in, and never ends the process.

The type that panics is in builds with the cargo feature `panic-tests` only: `make test-panics`.
"""

from __future__ import annotations

import asyncio
import collections.abc
import gc
import weakref

import pytest

pytestmark = [pytest.mark.panics, pytest.mark.only("asyncioxide")]


def panicked(place):
    return f"asyncioxide panicked: in {place}"


def living(cls):
    return sum(type(thing) is cls for thing in gc.get_objects())


class Witness:
    """Something that a weak reference can tell of."""


@pytest.fixture
def bomb_class():
    from asyncioxide._asyncioxide import _panics

    collections.abc.Coroutine.register(_panics.Bomb)
    yield _panics.Bomb
    _panics.Bomb.arm("")


@pytest.fixture(params=["exact", "subclass"])
def make(request, bomb_class):
    """Makes bombs, of the native type and of a Python class derived from it."""
    if request.param == "exact":
        return bomb_class

    class Derived(bomb_class):
        pass

    return Derived


def set_attribute(bomb):
    bomb.attribute = 1


def use_as_key(bomb):
    return {bomb: 1}


RAISING = {
    "new": lambda bomb: type(bomb)(),
    "init": lambda bomb: type(bomb)(),
    "repr": repr,
    "iter": iter,
    "await": lambda bomb: bomb.__await__(),
    "step": next,
    "call": lambda bomb: bomb(1, key=2),
    "compare": lambda bomb: bomb == 1,
    "hash": use_as_key,
    "assignment": set_attribute,
    "setter": set_attribute,
    "getter": lambda bomb: bomb.attribute,
    "method": lambda bomb: bomb.method(1, key=2),
    "method0": lambda bomb: bomb.method0(),
    "method1": lambda bomb: bomb.method1(1),
    "class method": lambda bomb: type(bomb).arm(""),
}


class TestSlotsThatCanRaise:
    @pytest.mark.parametrize("place", RAISING)
    def test_raise_a_system_error(self, make, place):
        bomb = make()
        make.arm(place)
        with pytest.raises(SystemError) as caught:
            RAISING[place](bomb)
        assert str(caught.value) == panicked(place)

    @pytest.mark.parametrize("place", RAISING)
    def test_work_the_next_time(self, make, place):
        bomb = make()
        make.arm(place)
        with pytest.raises(SystemError):
            RAISING[place](bomb)
        RAISING[place](bomb) if place != "step" else next(bomb, None)

    def test_the_exception_being_handled_is_the_context(self, make):
        bomb = make()
        with pytest.raises(SystemError) as caught:
            try:
                raise KeyError("first")
            except KeyError:
                make.arm("method0")
                bomb.method0()
        assert isinstance(caught.value.__context__, KeyError)

    @pytest.mark.parametrize("task_class", ["Task", "stock"])
    def test_a_step_sent_from_c_raises_in_the_task(self, make, loop, names, task_class):
        cls = asyncio.Task if task_class == "stock" else names.Task
        make.arm("step")
        task = cls(make(), loop=loop)
        with pytest.raises(SystemError, match=panicked("step")):
            loop.run_until_complete(task)


class TestSlotsThatCannotRaise:
    def test_a_panic_while_fields_are_dropped_is_unraisable(self, make, unraisable):
        bomb = make()
        make.arm("dealloc")
        del bomb
        assert unraisable == [f"SystemError: {panicked('dealloc')}"]

    def test_a_panic_in_the_finalizer_is_unraisable(self, make, unraisable):
        bomb = make()
        make.arm("finalize")
        del bomb
        assert unraisable == [f"SystemError: {panicked('finalize')}"]

    @pytest.mark.parametrize("place", ["pool", "wants_finalize"])
    def test_a_panic_in_what_deallocation_asks_is_unraisable(self, bomb_class, unraisable, place):
        bomb = bomb_class()
        bomb_class.arm(place)
        del bomb
        assert unraisable == [f"SystemError: {panicked(place)}"]

    def test_an_exception_on_its_way_survives_a_panicking_deallocation(self, make, unraisable):
        def fail():
            bomb = make()
            make.arm("dealloc")
            if bomb is not None:
                raise KeyError("mine")

        with pytest.raises(KeyError, match="mine") as caught:
            fail()
        # The frame, and with it the bomb, dies here.
        del caught
        gc.collect()
        assert unraisable == [f"SystemError: {panicked('dealloc')}"]

    def test_what_a_panicking_object_held_is_freed(self, make, unraisable):
        witness = Witness()
        alive = weakref.ref(witness)
        bomb = make(witness)
        make.arm("dealloc")
        del bomb, witness
        assert alive() is None
        assert len(unraisable) == 1

    def test_a_long_chain_of_panicking_objects_is_freed(self, make, unraisable):
        witness = Witness()
        alive = weakref.ref(witness)
        chain = make(witness)
        for _ in range(1000):
            chain = make(chain)
        make.arm("dealloc")
        del chain, witness
        assert alive() is None
        assert len(unraisable) == 1

    def test_a_panic_while_a_cycle_is_cleared_is_unraisable(self, make, unraisable):
        bomb = make()
        bomb.__init__(bomb)
        make.arm("clear")
        del bomb
        gc.collect()
        assert unraisable == [f"SystemError: {panicked('clear')}"]
        assert living(make) == 1
        gc.collect()
        assert living(make) == 0

    def test_a_panic_in_traversal_keeps_objects_alive_and_is_reported_later(self, make, unraisable):
        cycle = [witness := Witness()]
        alive = weakref.ref(witness)
        cycle.append(make(cycle))
        make.arm("traverse")
        del cycle, witness
        gc.collect()
        assert alive() is not None
        make.arm("")
        assert set(unraisable) == {f"SystemError: {panicked('traverse')}"}
        gc.collect()
        assert alive() is None


class TestTheLoop:
    def test_a_callback_that_panics_is_reported(self, bomb_class, loop, reports):
        bomb = bomb_class()
        bomb_class.arm("call")
        loop.call_soon(bomb)
        loop.call_soon(loop.stop)
        loop.run_forever()
        (report,) = reports
        assert isinstance(report["exception"], SystemError)
        assert str(report["exception"]) == panicked("call")

    def test_an_entry_that_panics_costs_the_entry_only(self, bomb_class, loop, reports):
        seen = []
        bomb_class().step_soon(loop)
        loop.call_soon(seen.append, "next")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["next"]
        (report,) = reports
        assert str(report["exception"]).startswith("asyncioxide panicked: only tasks are put into")

    def test_in_debug_mode_too(self, bomb_class, loop, reports):
        loop.set_debug(True)
        bomb_class().step_soon(loop)
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert [type(report["exception"]) for report in reports] == [SystemError]

    def test_a_panic_between_entries_leaves_a_loop_that_can_run_again(self, bomb_class, loop):
        bomb = bomb_class()
        loop.call_soon(bomb.gather, loop)
        bomb_class.arm("end of turn")
        with pytest.raises(SystemError, match=panicked("end of turn")):
            loop.run_forever()
        assert not loop.is_running()
        assert asyncio._get_running_loop() is None
        loop.run_until_complete(asyncio.sleep(0))


class TestNativeCoroutines:
    def test_a_panicking_block_raises_and_is_finished(self, bomb_class):
        coroutine = bomb_class().coroutine()
        bomb_class.arm("block")
        with pytest.raises(SystemError, match=panicked("block")):
            coroutine.send(None)
        with pytest.raises(RuntimeError, match="cannot reuse already awaited coroutine"):
            coroutine.send(None)

    def test_a_task_gets_the_exception(self, bomb_class, loop):
        bomb_class.arm("block")
        with pytest.raises(SystemError, match=panicked("block")):
            loop.run_until_complete(bomb_class().coroutine())

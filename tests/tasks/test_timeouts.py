"""timeout and timeout_at: stdlib's and the native ones, held to the same rules on each loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import math
import re
import subprocess
import sys
import weakref
from decimal import Decimal
from fractions import Fraction

import pytest
from harness.outcome import outcome, shown
from harness.traces import traced


async def for_ever():
    await asyncio.get_running_loop().create_future()


# Scenarios. What has passed expires in the next turn, so none of them waits for the clock.


async def expires(aio, trace):
    async with aio.timeout(0) as timeout:
        trace(re.sub(r"=\d+\.\d+>", "=TIME>", repr(timeout)))
        try:
            await for_ever()
        except asyncio.CancelledError as error:
            trace(error)
            trace((timeout.expired(), timeout._state.name, timeout._timeout_handler))
            raise


async def expires_while_busy(aio, trace):
    async with aio.timeout(-1):
        trace("busy")
    trace("out in time")


async def caught_outside(aio, trace):
    timeout = aio.timeout(0)
    try:
        async with timeout:
            await for_ever()
    except TimeoutError as error:
        trace(error)
    trace((repr(timeout), timeout.expired(), timeout._state.name))
    trace(asyncio.current_task().cancelling())


async def leaves_in_time(aio, trace):
    async with aio.timeout(3600) as timeout:
        handler = timeout._timeout_handler
        trace(handler.cancelled())
        await trace.turns(2)
    trace((handler.cancelled(), timeout._timeout_handler, repr(timeout)))


async def never_expires(aio, trace):
    async with aio.timeout(None) as timeout:
        trace((repr(timeout), timeout.when(), timeout._timeout_handler))
        await trace.turns(2)
    trace(repr(timeout))


async def the_body_raises(aio, trace):
    async with aio.timeout(3600):
        raise ValueError("body")


async def the_body_raises_after_expiry(aio, trace):
    async with aio.timeout(0):
        try:
            await for_ever()
        finally:
            raise ValueError("body")


async def the_body_raises_from_what_it_caught(aio, trace):
    async with aio.timeout(0):
        try:
            await for_ever()
        except asyncio.CancelledError as error:
            try:
                raise KeyError("between")
            except KeyError:
                raise ValueError("body") from error


async def the_body_raises_a_group(aio, trace):
    async with aio.timeout(0):
        errors = []
        try:
            await for_ever()
        except asyncio.CancelledError:
            for number in range(2):
                try:
                    raise ValueError(number)
                except ValueError as error:
                    errors.append(error)
            raise ExceptionGroup("body", errors) from None


async def the_body_swallows(aio, trace):
    async with aio.timeout(0):
        with contextlib.suppress(asyncio.CancelledError):
            await for_ever()
        trace(asyncio.current_task().cancelling())
        await trace.turns(1)


async def a_subclass_of_cancelled_error(aio, trace):
    class Own(asyncio.CancelledError):
        pass

    async with aio.timeout(0):
        try:
            await for_ever()
        except asyncio.CancelledError as error:
            raise Own("own") from error


async def nested_inner_first(aio, trace):
    async with aio.timeout(3600) as outer:
        try:
            async with aio.timeout(0):
                await for_ever()
        except TimeoutError as error:
            trace(error)
        trace(outer._state.name)


async def nested_outer_first(aio, trace):
    async with aio.timeout(0), aio.timeout(3600) as inner:
        try:
            await for_ever()
        finally:
            trace(inner._state.name)


async def nested_at_once(aio, trace):
    outer, inner = aio.timeout(0), aio.timeout(0)
    try:
        async with outer, inner:
            await for_ever()
    finally:
        trace((repr(outer), repr(inner)))


async def nested_in_finally(aio, trace):
    async with aio.timeout(0):
        try:
            await for_ever()
        finally:
            try:
                async with aio.timeout(0):
                    await for_ever()
            except TimeoutError as error:
                trace(error)


async def cancelled_from_outside(aio, trace):
    trace.loop.call_soon(asyncio.current_task().cancel, "outside")
    async with aio.timeout(3600):
        await for_ever()


async def cancelled_and_expired_together(aio, trace):
    trace.loop.call_soon(asyncio.current_task().cancel, "outside")
    async with aio.timeout(0):
        await for_ever()


async def expired_and_cancelled_together(aio, trace):
    async with aio.timeout(0):
        trace.loop.call_soon(asyncio.current_task().cancel, "outside")
        await for_ever()


async def cancelled_before(aio, trace):
    asyncio.current_task().cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await trace.turns(1)
    async with aio.timeout(0):
        await for_ever()


async def cancels_itself_inside(aio, trace):
    async with aio.timeout(0):
        asyncio.current_task().cancel()
        asyncio.current_task().uncancel()
        await for_ever()


async def rescheduled_to_the_past(aio, trace):
    async with aio.timeout(3600) as timeout:
        first = timeout._timeout_handler
        timeout.reschedule(trace.loop.time() - 1)
        trace((first.cancelled(), timeout._state.name))
        await for_ever()


async def rescheduled_to_never(aio, trace):
    async with aio.timeout(0) as timeout:
        timeout.reschedule(None)
        trace((timeout.when(), repr(timeout), timeout._timeout_handler))
        await trace.turns(3)


async def rescheduled_and_back(aio, trace):
    async with aio.timeout(None) as timeout:
        for when in (math.inf, None, 0, -1.0, None, trace.loop.time() + 3600):
            timeout.reschedule(when)
        await trace.turns(3)
    trace(timeout)


async def rescheduled_at_the_wrong_time(aio, trace):
    timeout = aio.timeout(3600)

    def tried():
        try:
            timeout.reschedule(None)
        except RuntimeError as error:
            trace(error)

    tried()
    async with timeout:
        pass
    tried()
    try:
        async with (timeout := aio.timeout(0)):
            try:
                await for_ever()
            finally:
                tried()
    except TimeoutError:
        pass
    tried()


async def entered_twice(aio, trace):
    async with (timeout := aio.timeout(3600)):
        try:
            async with timeout:
                trace("inside")
        except RuntimeError as error:
            trace(error)
    async with timeout:
        trace("inside")


async def left_twice(aio, trace):
    async with (timeout := aio.timeout(3600)):
        pass
    await timeout.__aexit__(None, None, None)


async def left_by_hand(aio, trace):
    timeout = aio.timeout(0)
    trace(await timeout.__aenter__() is timeout)
    try:
        await for_ever()
    except asyncio.CancelledError as error:
        caught = error
    try:
        await timeout.__aexit__(asyncio.CancelledError, caught, None)
    except TimeoutError as error:
        trace(error)
        trace(error.__cause__ is caught)


async def left_by_hand_without_an_instance(aio, trace):
    timeout = aio.timeout(0)
    await timeout.__aenter__()
    with contextlib.suppress(asyncio.CancelledError):
        await for_ever()
    await timeout.__aexit__(asyncio.CancelledError, None, None)


async def at_a_time(aio, trace):
    when = trace.loop.time() + 3600
    async with aio.timeout_at(when) as timeout:
        trace((timeout.when() is when, timeout._when is when))
        await trace.turns(1)
    async with aio.timeout_at(0):
        await for_ever()


async def by_the_class(aio, trace):
    async with aio.Timeout(when=0) as timeout:
        trace((repr(timeout), timeout._cancelling))
        await for_ever()


async def subclassed(aio, trace):
    class Own(aio.Timeout):
        def reschedule(self, when):
            trace(f"reschedule {when}")
            super().reschedule(when)

        def _on_timeout(self):
            trace("on timeout")
            super()._on_timeout()

    async with Own(0):
        await for_ever()


async def with_attributes(aio, trace):
    timeout = aio.timeout(0)
    timeout.note = "kept"
    async with timeout:
        trace(timeout.note)
        await for_ever()


async def in_a_task_that_is_finished_meanwhile(aio, trace):
    # The timer outlives a task that never leaves the block.
    async def inner():
        await aio.timeout(0).__aenter__()

    await asyncio.ensure_future(inner())
    await trace.turns(3)


async def kept_alive_by_nothing(aio, trace):
    alive = weakref.ref(aio.timeout(None))
    trace(alive() is None)


SCENARIOS = [
    expires,
    expires_while_busy,
    caught_outside,
    leaves_in_time,
    never_expires,
    the_body_raises,
    the_body_raises_after_expiry,
    the_body_raises_from_what_it_caught,
    the_body_raises_a_group,
    the_body_swallows,
    a_subclass_of_cancelled_error,
    nested_inner_first,
    nested_outer_first,
    nested_at_once,
    nested_in_finally,
    cancelled_from_outside,
    cancelled_and_expired_together,
    expired_and_cancelled_together,
    cancelled_before,
    cancels_itself_inside,
    rescheduled_to_the_past,
    rescheduled_to_never,
    rescheduled_and_back,
    rescheduled_at_the_wrong_time,
    entered_twice,
    left_twice,
    left_by_hand,
    left_by_hand_without_an_instance,
    at_a_time,
    by_the_class,
    subclassed,
    with_attributes,
    in_a_task_that_is_finished_meanwhile,
    kept_alive_by_nothing,
]


@pytest.mark.parametrize("debug", [False, True], ids=["plain", "debug"])
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
async def test_happens_as_in_asyncio(loop, native, run_task, scenario, debug):
    loop.set_debug(debug)
    loop.slow_callback_duration = 60
    expected = await traced(loop, asyncio, scenario, run_task)
    assert await traced(loop, native, scenario, run_task) == expected


async def test_expires_when_its_time_has_come(loop, aio):
    begin = loop.time()
    with pytest.raises(TimeoutError):
        async with aio.timeout(0.02) as timeout:
            await for_ever()
    assert loop.time() >= timeout.when() - 1e-6 >= begin


async def test_many_expire_in_order_of_time(loop, aio):
    expired = []
    # Each is entered a little later than the one before: counted from one moment they are in order.
    begin = loop.time()

    async def one(delay):
        with pytest.raises(TimeoutError):
            async with aio.timeout_at(begin + delay):
                await for_ever()
        expired.append(delay)

    delays = [0.03, 0.01, 0.02, 0, 0.015, 0.005]
    await asyncio.gather(*(one(delay) for delay in delays))
    assert expired == sorted(delays)


@pytest.mark.parametrize(
    "delay",
    [0, 1, True, 2**80, 1.5, math.inf, Fraction(1, 2), "1", (), Decimal(1), 2**2000, object()],
    ids=shown,
)
async def test_what_a_delay_can_be(loop, aio, delay):
    def made(namespace):
        timeout = namespace.timeout(delay)
        return type(timeout.when())

    assert outcome(lambda: made(aio)) == outcome(lambda: made(asyncio))


@pytest.mark.parametrize("when", ["1", (), Decimal(10**12), Fraction(10**12, 3), 10**12], ids=shown)
async def test_what_a_deadline_can_be(loop, aio, when):
    async def entered(namespace):
        try:
            async with namespace.timeout_at(when) as timeout:
                assert timeout.when() is when
                return repr(timeout)
        except (TypeError, OverflowError) as error:
            return f"{type(error)} {error}"

    assert await entered(aio) == await entered(asyncio)


def test_needs_a_running_loop(aio):
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        aio.timeout(1)


def test_outside_of_a_task(loop, aio):
    # A coroutine driven by a callback, which is no task.
    said = []

    def drive():
        entering = aio.timeout(1).__aenter__()
        with pytest.raises(RuntimeError, match="^Timeout should be used inside a task$") as caught:
            entering.send(None)
        said.append(caught)
        loop.stop()

    loop.call_soon(drive)
    loop.run_forever()
    assert said


def test_without_a_loop(aio):
    timeout = aio.timeout_at(1)
    assert repr(timeout) == "<Timeout [created]>"
    with pytest.raises(RuntimeError, match="^no running event loop$"):
        timeout.__aenter__().send(None)


@pytest.mark.parametrize("name", ["__aenter__", "__aexit__"])
async def test_what_is_not_awaited_warns(loop, aio, name):
    method = getattr(aio.timeout(None), name)
    arguments = (None, None, None) if name == "__aexit__" else ()
    with pytest.warns(RuntimeWarning, match=rf"^coroutine 'Timeout.{name}' was never awaited$"):
        method(*arguments)
        gc.collect()


async def test_wrong_arguments(loop, aio):
    for call in (
        lambda: aio.timeout(),
        lambda: aio.timeout(1, 2),
        lambda: aio.timeout(wrong=1),
        lambda: aio.timeout_at(),
        lambda: aio.Timeout(),
        lambda: aio.timeout(1).reschedule(),
        lambda: aio.timeout(1).__aexit__(),
    ):
        with pytest.raises(TypeError):
            call()


async def test_by_keyword(loop, aio):
    assert aio.timeout(delay=None).when() is None
    assert aio.timeout_at(when=5).when() == 5
    async with aio.timeout(None) as timeout:
        timeout.reschedule(when=None)


EXPIRES = """
import asyncio, sys
import asyncioxide

if sys.argv[1] == "installed":
    asyncioxide.install()

async def main():
    try:
        async with asyncioxide.timeout(0):
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                raise ValueError
    except ValueError as error:
        print(type(error.__context__))

asyncioxide.run(main())
"""


def test_does_as_the_version_does_when_asyncio_has_our_names():
    def printed(argument):
        command = [sys.executable, "-c", EXPIRES, argument]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed("installed") == printed("not installed") != ""

"""A future's states, and what setting and reading it does in each."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from unittest.mock import Mock

import pytest
from harness.outcome import Outcome, outcome


class TestPending:
    def test_knows_its_state_and_its_loop(self, loop, make_future):
        future = make_future()
        assert not future.done()
        assert not future.cancelled()
        assert future.get_loop() is loop
        assert future._state == "PENDING"

    def test_has_no_result_yet(self, make_future):
        with pytest.raises(asyncio.InvalidStateError, match=r"^Result is not set\.$"):
            make_future().result()

    def test_has_no_exception_yet(self, make_future):
        with pytest.raises(asyncio.InvalidStateError, match=r"^Exception is not set\.$"):
            make_future().exception()


class TestFinished:
    @pytest.mark.parametrize("value", [None, 0, "text", [1], ValueError()], ids=repr)
    def test_gives_the_very_object(self, make_future, value):
        future = make_future()
        assert future.set_result(value) is None
        assert future.result() is value
        assert future.exception() is None
        assert future.done()
        assert not future.cancelled()
        assert future._state == "FINISHED"

    def test_gives_it_as_often_as_asked(self, make_future):
        future = make_future()
        value = object()
        future.set_result(value)
        assert [future.result() for _ in range(3)] == [value] * 3

    def test_cannot_be_set_again(self, make_future):
        future = make_future()
        future.set_result(1)
        with pytest.raises(asyncio.InvalidStateError):
            future.set_result(2)
        with pytest.raises(asyncio.InvalidStateError):
            future.set_exception(ValueError())
        assert future.result() == 1

    def test_cannot_be_cancelled(self, make_future):
        future = make_future()
        future.set_result(1)
        assert future.cancel() is False
        assert not future.cancelled()


class TestFailed:
    def test_raises_and_gives_the_very_object(self, make_future):
        future = make_future()
        error = ValueError("wrong")
        assert future.set_exception(error) is None
        assert future.exception() is error
        assert future.done()
        assert not future.cancelled()
        assert future._state == "FINISHED"
        with pytest.raises(ValueError) as caught:
            future.result()
        assert caught.value is error
        error.__traceback__ = None

    def test_a_class_is_instantiated(self, make_future):
        future = make_future()
        future.set_exception(KeyError)
        assert isinstance(future.exception(), KeyError)
        assert future.exception() is future.exception()

    def test_reading_it_again_does_not_lengthen_the_traceback(self, make_future):
        future = make_future()
        future.set_exception(ValueError())

        def depth():
            with pytest.raises(ValueError) as caught:
                future.result()
            traceback, frames = caught.value.__traceback__, 0
            while traceback:
                traceback, frames = traceback.tb_next, frames + 1
            return frames

        assert depth() == depth() == depth()
        future.exception().__traceback__ = None

    @pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), GeneratorExit()])
    def test_base_exceptions_are_taken(self, make_future, error):
        future = make_future()
        future.set_exception(error)
        assert future.exception() is error

    @pytest.mark.parametrize("error", [StopIteration, StopIteration(1)], ids=["class", "object"])
    def test_stop_iteration_is_refused_or_wrapped_as_in_asyncio(self, loop, make_future, error):
        stock = asyncio.Future(loop=loop)
        future = make_future()
        expected = outcome(lambda: stock.set_exception(error))
        assert outcome(lambda: future.set_exception(error)) == expected
        if future.done():
            assert type(future.exception()) is type(stock.exception())
            assert str(future.exception()) == str(stock.exception())
            assert future.exception().__cause__ is not None

    @pytest.mark.parametrize(
        "wrong",
        [None, 1, "text", object, int, Mock(spec=ValueError)],
        ids=lambda wrong: str(type(wrong)),
    )
    def test_what_is_no_exception_is_refused(self, loop, make_future, wrong):
        expected = outcome(lambda: asyncio.Future(loop=loop).set_exception(wrong))
        assert expected.raised
        future = make_future()
        assert outcome(lambda: future.set_exception(wrong)) == expected
        assert not future.done()

    def test_a_class_that_fails_to_instantiate(self, loop, make_future):
        class Odd(Exception):
            def __init__(self):
                raise KeyError("no")

        future = make_future()
        with pytest.raises(KeyError, match="no"):
            future.set_exception(Odd)
        assert not future.done()

    def test_an_exception_that_refuses_assignments_is_raised_as_it_is(self, loop, make_future):
        @dataclasses.dataclass(frozen=True)
        class Frozen(Exception):
            code: int

        async def fail():
            raise Frozen(2)

        future = make_future()
        error = Frozen(1)
        future.set_exception(error)
        for _ in range(2):
            with pytest.raises(Frozen) as caught:
                future.result()
            assert caught.value is error
        with pytest.raises(Frozen, match="2"):
            loop.run_until_complete(fail())

    def test_the_traceback_is_read_past_the_class(self, make_future):
        class Odd(Exception):
            @property
            def __traceback__(self):
                raise AssertionError("asked")

        future = make_future()
        future.set_exception(Odd())
        assert type(future.exception()) is Odd


class TestCancelled:
    def test_state(self, make_future):
        future = make_future()
        assert future.cancel() is True
        assert future.done()
        assert future.cancelled()
        assert future._state == "CANCELLED"
        assert future.cancel() is False

    @pytest.mark.parametrize("read", ["result", "exception"])
    def test_reading_raises_cancelled_error(self, make_future, read):
        future = make_future()
        future.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            getattr(future, read)()
        assert caught.value.args == ()

    @pytest.mark.parametrize("message", ["why", "", 0, ("a", 1), None], ids=repr)
    @pytest.mark.parametrize("read", ["result", "exception"])
    def test_the_message_is_the_errors_argument(self, make_future, read, message):
        future = make_future()
        future.cancel(message)
        with pytest.raises(asyncio.CancelledError) as caught:
            getattr(future, read)()
        assert caught.value.args == (() if message is None else (message,))
        assert future._cancel_message == message

    def test_the_message_may_be_a_keyword(self, make_future):
        future = make_future()
        future.cancel(msg="why")
        with pytest.raises(asyncio.CancelledError, match="^why$"):
            future.result()

    def test_cannot_be_set(self, make_future):
        future = make_future()
        future.cancel()
        with pytest.raises(asyncio.InvalidStateError):
            future.set_result(1)
        with pytest.raises(asyncio.InvalidStateError):
            future.set_exception(ValueError())

    def test_makes_its_error_as_gather_asks_for_it(self, make_future):
        future = make_future()
        future.cancel("why")
        error = future._make_cancelled_error()
        assert type(error) is asyncio.CancelledError
        assert error.args == ("why",)


class TestConstruction:
    def test_takes_the_running_loop_by_default(self, loop, names):
        async def main():
            return names.Future().get_loop()

        assert loop.run_until_complete(main()) is loop

    def test_without_a_loop_is_refused(self, names):
        seen = []
        thread = threading.Thread(target=lambda: seen.append(outcome(names.Future)), name="other")
        thread.start()
        thread.join()
        text = "There is no current event loop in thread 'other'."
        assert seen == [Outcome(True, RuntimeError, text)]

    def test_takes_the_loop_by_keyword_only(self, loop, names):
        with pytest.raises(TypeError):
            names.Future(loop)

    def test_refuses_unknown_keywords(self, loop, names):
        with pytest.raises(TypeError):
            names.Future(loop=loop, wrong=1)

    def test_what_the_loop_creates_is_of_the_public_class(self, loop, names):
        assert type(loop.create_future()) is names.Future

    def test_each_is_new(self, make_future):
        futures = [make_future() for _ in range(100)]
        assert len(set(futures)) == 100
        assert not any(future.done() for future in futures)

    def test_one_freed_and_made_again_is_fresh(self, make_future):
        for number in range(50):
            future = make_future()
            assert not future.done()
            assert not future._callbacks
            if number % 3 == 0:
                future.set_result(number)
            elif number % 3 == 1:
                future.cancel("number")
            else:
                future.set_exception(ValueError())
                future.exception()
            del future


class TestPrivateAttributes:
    """Those that stock modules and other packages read; see the table of them."""

    def test_result_and_exception(self, make_future):
        future = make_future()
        assert (future._result, future._exception) == (None, None)
        future.set_result("r")
        assert (future._result, future._exception) == ("r", None)
        failed = make_future()
        error = ValueError()
        failed.set_exception(error)
        assert failed._exception is error
        failed.exception()

    def test_loop_and_blocking(self, loop, make_future):
        future = make_future()
        assert future._loop is loop
        assert future._asyncio_future_blocking is False
        future._asyncio_future_blocking = True
        assert future._asyncio_future_blocking is True

    def test_log_traceback_can_be_switched_off_only(self, make_future):
        future = make_future()
        assert future._log_traceback is False
        future.set_exception(ValueError())
        assert future._log_traceback is True
        with pytest.raises(ValueError, match="^_log_traceback can only be set to False$"):
            future._log_traceback = True
        future._log_traceback = False
        assert future._log_traceback is False

    def test_cancel_message_can_be_set(self, make_future):
        future = make_future()
        assert future._cancel_message is None
        future._cancel_message = "set"
        assert future._cancel_message == "set"

    @pytest.mark.parametrize("name", ["_state", "_result", "_exception", "_callbacks", "_loop"])
    def test_others_cannot_be_set(self, loop, names, name):
        with pytest.raises(AttributeError):
            setattr(names.Future(loop=loop), name, None)

    def test_isfuture(self, make_future):
        assert asyncio.isfuture(make_future())


def test_set_result_from_another_thread_through_the_loop(loop, make_future):
    future = make_future()

    def from_thread():
        loop.call_soon_threadsafe(future.set_result, "sent")

    thread = threading.Thread(target=from_thread)
    loop.call_soon(thread.start)
    assert loop.run_until_complete(future) == "sent"
    thread.join()


@pytest.mark.parametrize(
    "refused",
    [
        lambda loop, done: done.set_result(None),
        lambda loop, done: done.set_exception(ValueError()),
        lambda loop, done: loop.create_future().result(),
        lambda loop, done: loop.create_future().exception(),
    ],
)
def test_what_is_refused_while_an_exception_is_handled_has_it_as_context(loop, refused):
    done = loop.create_future()
    done.set_result(None)
    handled = ValueError("handled")
    try:
        raise handled
    except ValueError:
        with pytest.raises(asyncio.InvalidStateError) as caught:
            refused(loop, done)
    assert caught.value.__context__ is handled

"""Exceptions that nobody looked at, reported when the future goes."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys

import pytest


class TestNeverRetrieved:
    def test_is_reported_when_the_future_goes(self, make_future, reports):
        future = make_future()
        error = ValueError("unseen")
        future.set_exception(error)
        text = repr(future)
        name = type(future).__name__
        del future
        gc.collect()
        (report,) = reports
        assert report["message"] == f"{name} exception was never retrieved"
        assert report["exception"] is error
        assert repr(report["future"]) == text
        assert set(report) == {"message", "exception", "future"}

    @pytest.mark.parametrize("look", ["exception", "result"])
    def test_is_not_reported_when_somebody_looked(self, make_future, reports, look):
        future = make_future()
        future.set_exception(ValueError())
        with contextlib.suppress(ValueError):
            getattr(future, look)()
        del future
        gc.collect()
        assert reports == []

    def test_is_not_reported_when_a_task_waited(self, loop, make_future, reports):
        future = make_future()

        async def waiter(future):
            with pytest.raises(ValueError):
                await future

        future.set_exception(ValueError())
        loop.run_until_complete(waiter(future))
        del future
        gc.collect()
        assert reports == []

    def test_is_reported_though_it_has_callbacks(self, loop, make_future, reports):
        future = make_future()
        future.add_done_callback(lambda _: None)
        future.set_exception(ValueError())
        loop.run_until_complete(asyncio.sleep(0))
        del future
        gc.collect()
        assert len(reports) == 1

    def test_is_reported_from_a_cycle(self, make_future, reports):
        future = make_future()
        error = ValueError()
        error.future = future
        future.set_exception(error)
        del future, error
        gc.collect()
        assert len(reports) == 1
        reports[0]["exception"].future = None

    def test_is_not_reported_once_switched_off(self, make_future, reports):
        future = make_future()
        future.set_exception(ValueError())
        future._log_traceback = False
        del future
        gc.collect()
        assert reports == []

    def test_nothing_is_reported_of_others(self, make_future, reports):
        pending, finished, cancelled = (make_future() for _ in range(3))
        finished.set_result(1)
        cancelled.cancel()
        del pending, finished, cancelled
        gc.collect()
        assert reports == []

    def test_has_the_place_of_creation_in_debug_mode(self, loop, make_future, reports):
        loop.set_debug(True)
        future = make_future()
        line = sys._getframe().f_lineno - 1
        future.set_exception(ValueError())
        del future
        gc.collect()
        (report,) = reports
        places = [(frame.filename, frame.lineno) for frame in report["source_traceback"]]
        assert (__file__, line) in places

    def test_the_default_handler_logs_it(self, make_future, log):
        future = make_future()
        future.set_exception(ValueError("unseen"))
        expected = f"{type(future).__name__} exception was never retrieved\nfuture: {future!r}"
        del future
        gc.collect()
        assert log.messages() == [expected]
        assert log.records[-1].exc_info[0] is ValueError

    def test_a_task_is_called_a_task(self, loop, make_task, reports):
        async def fail():
            raise ValueError("unseen")

        task = make_task(fail())
        name = type(task).__name__
        loop.run_until_complete(asyncio.wait([task]))
        del task
        gc.collect()
        (report,) = reports
        assert report["message"] == f"{name} exception was never retrieved"
        assert str(report["exception"]) == "unseen"


class TestResurrection:
    def test_a_handler_may_keep_the_future(self, loop, make_future):
        kept = []
        loop.set_exception_handler(lambda loop, context: kept.append(context["future"]))
        future = make_future()
        error = ValueError("unseen")
        future.set_exception(error)
        del future
        gc.collect()
        (future,) = kept
        assert future.exception() is error
        assert future.done()
        kept.clear()
        del future
        gc.collect()
        assert kept == []
        loop.set_exception_handler(None)

    def test_a_handler_that_fails_is_logged(self, loop, make_future, log):
        def handler(loop, context):
            raise KeyError("handler")

        loop.set_exception_handler(handler)
        future = make_future()
        future.set_exception(ValueError("unseen"))
        del future
        gc.collect()
        assert log.messages()[0].startswith("Unhandled error in exception handler")
        loop.set_exception_handler(None)

    def test_a_handler_may_make_futures_itself(self, loop, make_future):
        seen = []

        def handler(loop, context):
            seen.append(str(context["exception"]))
            if len(seen) < 5:
                another = make_future()
                another.set_exception(ValueError(len(seen)))

        loop.set_exception_handler(handler)
        first = make_future()
        first.set_exception(ValueError(0))
        del first
        gc.collect()
        assert seen == ["0", "1", "2", "3", "4"]
        loop.set_exception_handler(None)

    def test_an_exception_in_flight_is_left_alone(self, make_future, reports):
        future = make_future()
        future.set_exception(ValueError("unseen"))
        holder = [future]
        del future
        with pytest.raises(KeyError, match="in flight"):
            try:
                raise KeyError("in flight")
            finally:
                holder.clear()
        assert len(reports) == 1


class TestDel:
    def test_a_subclass_may_have_its_own(self, loop, names, reports):
        seen = []

        class Future(names.Future):
            def __del__(self):
                seen.append(self._state)
                super().__del__()

        future = Future(loop=loop)
        future.set_exception(ValueError("unseen"))
        del future
        gc.collect()
        assert seen == ["FINISHED"]
        assert len(reports) == 1

    def test_can_be_called_by_hand_once(self, make_future, reports):
        future = make_future()
        future.set_exception(ValueError("unseen"))
        future.__del__()
        assert len(reports) == 1
        future.exception()

    def test_after_the_loop_was_closed(self, loop, make_future, log):
        future = make_future()
        future.set_exception(ValueError("unseen"))
        loop.close()
        del future
        gc.collect()
        assert len(log.messages()) == 1

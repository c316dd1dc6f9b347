"""Where exceptions of callbacks go: the loop's exception handler and the log."""

from __future__ import annotations

import asyncio
import contextvars
import logging

import pytest
from harness.versions import since


def run_failing(loop, error):
    def fail():
        raise error

    handle = loop.call_soon(fail)
    loop.call_soon(loop.stop)
    loop.run_forever()
    return handle


class TestCustomHandler:
    def test_is_called_with_the_loop_and_a_context(self, loop):
        error = ValueError("wrong")
        seen = []
        loop.set_exception_handler(lambda *args: seen.append(args))
        handle = run_failing(loop, error)
        ((given_loop, context),) = seen
        assert given_loop is loop
        assert set(context) == {"message", "exception", "handle"}
        assert context["exception"] is error
        assert context["handle"] is handle
        seen.clear()

    def test_the_message_names_the_callback(self, loop, reports):
        run_failing(loop, ValueError())
        assert reports[0]["message"].startswith("Exception in callback run_failing.<locals>.fail()")

    def test_the_next_callback_still_runs(self, loop, reports):
        seen = []
        loop.call_soon(lambda: 1 / 0)
        loop.call_soon(seen.append, "next")
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["next"]
        assert isinstance(reports[0]["exception"], ZeroDivisionError)

    def test_gets_errors_of_timers_and_threadsafe_calls(self, loop, reports):
        loop.call_later(0, lambda: 1 / 0)
        loop.call_soon_threadsafe(lambda: [][0])
        loop.call_soon(loop.call_soon, loop.stop)
        loop.run_forever()
        assert [type(report["exception"]) for report in reports] == [IndexError, ZeroDivisionError]
        assert isinstance(reports[1]["handle"], asyncio.TimerHandle)

    def test_can_be_read_replaced_and_taken_off(self, loop):
        def handler(loop, context):
            pass

        assert loop.get_exception_handler() is None
        loop.set_exception_handler(handler)
        assert loop.get_exception_handler() is handler
        loop.set_exception_handler(None)
        assert loop.get_exception_handler() is None

    @pytest.mark.parametrize("wrong", [1, "handler", object()], ids=["int", "str", "object"])
    def test_must_be_callable_or_none(self, loop, wrong):
        with pytest.raises(TypeError) as caught:
            loop.set_exception_handler(wrong)
        assert str(caught.value) == f"A callable object or None is expected, got {wrong!r}"

    def test_that_fails_is_logged_with_what_it_failed_on(self, loop, log):
        def handler(loop, context):
            raise KeyError("handler")

        loop.set_exception_handler(handler)
        run_failing(loop, ValueError("callback"))
        (message,) = log.messages()
        assert message.startswith("Unhandled error in exception handler\ncontext: {'message': ")
        assert "ValueError('callback')" in message
        assert log.records[-1].exc_info[0] is KeyError
        loop.set_exception_handler(None)

    @pytest.mark.parametrize("kind_of_exit", [KeyboardInterrupt, SystemExit])
    def test_may_leave_the_loop(self, loop, kind_of_exit):
        def handler(loop, context):
            raise kind_of_exit("from the handler")

        loop.set_exception_handler(handler)
        with pytest.raises(kind_of_exit, match="^from the handler$"):
            run_failing(loop, ValueError())
        loop.set_exception_handler(None)
        loop.call_soon(loop.stop)
        loop.run_forever()

    def test_may_be_called_directly(self, loop, reports):
        context = {"message": "by hand", "anything": 1}
        loop.call_exception_handler(context)
        assert reports == [context]
        assert reports[0] is context

    @since(3, 12)
    def test_runs_in_the_context_of_the_handle(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []
        loop.set_exception_handler(lambda loop, context: seen.append(variable.get()))
        context = contextvars.copy_context()
        context.run(variable.set, "handle's")
        loop.call_soon(lambda: 1 / 0, context=context)
        loop.call_soon(loop.stop)
        loop.run_forever()
        assert seen == ["handle's"]

    @since(3, 12)
    def test_runs_in_the_context_of_the_task(self, loop):
        variable = contextvars.ContextVar("variable", default="unset")
        seen = []
        loop.set_exception_handler(lambda loop, context: seen.append(variable.get()))

        async def main():
            variable.set("task's")
            for key in ("task", "future"):
                report = {"message": "m", key: asyncio.current_task()}
                loop.call_soon(loop.call_exception_handler, report, context=contextvars.Context())

        loop.run_until_complete(main())
        loop.run_until_complete(asyncio.sleep(0))
        assert seen == ["task's", "task's"]

    def test_a_subclass_may_replace_the_default_handler(self, loop):
        seen = []

        class Loop(type(loop)):
            def default_exception_handler(self, context):
                seen.append(context["message"])

        own = Loop()
        own.call_exception_handler({"message": "mine"})
        own.close()
        assert seen == ["mine"]

    def test_a_replaced_default_handler_that_fails_is_logged(self, loop, log):
        class Loop(type(loop)):
            def default_exception_handler(self, context):
                raise KeyError("default")

        own = Loop()
        own.call_exception_handler({"message": "mine"})

        def handler(loop, context):
            raise ValueError("custom")

        own.set_exception_handler(handler)
        own.call_exception_handler({"message": "mine"})
        own.close()
        assert log.messages() == [
            "Exception in default exception handler",
            "Exception in default exception handler while handling an unexpected error "
            "in custom exception handler",
        ]


class TestDefaultHandler:
    def test_logs_message_handle_and_traceback(self, loop, log):
        error = ValueError("wrong")
        handle = run_failing(loop, error)
        (record,) = [r for r in log.records if r.levelno >= logging.WARNING]
        assert record.levelno == logging.ERROR
        assert record.name == "asyncio"
        first, second = record.getMessage().split("\n")
        assert first.startswith("Exception in callback run_failing.<locals>.fail()")
        assert second == f"handle: {handle!r}"
        assert record.exc_info == (ValueError, error, error.__traceback__)

    def test_sorts_the_keys_and_shows_reprs(self, loop, log):
        loop.default_exception_handler({"message": "text", "zebra": [1], "apple": "a"})
        assert log.messages() == ["text\napple: 'a'\nzebra: [1]"]
        assert log.records[-1].exc_info in (None, False)

    @pytest.mark.parametrize("context", [{}, {"message": ""}, {"message": None}])
    def test_has_a_text_for_no_message(self, loop, log, context):
        loop.default_exception_handler(context)
        assert log.messages() == ["Unhandled exception in event loop"]

    def test_shows_where_things_were_made(self, loop, log):
        import traceback

        stack = traceback.extract_stack()
        loop.default_exception_handler({"message": "m", "source_traceback": stack})
        loop.default_exception_handler({"message": "m", "handle_traceback": stack})
        shown = "".join(traceback.format_list(stack)).rstrip()
        assert log.messages() == [
            "m\nsource_traceback: Object created at (most recent call last):\n" + shown,
            "m\nhandle_traceback: Handle created at (most recent call last):\n" + shown,
        ]

    def test_in_debug_mode_adds_where_the_running_handle_was_made(self, loop, log):
        loop.set_debug(True)
        loop.call_soon(lambda: loop.call_exception_handler({"message": "m"}))
        loop.call_soon(loop.stop)
        loop.run_forever()
        message = log.messages()[0]
        assert message.startswith(
            "m\nhandle_traceback: Handle created at (most recent call last):\n"
        )
        assert __file__ in message

    def test_a_context_whose_repr_fails_is_logged(self, loop, log):
        class Bad:
            def __repr__(self):
                raise KeyError("repr")

        loop.call_exception_handler({"message": "m", "bad": Bad()})
        assert log.messages() == ["Exception in default exception handler"]

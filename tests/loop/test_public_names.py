"""What `import asyncioxide` offers, and that it changes nothing of asyncio's."""

from __future__ import annotations

import asyncio
import inspect

import pytest
from harness.child import run_child

pytestmark = pytest.mark.only("asyncioxide")


def test_the_names_are_there(loop_kind):
    import asyncioxide

    for name in (
        "run",
        "new_event_loop",
        "EventLoop",
        "EventLoopPolicy",
        "Future",
        "Task",
        "Handle",
        "TimerHandle",
        "Server",
        "sleep",
    ):
        assert callable(getattr(asyncioxide, name))
    assert isinstance(asyncioxide.__version__, str)


def test_new_event_loop_makes_event_loops(loop):
    import asyncioxide

    assert type(loop) is asyncioxide.EventLoop
    assert isinstance(loop, asyncio.AbstractEventLoop)
    assert issubclass(asyncioxide.EventLoop, asyncio.AbstractEventLoop)
    second = asyncioxide.EventLoop()
    second.close()


@pytest.mark.parametrize("poll", [True, False])
def test_polling_every_turn_can_be_asked_for(loop_kind, poll):
    import asyncioxide

    made = asyncioxide.new_event_loop(poll_every_turn=poll)
    assert made.run_until_complete(asyncioxide.sleep(0, "ran")) == "ran"
    made.close()


def test_unknown_options_are_refused(loop_kind):
    import asyncioxide

    with pytest.raises(TypeError):
        asyncioxide.new_event_loop(wrong=True)


def test_run_has_asyncios_parameters(loop_kind):
    import asyncioxide

    expected = inspect.signature(asyncio.run).parameters
    assert list(inspect.signature(asyncioxide.run).parameters) == list(expected)


def test_importing_it_changes_nothing_in_asyncio(loop_kind):
    program = """
        import importlib, pkgutil

        modules = [asyncio]
        for found in pkgutil.iter_modules(asyncio.__path__, "asyncio."):
            if "windows" not in found.name and "proactor" not in found.name:
                if not found.name.endswith(("__main__", "tools")):
                    modules.append(importlib.import_module(found.name))

        def state():
            owners = [*modules, asyncio.Task, asyncio.Future, asyncio.BaseEventLoop]
            return {
                (owner.__name__, name): id(value)
                for owner in owners
                for name, value in vars(owner).items()
            }

        before = state()
        import asyncioxide
        after = state()
        print([key for key in before.keys() | after.keys() if before.get(key) != after.get(key)])
    """
    child = run_child("asyncio", program)
    assert (child.stdout.strip(), child.stderr) == ("[]", "")


@pytest.mark.only("asyncioxide")
def test_every_method_of_asyncios_loop_is_there(loop):
    names = [name for name in dir(asyncio.SelectorEventLoop) if not name.startswith("_")]
    missing = [
        name
        for name in names
        if getattr(type(loop), name, None) is getattr(asyncio.AbstractEventLoop, name, None)
        and getattr(asyncio.SelectorEventLoop, name)
        is not getattr(asyncio.AbstractEventLoop, name, None)
    ]
    assert missing == []


def test_the_loop_has_the_native_methods_as_its_own():
    """The interpreter's short way to call a method is for instances of the method's own class."""
    import asyncioxide

    for name in ("call_soon", "call_later", "call_at", "call_soon_threadsafe", "create_task"):
        assert vars(asyncioxide.EventLoop)[name].__objclass__ is asyncioxide.EventLoop


def test_only_a_loop_can_have_them():
    from asyncioxide import _asyncioxide

    for other in (int, 1):
        with pytest.raises(TypeError):
            _asyncioxide.adopt_methods(other)


def test_a_method_replaced_in_the_class_is_used(loop_factory, monkeypatch):
    import asyncioxide

    calls = []
    native = asyncioxide.EventLoop.call_soon

    def call_soon(self, callback, *args, context=None):
        calls.append(callback)
        return native(self, callback, *args, context=context)

    monkeypatch.setattr(asyncioxide.EventLoop, "call_soon", call_soon)
    loop = loop_factory()
    future = loop.create_future()
    done = []
    future.add_done_callback(done.append)
    future.set_result(1)
    assert calls == [done.append]
    loop.run_until_complete(future)
    loop.close()
    assert done == [future]

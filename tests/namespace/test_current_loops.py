"""Which loops `asyncioxide`'s functions make and find, with and without a policy.

Policies belong to the process, so each test is a program in a process of its own.
"""

from __future__ import annotations

import sys

import pytest
from harness.child import run_child
from harness.versions import since, until

PRELUDE = """
import asyncioxide, os, threading, warnings
from asyncio import events

# Since 3.14 policies are deprecated, which says nothing here.
warnings.filterwarnings("ignore", ".* is deprecated and slated for removal")

class Policy(asyncioxide.EventLoopPolicy):
    made = 0

    def new_event_loop(self):
        Policy.made += 1
        return asyncio.SelectorEventLoop()

def kind(loop):
    loop.close()
    return type(loop).__module__.partition(".")[0]
"""


def said(program: str, *options: str) -> list[str]:
    """What the program prints, by lines; it must not warn."""
    child = run_child("asyncio", PRELUDE + program.replace("\n        ", "\n"), *options)
    assert (child.returncode, child.stderr) == (0, "")
    return child.stdout.splitlines()


def test_new_loops_are_ours_and_asyncios_stay_asyncios():
    assert said("""
        print(kind(asyncioxide.new_event_loop()), kind(asyncioxide.SelectorEventLoop()))
        print(asyncioxide.SelectorEventLoop is asyncioxide.EventLoop)
        print(kind(asyncio.new_event_loop()))
        """) == ["asyncioxide asyncioxide", "True", "asyncio"]


def test_a_selector_is_taken_over_and_closed():
    assert said("""
        import selectors
        selector = selectors.DefaultSelector()
        print(kind(asyncioxide.SelectorEventLoop(selector)))
        try:
            selector.register(0, selectors.EVENT_READ)
        except Exception as error:
            print(type(error).__name__)
        """) == ["asyncioxide", "ValueError"]


def test_a_policy_set_with_asyncios_function_makes_asyncios_loops_only():
    assert said("""
        asyncio.set_event_loop_policy(Policy())
        print(kind(asyncioxide.new_event_loop()), Policy.made)
        print(kind(asyncio.new_event_loop()), Policy.made)
        print(type(asyncioxide.get_event_loop_policy()).__name__)
        """) == ["asyncioxide 0", "asyncio 1", "Policy"]


def test_a_policy_set_with_our_function_makes_our_loops_too():
    assert said("""
        asyncioxide.set_event_loop_policy(policy := Policy())
        print(kind(asyncioxide.new_event_loop()), Policy.made)
        print(kind(asyncioxide.new_event_loop(poll_every_turn=True)), Policy.made)
        print(asyncio.get_event_loop_policy() is policy is asyncioxide.get_event_loop_policy())
        async def main():
            print(type(asyncio.get_running_loop()).__module__)
        asyncioxide.run(main())
        asyncioxide.set_event_loop_policy(None)
        print(kind(asyncioxide.new_event_loop()), Policy.made)
        """) == ["asyncio 1", "asyncioxide 1", "True", "asyncio.unix_events", "asyncioxide 2"]


def test_asyncios_default_policy_seen_through_ours_stays_as_it_is():
    assert said("""
        theirs = asyncio.get_event_loop_policy()
        policy = asyncioxide.get_event_loop_policy()
        print(type(policy) is asyncioxide.EventLoopPolicy, isinstance(policy, type(theirs)))
        print(asyncioxide.get_event_loop_policy() is policy)
        print(kind(policy.new_event_loop()), kind(theirs.new_event_loop()))
        asyncioxide.set_event_loop_policy(Policy())
        asyncioxide.set_event_loop_policy(policy)
        print(asyncio.get_event_loop_policy() is theirs)
        print(asyncioxide.get_event_loop_policy() is policy)
        print(kind(asyncioxide.new_event_loop()), kind(asyncio.new_event_loop()))
        """) == [
        "True True",
        "True",
        "asyncioxide asyncio",
        "True",
        "True",
        "asyncioxide asyncio",
    ]


def test_what_is_no_policy_is_refused():
    assert (
        said("""
        for functions in (asyncio, asyncioxide):
            try:
                functions.set_event_loop_policy(1)
            except TypeError as error:
                print(error)
        """)
        == ["policy must be an instance of AbstractEventLoopPolicy or None, not 'int'"] * 2
    )


def test_the_current_loop_is_one_for_both():
    assert said("""
        loop = asyncioxide.new_event_loop()
        asyncioxide.set_event_loop(loop)
        print(asyncio.get_event_loop() is loop is asyncioxide.get_event_loop())
        asyncio.set_event_loop(None)
        for functions in (asyncio, asyncioxide):
            try:
                functions.get_event_loop()
            except RuntimeError as error:
                print(error)
        loop.close()
        """) == ["True", *["There is no current event loop in thread 'MainThread'."] * 2]


@until(3, 14)
def test_the_loop_that_is_made_on_demand_is_ours():
    assert said("""
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            loop = asyncioxide.get_event_loop()
        for warning in caught:
            print(warning.message, warning.category.__name__, warning.filename)
        print(asyncio.get_event_loop() is loop is asyncioxide.get_event_loop())
        print(kind(loop))
        def elsewhere():
            try:
                asyncioxide.get_event_loop()
            except RuntimeError as error:
                print(error)
        thread = threading.Thread(target=elsewhere, name="T")
        thread.start()
        thread.join()
        """) == [
        *(
            ["There is no current event loop DeprecationWarning <string>"]
            if sys.version_info >= (3, 12)
            else []
        ),
        "True",
        "asyncioxide",
        "There is no current event loop in thread 'T'.",
    ]


@since(3, 14)
def test_no_loop_is_made_on_demand():
    assert said("""
        try:
            asyncioxide.get_event_loop()
        except RuntimeError as error:
            print(error)
        """) == ["There is no current event loop in thread 'MainThread'."]


@since(3, 14)
@pytest.mark.parametrize(
    "use",
    [
        "get_event_loop_policy()",
        "set_event_loop_policy(None)",
        "DefaultEventLoopPolicy",
        "AbstractEventLoopPolicy",
    ],
)
def test_policies_warn_as_asyncios_do(use):
    name = use.partition("(")[0]
    assert (
        said(f"""
        for functions in (asyncio, asyncioxide):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                functions.{use}
            for warning in caught:
                print(warning.message, warning.filename)
        """)
        == [f"'asyncio.{name}' is deprecated and slated for removal in Python 3.16 <string>"] * 2
    )


@since(3, 12)
def test_a_forked_child_has_no_current_loop():
    assert said("""
        loop = asyncioxide.new_event_loop()
        asyncioxide.get_event_loop_policy().set_event_loop(loop)
        pid = os.fork()
        if pid == 0:
            os._exit(asyncioxide.get_event_loop_policy()._local._loop is not None)
        print(os.waitpid(pid, 0)[1], asyncioxide.get_event_loop() is loop)
        loop.close()
        """) == ["0 True"]


def test_run_and_runner_make_ours_and_make_it_current():
    assert said("""
        async def main():
            return type(asyncio.get_running_loop()).__name__, asyncio.get_running_loop()
        name, loop = asyncioxide.run(main())
        print(name, loop.is_closed())
        with asyncioxide.Runner() as runner:
            name, loop = runner.run(main())
            print(name, asyncioxide.get_event_loop() is loop is runner.get_loop())
        try:
            asyncio.get_event_loop()
        except RuntimeError as error:
            print(error)
        print(isinstance(runner, asyncio.Runner))
        with asyncioxide.Runner(loop_factory=asyncio.SelectorEventLoop, debug=True) as runner:
            name, loop = runner.run(main())
            print(name, loop.get_debug())
        try:
            runner.get_loop()
        except RuntimeError as error:
            print(error)
        """) == [
        "EventLoop True",
        "EventLoop True",
        "There is no current event loop in thread 'MainThread'.",
        "True",
        "_UnixSelectorEventLoop True",
        "Runner is closed",
    ]


def test_a_runner_that_gets_no_loop_can_try_again():
    assert said("""
        class Failing(asyncioxide.EventLoopPolicy):
            def new_event_loop(self):
                asyncioxide.set_event_loop_policy(None)
                raise OSError("none left")
        asyncioxide.set_event_loop_policy(Failing())
        runner = asyncioxide.Runner()
        try:
            runner.get_loop()
        except OSError as error:
            print(error)
        print(type(runner.get_loop()).__name__)
        runner.close()
        """) == ["none left", "EventLoop"]

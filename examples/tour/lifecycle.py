"""The life of an event loop: made, given work, run, stopped, run again, closed.

Callbacks alone, without a coroutine: ``call_soon`` in the order of asking, ``call_later`` in the
order of time, ``stop`` at the end of the turn that asks for it.
"""

from __future__ import annotations

import asyncio

import options


def state(loop: asyncio.AbstractEventLoop) -> str:
    """Say what the loop is at this moment."""
    if loop.is_closed():
        return "closed"
    return "running" if loop.is_running() else "at rest"


def fail() -> None:
    """Raise: the loop passes it to its exception handler, and goes on."""
    raise ValueError("a callback failed")


def handle_exception(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """Print what a callback raised, in place of the loop's record in the log."""
    print("handler:", repr(context["exception"]))


def main() -> None:
    """Walk through the phases, saying the state of the loop in each."""
    arguments = options.parser("Loop basics: callbacks, timers, stop, close.").parse_args()
    loop = options.new_loop(arguments)
    try:
        run_twice(loop)
    finally:
        loop.close()
    print("after close:", state(loop))
    try:
        loop.call_soon(print, "never")
    except RuntimeError as error:
        print("refused:", error)


def run_twice(loop: asyncio.AbstractEventLoop) -> None:
    """Give the loop work and run it until a timer stops it; then once more."""
    print("made:", state(loop))
    loop.set_exception_handler(handle_exception)
    loop.call_later(0.02, print, "timer of 20 ms")
    loop.call_later(0.01, print, "timer of 10 ms")
    loop.call_later(0.03, loop.stop)
    loop.call_soon(print, "first")
    loop.call_soon(fail)
    loop.call_soon(lambda: print("second:", state(loop)))
    loop.call_soon(print, "never").cancel()
    loop.run_forever()
    print("stopped:", state(loop))

    loop.call_soon(print, "third")
    loop.call_soon(loop.stop)
    loop.call_soon(print, "the same turn as stop")
    loop.run_forever()
    print("stopped again:", state(loop))


if __name__ == "__main__":
    main()

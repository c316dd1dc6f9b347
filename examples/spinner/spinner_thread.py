"""A spinner in a thread: it turns while the main thread waits for a slow function.

There is no way to cancel a thread from outside, so the spinner watches an ``Event``.
"""

from __future__ import annotations

import itertools
import threading
import time

import options


def spin(message: str, done: threading.Event) -> None:
    """Turn in front of ``message`` until ``done`` is set, then clear the line."""
    for bar in itertools.cycle("|/-\\"):
        status = f"{bar} {message}"
        print(f"\r{status}", end="", flush=True)
        if done.wait(0.1):
            break
    print(f"\r{' ' * len(status)}\r", end="", flush=True)


def slow_function(seconds: float) -> int:
    """Stand for a long wait: it blocks its thread, and only that."""
    time.sleep(seconds)
    return 42


def supervisor(seconds: float) -> int:
    """Start the spinner, wait for the answer, stop the spinner."""
    done = threading.Event()
    spinner = threading.Thread(target=spin, args=("thinking!", done))
    print("spinner object:", spinner, flush=True)
    spinner.start()
    try:
        return slow_function(seconds)
    finally:
        done.set()
        spinner.join()


def main() -> None:
    """Run the thread version."""
    arguments = options.parse("A spinner in a thread, while the main thread thinks.")
    print("Answer:", supervisor(arguments.seconds))


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        raise SystemExit(130) from None

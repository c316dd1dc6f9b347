"""Programs for debug mode: callbacks, tasks, executors, signals, and what goes wrong with them."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import signal
import socket
import sys
import threading
import warnings
from typing import Any

from harness.said import Program

PROGRAMS: list[Program] = []


def program(function: Program) -> Program:
    PROGRAMS.append(function)
    return function


def turn(loop: asyncio.AbstractEventLoop, count: int = 3) -> None:
    for _ in range(count):
        loop.call_soon(loop.stop)
        loop.run_forever()


# Slow callbacks. With a limit of 0 everything is slow, and what is not from here is left out.


def all_slow(loop: asyncio.AbstractEventLoop) -> None:
    loop.slow_callback_duration = 0


def callback(*_: Any) -> None:
    pass


@program
def slow_call_soon(loop):
    all_slow(loop)
    loop.call_soon(callback, 1, "two")
    turn(loop)


@program
def slow_timers(loop):
    all_slow(loop)
    loop.call_later(0, callback)
    loop.call_at(loop.time() - 5, callback, "past")
    turn(loop)


@program
def slow_threadsafe(loop):
    all_slow(loop)
    loop.call_soon_threadsafe(callback)
    turn(loop)


@program
def slow_task(loop):
    all_slow(loop)

    async def main():
        await asyncio.sleep(0)
        future = loop.create_future()
        loop.call_soon(future.set_result, None)
        await future

    loop.run_until_complete(loop.create_task(main(), name="slow"))


@program
def slow_coroutine_of_run_until_complete(loop):
    all_slow(loop)

    async def main():
        return 5

    loop.run_until_complete(main())


@program
def slow_done_callback(loop):
    all_slow(loop)
    future = loop.create_future()
    future.add_done_callback(callback)
    future.set_result("result")
    turn(loop)


@program
def slow_failing_callback(loop):
    all_slow(loop)

    def fail():
        raise ValueError("on purpose")

    loop.call_soon(fail)
    turn(loop)


@program
def slow_reader_and_writer(loop):
    all_slow(loop)
    left, right = socket.socketpair()
    with left, right:
        right.send(b"x")
        loop.add_reader(left, callback)
        loop.add_writer(left, callback)
        turn(loop, 1)
        loop.remove_reader(left)
        loop.remove_writer(left)


@program
def slow_signal_handler(loop):
    all_slow(loop)
    loop.add_signal_handler(signal.SIGUSR1, callback)
    signal.raise_signal(signal.SIGUSR1)
    turn(loop)


@program
def slow_executor_result(loop):
    all_slow(loop)

    async def main():
        await loop.run_in_executor(None, callback)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


@program
def slow_eager_task(loop):
    if sys.version_info < (3, 12):
        return
    all_slow(loop)
    loop.set_task_factory(asyncio.eager_task_factory)

    async def inner():
        await asyncio.sleep(0)

    async def main():
        await loop.create_task(inner())

    loop.run_until_complete(main())


# What goes wrong in callbacks, tasks and futures.


@program
def failing_callback(loop):
    def fail():
        raise ValueError("on purpose")

    loop.call_soon(fail)
    loop.call_later(0, fail)
    loop.call_soon_threadsafe(fail)
    turn(loop)


@program
def failing_done_callback(loop):
    def fail(_):
        raise ValueError("on purpose")

    future = loop.create_future()
    future.add_done_callback(fail)
    future.set_result(None)
    turn(loop)


@program
def failing_exception_handler(loop):
    def handler(_loop, _context):
        raise LookupError("in the handler")

    loop.set_exception_handler(handler)
    loop.call_soon(lambda: 1 / 0)
    turn(loop)


@program
def future_exception_never_retrieved(loop):
    loop.create_future().set_exception(ValueError("lost"))
    gc.collect()


@program
def task_exception_never_retrieved(loop):
    async def fail():
        raise ValueError("lost")

    loop.create_task(fail(), name="failing")
    turn(loop)


@program
def pending_task_is_destroyed(loop):
    async def wait():
        await loop.create_future()

    loop.create_task(wait(), name="pending")
    turn(loop)
    gc.collect()


@program
def task_that_never_ran_is_destroyed(loop):
    async def wait():
        await asyncio.sleep(0)

    loop.create_task(wait(), name="unborn")
    loop.close()
    gc.collect()


@program
def coroutine_never_awaited(loop):
    async def forgotten():
        pass

    async def main():
        forgotten()
        gc.collect()

    loop.run_until_complete(main())


@program
def coroutine_of_the_loop_never_awaited(loop):
    async def main():
        loop.sock_recv(None, 1)
        gc.collect()

    # Its warning names asyncio's function, and the place; asyncio's is a coroutine of Python.
    loop.run_until_complete(main())


@program
def coroutine_made_while_the_loop_does_not_run(loop):
    async def forgotten():
        pass

    turn(loop)
    forgotten()
    gc.collect()


@program
def asyncgen_not_finished(loop):
    async def generate():
        try:
            yield 1
        finally:
            raise ValueError("in the generator")

    async def main():
        async for _ in generate():
            break
        await asyncio.sleep(0)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    turn(loop)


@program
def asyncgen_after_shutdown(loop):
    async def generate():
        yield 1

    async def main():
        await loop.shutdown_asyncgens()
        generator = generate()
        await generator.__anext__()
        await generator.aclose()

    loop.run_until_complete(main())


@program
def wrong_thread(loop):
    async def main():
        def wrong():
            for call in (
                lambda: loop.call_soon(callback),
                lambda: loop.call_later(1, callback),
                lambda: loop.call_at(1, callback),
                lambda: loop.create_future().set_result(1),
            ):
                try:
                    call()
                except RuntimeError as error:
                    logging.getLogger("asyncio").info("%r", error)

        thread = threading.Thread(target=wrong)
        thread.start()
        thread.join()

    loop.run_until_complete(main())


@program
def bad_callables(loop):
    async def coroutine_function():
        pass

    for wrong in (coroutine_function, 5, None):
        for call in (loop.call_soon, loop.call_soon_threadsafe, lambda f: loop.call_later(1, f)):
            try:
                call(wrong)
            except TypeError as error:
                logging.getLogger("asyncio").info("%s", error)


# Executors and names.


@program
def executor_outlives_its_shutdown(loop):
    # 3.12.1 waits for ever before it looks at its timeout.
    if sys.version_info < (3, 13):
        return
    release = threading.Event()

    async def main():
        future = loop.run_in_executor(None, release.wait)
        before = threading.enumerate()
        await loop.shutdown_default_executor(0.01)
        return future, [thread for thread in threading.enumerate() if thread not in before]

    try:
        future, shutdown = loop.run_until_complete(main())
    finally:
        release.set()
    loop.run_until_complete(future)
    # It has something to tell the loop at its end.
    for thread in shutdown:
        thread.join()
    turn(loop)


@program
def default_executor_that_is_none(loop):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        loop.set_default_executor(pool)
        try:
            loop.set_default_executor(object())
        except TypeError as error:
            logging.getLogger("asyncio").info("%s", error)
        loop.run_until_complete(loop.run_in_executor(None, callback))
        loop.run_until_complete(loop.shutdown_default_executor())


@program
def name_look_up(loop):
    async def main():
        await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM, family=socket.AF_INET)
        await loop.getaddrinfo("127.0.0.1", 80, flags=socket.AI_PASSIVE, proto=6)

    loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_default_executor())


# Closing, and what was not closed.


@program
def closing(loop):
    loop.close()
    loop.close()


@program
def unclosed_loop(loop):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        made = type(loop)()
        made.set_debug(True)
        del made
        gc.collect()

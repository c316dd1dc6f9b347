# Python 3.4 to 3.9: a spinner in a task, with yield from.
import asyncio
import itertools
import sys


@asyncio.coroutine
def spin(msg):
    for char in itertools.cycle("|/-\\"):
        try:
            yield from asyncio.sleep(0.01)
        except asyncio.CancelledError:
            break
    sys.stdout.write("cleared {}\n".format(len(char + " " + msg)))


@asyncio.coroutine
def slow_function():
    yield from asyncio.sleep(0.05)
    return 42


@asyncio.coroutine
def supervisor():
    spinner = getattr(asyncio, "async", asyncio.ensure_future)(spin("thinking!"))
    print("spinner pending:", not spinner.done(), "cancelled:", spinner.cancelled())
    result = yield from slow_function()
    spinner.cancel()
    yield from asyncio.wait([spinner])
    return result


def main():
    loop = asyncio.get_event_loop()
    result = loop.run_until_complete(supervisor())
    loop.close()
    print("Answer:", result)


if __name__ == "__main__":
    main()

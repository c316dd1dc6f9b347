# Python 3.4 to 3.9: the decorator on functions that yield nothing themselves.
import asyncio
import functools


@asyncio.coroutine
def value():
    return "a value"


@asyncio.coroutine
def future(loop):
    made = asyncio.Future(loop=loop)
    loop.call_soon(made.set_result, "a future's result")
    return made


def undecorated(text):
    yield
    return text


@asyncio.coroutine
def generator():
    return undecorated("what a generator returns")


@asyncio.coroutine
def coroutine():
    return generator()


@asyncio.coroutine
def failing():
    raise LookupError("at once")


class Service:
    @asyncio.coroutine
    def status(self):
        return "ALIVE"


square = asyncio.coroutine(lambda number: number * number)
part = asyncio.coroutine(functools.partial(undecorated, "what a partial function returns"))

loop = asyncio.get_event_loop()
for pending in (
    value(),
    future(loop),
    generator(),
    coroutine(),
    Service().status(),
    square(12),
    part(),
):
    print(asyncio.iscoroutine(pending), loop.run_until_complete(pending))
for function in (value, generator, Service.status, square, undecorated, print):
    print(asyncio.iscoroutinefunction(function))
try:
    loop.run_until_complete(failing())
except LookupError as error:
    print("LookupError:", error.args[0])
loop.close()

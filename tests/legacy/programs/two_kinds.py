# Python 3.5 to 3.9: generators and async def, each waiting for the other.
import asyncio
import types


async def native(text):
    await asyncio.sleep(0)
    return "native " + text


@asyncio.coroutine
def old(text):
    return (yield from native("below " + text))


@asyncio.coroutine
def handed_on(text):
    return native("out of " + text)


@types.coroutine
def bare():
    yield
    return "bare"


async def modern():
    return [await old("a generator"), await handed_on("a plain function"), await bare()]


class Waited:
    def __await__(self):
        yield
        return "waited"


@asyncio.coroutine
def main():
    for part in (yield from modern()):
        print(part)
    print((yield from asyncio.ensure_future(Waited())))
    print((yield from bare()))


same = asyncio.coroutine(native)
print(same is native, asyncio.iscoroutinefunction(native))
loop = asyncio.get_event_loop()
loop.run_until_complete(main())
loop.close()

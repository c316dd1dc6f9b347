# Python 3.4 to 3.9 with PYTHONASYNCIODEBUG=1: coroutines that nobody waits for.
import asyncio


@asyncio.coroutine
def forgotten():
    yield from asyncio.sleep(0)


@asyncio.coroutine
def plain():
    return 1


def make():
    forgotten()
    plain()


@asyncio.coroutine
def main():
    yield from forgotten()
    make()


loop = asyncio.get_event_loop()
loop.run_until_complete(main())
loop.close()
print("done")

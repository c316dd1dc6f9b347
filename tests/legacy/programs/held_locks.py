# Python 3.4 to 3.8: locks that are held by the value of yield from.
import asyncio


@asyncio.coroutine
def visit(lock, name, trail):
    with (yield from lock):
        trail.append(name + " in")
        yield from asyncio.sleep(0.01)
        trail.append(name + " out")


@asyncio.coroutine
def main():
    for lock in (asyncio.Lock(), asyncio.Semaphore(), asyncio.BoundedSemaphore(1)):
        trail = []
        yield from asyncio.gather(visit(lock, "a", trail), visit(lock, "b", trail))
        print([entry[1:] for entry in trail], lock.locked())
    condition = asyncio.Condition()
    ready = []

    @asyncio.coroutine
    def consumer():
        with (yield from condition):
            yield from condition.wait_for(lambda: ready)
            return ready[0]

    waiting = asyncio.ensure_future(consumer())
    yield from asyncio.sleep(0)
    with (yield from condition) as nothing:
        print(nothing, condition.locked())
        ready.append("news")
        condition.notify_all()
    print((yield from waiting), condition.locked())
    try:
        with lock:
            pass
    except RuntimeError as error:
        print(error)
    try:
        with (yield from lock):
            raise KeyError("inside")
    except KeyError:
        print(lock.locked())


async def modern():
    lock = asyncio.Lock()
    with await lock:
        print(lock.locked())
    async with lock:
        print(lock.locked())
    print(lock.locked())


loop = asyncio.get_event_loop()
loop.run_until_complete(main())
loop.run_until_complete(modern())
loop.close()

# Python 3.4 to 3.9: a loop that is handed to everything, and is not the current one.
import asyncio

loop = asyncio.new_event_loop()
asyncio.set_event_loop(None)


@asyncio.coroutine
def work(number):
    return (yield from asyncio.sleep(0.01, number, loop=loop))


@asyncio.coroutine
def main():
    lock = asyncio.Lock(loop=loop)
    event = asyncio.Event(loop=loop)
    condition = asyncio.Condition(loop=loop)
    semaphore = asyncio.Semaphore(2, loop=loop)
    bounded = asyncio.BoundedSemaphore(loop=loop)
    for primitive in (lock, condition, semaphore, bounded):
        yield from primitive.acquire()
        primitive.release()
    event.set()
    yield from event.wait()
    for kind in (asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue):
        queue = kind(maxsize=3, loop=loop)
        for item in (2, 1, 3):
            yield from queue.put(item)
        print([(yield from queue.get()), (yield from queue.get()), (yield from queue.get())])
    print((yield from asyncio.gather(work(1), work(2), loop=loop)))
    done, _ = yield from asyncio.wait([work(3)], loop=loop, timeout=5)
    print([task.result() for task in done])
    print((yield from asyncio.wait_for(work(4), 5, loop=loop)))
    print((yield from asyncio.shield(work(5), loop=loop)))
    for following in asyncio.as_completed([work(6)], loop=loop, timeout=5):
        print((yield from following))
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    print(isinstance(protocol, asyncio.Protocol))
    reader.feed_data(b"fed\n")
    reader.feed_eof()
    print((yield from reader.readline()), reader.at_eof())


task = asyncio.Task(work(7), loop=loop)
future = asyncio.Future(loop=loop)
future.add_done_callback(lambda done: print("callback:", done.result()))
outer = asyncio.gather(task, asyncio.ensure_future(work(8), loop=loop), future, loop=loop)
loop.call_soon(future.set_result, 9)
print(loop.run_until_complete(outer))
print(loop.run_until_complete(asyncio.gather(loop=loop)))
print([loop.run_until_complete(f) for f in asyncio.as_completed([work(10)], loop=loop)])
loop.run_until_complete(main())
other = asyncio.new_event_loop()
try:
    asyncio.ensure_future(future, loop=other)
except ValueError:
    print("another loop's")
other.close()
try:
    asyncio.get_event_loop()
except RuntimeError:
    print("no current loop")
loop.close()

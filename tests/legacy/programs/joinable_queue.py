# Python 3.4.0 to 3.4.3: only this class of queues can be joined. Later it is a name for Queue.
import asyncio

queue = asyncio.JoinableQueue(maxsize=2)
eaten = []


@asyncio.coroutine
def produce():
    for item in range(5):
        yield from queue.put(item)


@asyncio.coroutine
def consume():
    while True:
        item = yield from queue.get()
        yield from asyncio.sleep(0)
        eaten.append(item)
        queue.task_done()


@asyncio.coroutine
def main():
    consumers = [asyncio.async_(consume()) for _ in range(2)]
    yield from produce()
    yield from queue.join()
    for consumer in consumers:
        consumer.cancel()
    yield from asyncio.wait(consumers)


loop = asyncio.get_event_loop()
loop.run_until_complete(main())
print(sorted(eaten), queue.empty(), isinstance(queue, asyncio.Queue))
loop.close()

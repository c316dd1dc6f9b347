# Python 3.4 to 3.6: a generator without any decorator is a coroutine, and a bare yield is a turn.
import asyncio

trail = []


def counter(name, number):
    for i in range(number):
        trail.append(name + str(i))
        yield
    return name


def nested():
    yield from counter("n", 1)
    result = yield from asyncio.gather(counter("x", 2), counter("y", 2))
    yield from asyncio.wait_for(asyncio.sleep(0), 5)
    return result


def look_up(loop):
    found = yield from loop.getaddrinfo("127.0.0.1", 80)
    return found[0][4]


loop = asyncio.get_event_loop()
print(loop.run_until_complete(look_up(loop)))
print(asyncio.iscoroutine(nested()))
print(loop.run_until_complete(nested()))
print(sorted(trail[1:3]), sorted(trail[3:5]))
task = loop.create_task(counter("t", 1))
print(loop.run_until_complete(task))
print(loop.run_until_complete(asyncio.Task(counter("u", 1), loop=loop)))
loop.close()

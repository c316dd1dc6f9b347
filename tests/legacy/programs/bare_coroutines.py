# Python 3.4 to 3.8: waiting for coroutines that nobody made a task of, inside and outside.
import asyncio


@asyncio.coroutine
def nap(number):
    yield from asyncio.sleep(number / 100)
    return number


@asyncio.coroutine
def fail():
    yield from asyncio.sleep(0)
    raise ValueError("failed")


@asyncio.coroutine
def inside():
    done, pending = yield from asyncio.wait([nap(1), nap(2)])
    print(sorted(task.result() for task in done), pending)
    done, pending = yield from asyncio.wait([nap(1), nap(500)], timeout=0.2)
    print(len(done), len(pending))
    for task in pending:
        task.cancel()
    done, pending = yield from asyncio.wait(
        {nap(n) for n in (1, 500)}, return_when=asyncio.FIRST_COMPLETED
    )
    print([task.result() for task in done], len(pending))
    for task in pending:
        task.cancel()
    done, pending = yield from asyncio.wait([fail(), nap(500)], return_when=asyncio.FIRST_EXCEPTION)
    print([str(task.exception()) for task in done], len(pending))
    for task in pending:
        task.cancel()
    *values, error = yield from asyncio.gather(nap(2), nap(1), fail(), return_exceptions=True)
    print(values, type(error))
    results = []
    for following in asyncio.as_completed([nap(6), nap(1)]):
        results.append((yield from following))
    print(results)
    print((yield from asyncio.wait_for(nap(1), 5)), (yield from asyncio.shield(nap(1))))
    try:
        yield from asyncio.wait_for(nap(500), 0.01)
    except asyncio.TimeoutError:
        print("too late")
    for following in asyncio.as_completed([nap(500)], timeout=0.01):
        try:
            yield from following
        except asyncio.TimeoutError:
            print("too late again")
    try:
        yield from asyncio.wait(nap(1))
    except TypeError:
        print("not a list")
    try:
        yield from asyncio.wait([])
    except ValueError:
        print("nothing to wait for")


loop = asyncio.get_event_loop()
loop.run_until_complete(inside())

done, pending = loop.run_until_complete(asyncio.wait([nap(1), nap(2)]))
print(sorted(task.result() for task in done), pending)
print(loop.run_until_complete(asyncio.gather(nap(2), nap(1))))
print(loop.run_until_complete(asyncio.gather()))
print([loop.run_until_complete(f) for f in asyncio.as_completed([nap(6), nap(1)])])
print(loop.run_until_complete(asyncio.wait_for(nap(1), 5)))
print(loop.run_until_complete(asyncio.shield(nap(1))))
one = nap(1)
print(loop.run_until_complete(asyncio.gather(one, one)))
for task in asyncio.Task.all_tasks():
    task.cancel()
loop.run_until_complete(asyncio.sleep(0))
loop.close()

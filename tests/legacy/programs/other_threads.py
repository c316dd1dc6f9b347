# Python 3.5 to 3.9: a generator handed to a loop in another thread.
import asyncio
import threading

loop = asyncio.new_event_loop()
thread = threading.Thread(target=loop.run_forever)
thread.start()


@asyncio.coroutine
def work(number):
    yield from asyncio.sleep(0.01)
    return number * 2


@asyncio.coroutine
def fail():
    yield from asyncio.sleep(0)
    raise OSError("out there")


print(asyncio.run_coroutine_threadsafe(work(21), loop).result(10))
print(asyncio.run_coroutine_threadsafe(asyncio.sleep(0, "slept"), loop).result(10))
print(asyncio.run_coroutine_threadsafe(fail(), loop).exception(10).args)
try:
    asyncio.run_coroutine_threadsafe(work, loop)
except TypeError as error:
    print(error)
loop.call_soon_threadsafe(loop.stop)
thread.join()
loop.close()

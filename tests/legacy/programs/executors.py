# Python 3.4 to 3.10: any executor can be the default one.
import asyncio
import concurrent.futures


class AtOnce(concurrent.futures.Executor):
    def submit(self, fn, *args):
        future = concurrent.futures.Future()
        future.set_result(("at once", fn(*args)))
        return future


@asyncio.coroutine
def main(loop):
    print((yield from loop.run_in_executor(None, sum, [1, 2])))
    loop.set_default_executor(AtOnce())
    print((yield from loop.run_in_executor(None, sum, [1, 2])))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        future = asyncio.wrap_future(pool.submit(sum, [3, 4]))
        print((yield from future))


loop = asyncio.get_event_loop()
loop.run_until_complete(main(loop))
outside = concurrent.futures.Future()
wrapped = asyncio.wrap_future(outside)
outside.set_result("wrapped outside")
print(loop.run_until_complete(wrapped))
loop.close()

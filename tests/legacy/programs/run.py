# Python 3.8 to 3.9: asyncio.run, tasks with names, loop= where it was still taken.
import asyncio


@asyncio.coroutine
def old():
    yield from asyncio.sleep(0)
    return "old"


async def work(number):
    await asyncio.sleep(0)
    return number


async def main():
    loop = asyncio.get_running_loop()
    task = asyncio.create_task(work(1), name="first")
    print(task.get_name(), asyncio.current_task() in asyncio.all_tasks())
    queue = asyncio.Queue(loop=loop)
    await queue.put(await task)
    print(await queue.get(), await asyncio.gather(old(), work(2), loop=loop))
    done, pending = await asyncio.wait({work(3), asyncio.create_task(old())}, loop=loop)
    print(sorted(str(task.result()) for task in done), pending)
    return "the end"


print(asyncio.run(main()))
print(asyncio.run(old(), debug=True))
try:
    asyncio.run(None)
except ValueError as error:
    print(error)
try:
    asyncio.get_event_loop()
except RuntimeError:
    print("no current loop any more")

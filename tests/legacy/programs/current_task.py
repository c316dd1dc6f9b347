# Python 3.4 to 3.8: the current task and all tasks, asked from the class.
import asyncio


@asyncio.coroutine
def worker():
    yield from asyncio.sleep(100)


@asyncio.coroutine
def main():
    me = asyncio.Task.current_task()
    workers = [asyncio.ensure_future(worker()) for _ in range(3)]
    yield from asyncio.sleep(0)
    print(me is asyncio.Task.current_task(loop=loop), me in asyncio.Task.all_tasks())
    print(len(asyncio.Task.all_tasks() - {me}), len(asyncio.Task.all_tasks(loop=loop)))
    for task in asyncio.Task.all_tasks():
        if task is not me:
            task.cancel()
    print((yield from asyncio.gather(*workers, return_exceptions=True)) != [])
    print([task.cancelled() for task in workers])


loop = asyncio.get_event_loop()
print(asyncio.Task.current_task())
task = asyncio.Task(main())
print(isinstance(task, asyncio.Task), isinstance(task, asyncio.Future))
loop.run_until_complete(task)
loop.close()

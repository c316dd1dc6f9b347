# Python 3.4 to 3.9: a child process, its lines one by one, its status.
import asyncio
import sys
from asyncio.subprocess import PIPE

PROGRAM = "import sys; [print('line', n, flush=True) for n in range(3)]; sys.exit(5)"


@asyncio.coroutine
def follow(loop):
    process = yield from asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, stdout=PIPE, loop=loop
    )
    while True:
        line = yield from process.stdout.readline()
        if not line:
            break
        print(line)
    return (yield from process.wait())


@asyncio.coroutine
def converse():
    process = yield from asyncio.create_subprocess_shell(
        "tr a-z A-Z", asyncio.subprocess.PIPE, asyncio.subprocess.PIPE
    )
    out, err = yield from process.communicate(b"louder")
    return out, err, process.returncode


loop = asyncio.get_event_loop()
watcher = asyncio.get_child_watcher()
watcher.attach_loop(loop)
print(isinstance(watcher, asyncio.AbstractChildWatcher))
print("status", loop.run_until_complete(follow(loop)))
print(loop.run_until_complete(converse()))
loop.close()

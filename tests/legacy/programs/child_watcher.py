# Python 3.4 to 3.13: a process that the program starts itself, and a watcher of its choice.
import asyncio
import subprocess
import sys

loop = asyncio.get_event_loop()
watcher = asyncio.SafeChildWatcher()
watcher.attach_loop(loop)
asyncio.set_child_watcher(watcher)
print(asyncio.get_child_watcher() is watcher)

ended = asyncio.Future()


def on_end(pid, returncode, word):
    ended.set_result((pid, returncode, word))


with watcher:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(7)"])
    watcher.add_child_handler(process.pid, on_end, "word")
pid, returncode, word = loop.run_until_complete(ended)
print(pid == process.pid, returncode, word)
print(watcher.remove_child_handler(pid))
process.returncode = returncode
watcher.close()
loop.close()

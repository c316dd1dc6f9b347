# Python 3.4 to 3.13: policies, the loop of the main thread, and no loop in others.
import asyncio
import threading


class Counting(asyncio.DefaultEventLoopPolicy):
    made = 0

    def new_event_loop(self):
        self.made += 1
        return super().new_event_loop()


@asyncio.coroutine
def hello():
    return asyncio.get_event_loop()


def in_thread():
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        print("no loop in this thread")
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    print(asyncio.get_event_loop() is loop, loop.run_until_complete(hello()) is loop)
    loop.close()


first = asyncio.get_event_loop()
print(asyncio.get_event_loop() is first, first.run_until_complete(hello()) is first)
thread = threading.Thread(target=in_thread)
thread.start()
thread.join()
print(isinstance(asyncio.get_event_loop_policy(), asyncio.AbstractEventLoopPolicy))
print(asyncio.get_event_loop_policy().get_event_loop() is first)
first.close()

policy = Counting()
asyncio.set_event_loop_policy(policy)
print(asyncio.get_event_loop_policy() is policy)
second = asyncio.get_event_loop()
third = asyncio.new_event_loop()
print(second is not first, policy.made)
asyncio.set_event_loop(third)
print(asyncio.get_event_loop() is third)
second.close()
third.close()
asyncio.set_event_loop_policy(None)
fourth = asyncio.SelectorEventLoop()
asyncio.set_event_loop(fourth)
print(fourth.run_until_complete(hello()) is fourth)
fourth.close()

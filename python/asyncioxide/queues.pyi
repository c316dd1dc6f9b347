import sys
from asyncio.queues import (
    QueueEmpty as QueueEmpty,
    QueueFull as QueueFull,
    __all__ as __all__,
)

from ._asyncioxide import (
    LifoQueue as LifoQueue,
    PriorityQueue as PriorityQueue,
    Queue as Queue,
)

if sys.version_info >= (3, 13):
    from asyncio.queues import QueueShutDown as QueueShutDown

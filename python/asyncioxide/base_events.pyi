from asyncio.base_events import BaseEventLoop as BaseEventLoop, __all__ as __all__

from ._loop import Server as Server

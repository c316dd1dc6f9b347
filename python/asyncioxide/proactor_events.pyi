from asyncio.proactor_events import (
    BaseProactorEventLoop as BaseProactorEventLoop,
    __all__ as __all__,
)

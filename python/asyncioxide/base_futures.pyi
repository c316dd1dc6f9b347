from asyncio.base_futures import __all__ as __all__

from ._asyncioxide import isfuture as isfuture

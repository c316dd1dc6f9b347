from asyncio.timeouts import __all__ as __all__

from ._asyncioxide import Timeout as Timeout, timeout as timeout, timeout_at as timeout_at

import sys
from asyncio.futures import __all__ as __all__

from ._asyncioxide import Future as Future, isfuture as isfuture, wrap_future as wrap_future

if sys.version_info >= (3, 14):
    from ._asyncioxide import (
        future_add_to_awaited_by as future_add_to_awaited_by,
        future_discard_from_awaited_by as future_discard_from_awaited_by,
    )

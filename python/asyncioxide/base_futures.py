"""The states and the representation of futures. See :mod:`asyncio.base_futures`."""

from . import _mirror
from ._asyncioxide import isfuture as isfuture

_mirror.complete(globals())

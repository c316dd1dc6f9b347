"""Time limits. See :mod:`asyncio.timeouts`."""

from . import _mirror
from ._asyncioxide import Timeout as Timeout, timeout as timeout, timeout_at as timeout_at

_mirror.complete(globals())

"""asyncio's loop over selectors. See :mod:`asyncio.selector_events`."""

from . import _mirror

_mirror.complete(globals())

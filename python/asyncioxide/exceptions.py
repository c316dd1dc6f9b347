"""The exceptions, which are asyncio's own. See :mod:`asyncio.exceptions`."""

from . import _mirror

_mirror.complete(globals())

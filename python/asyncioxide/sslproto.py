"""asyncio's TLS over any transport. See :mod:`asyncio.sslproto`."""

from . import _mirror

_mirror.complete(globals())

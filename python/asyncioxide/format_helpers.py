"""Callbacks and stacks as text. See :mod:`asyncio.format_helpers`."""

from . import _mirror

_mirror.complete(globals())

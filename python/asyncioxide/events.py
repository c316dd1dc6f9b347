"""Handles, the current event loop, and policies. See :mod:`asyncio.events`."""

import sys

from . import _mirror, _policy
from ._policy import (
    get_event_loop_policy as get_event_loop_policy,
    new_event_loop as new_event_loop,
    set_event_loop_policy as set_event_loop_policy,
)

if sys.version_info < (3, 14):
    # Later ones make no loop: asyncio's finds the current one.
    from ._policy import get_event_loop as get_event_loop
else:
    # Without their warnings, as libraries and tests call them since 3.14.
    _get_event_loop_policy = _policy._current_policy
    _set_event_loop_policy = _policy._set_event_loop_policy

_mirror.complete(globals())

"""The loop's methods of later work, and arguments that asyncio would take."""

from __future__ import annotations

import asyncio
from typing import Any

NOT_YET: dict[str, tuple[Any, ...]] = {
    "create_datagram_endpoint": (asyncio.DatagramProtocol, ("127.0.0.1", 0)),
}

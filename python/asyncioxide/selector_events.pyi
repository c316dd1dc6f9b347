from asyncio.selector_events import *
from asyncio.selector_events import __all__ as __all__

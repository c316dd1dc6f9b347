from asyncio.base_futures import *
from asyncio.base_futures import __all__ as __all__

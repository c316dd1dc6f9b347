from asyncio.taskgroups import *
from asyncio.taskgroups import __all__ as __all__

from asyncio.constants import *

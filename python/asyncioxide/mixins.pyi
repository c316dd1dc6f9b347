from asyncio.mixins import *

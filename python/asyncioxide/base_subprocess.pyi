from asyncio.base_subprocess import *

from asyncio.base_tasks import *

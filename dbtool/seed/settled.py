"""Wait until the server has ended what a run left to it."""

import asyncio
import time
from collections.abc import Awaitable, Callable


async def settled(
    is_at_work: Callable[[], Awaitable[bool]], seconds: float, tell: Callable[[], None]
) -> bool:
    """Whether it ends within so many seconds; `tell` is called once if it has to be waited for."""
    until, told = time.monotonic() + seconds, False
    while await is_at_work():
        if time.monotonic() >= until:
            return False
        if not told:
            tell()
            told = True
        await asyncio.sleep(0.1)
    return True

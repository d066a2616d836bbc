"""Let several tasks of one event loop wait until anything has happened, or a moment has come."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Callable


class News:
    """Wake tasks that wait. A task looks at the state before each wait: news between two waits wakes nobody.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def tell(self) -> None:
        """Wake every task that waits now."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, until: float) -> None:
        """Wait until something happens, at most until then; infinity is for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if until == math.inf else max(0.0, until - self._clock())):
                await self._event.wait()

    async def wait_for(self, condition: Callable[[], bool], end: float) -> bool:
        """Wait until `condition` holds, at most until `end`; tell whether it does."""
        while not (met := condition()) and self._clock() < end:
            await self.wait(end)
        return met

"""Let several tasks of one event loop wait until anything has happened, or a moment has come."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable


class News:
    """Wake tasks that wait. A task looks at the state before each wait: news between two waits wakes nobody.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    @property
    def next(self) -> asyncio.Event:
        """The next news: whoever looks at the state over an `await` takes it before, so that none is missed."""
        return self._event

    def tell(self) -> None:
        """Wake every task that waits now."""
        event, self._event = self._event, asyncio.Event()
        event.set()

    async def wait(self, until: float, news: asyncio.Event | None = None) -> None:
        """Wait until something happens (or `news`, which may have), at most until then; infinity is for ever."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if until == math.inf else max(0.0, until - self._clock())):
                await (news or self._event).wait()

    async def verdict(self, ask: Callable[[], Awaitable[bool | None]], end: float) -> bool:
        """Tell everybody, and ask after all news until there is a verdict that is not None; at `end` it is False."""
        self.tell()
        while True:
            news = self._event
            answer = await ask()
            if answer is not None or self._clock() >= end:
                return bool(answer)
            await self.wait(end, news)

"""Let several tasks of one event loop wait until anything has happened, or a moment has come."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable


class Next:
    """The next news. Waiting for it takes a future and a timer, and never cancels the task that waits."""

    def __init__(self) -> None:
        self._came = False
        self._waiters: set[asyncio.Future[None]] = set()

    def come(self) -> None:
        """Wake every task that waits for it, and let nobody wait for it any more."""
        self._came = True
        for waiter in self._waiters:
            _wake(waiter)

    async def wait(self, seconds: float) -> None:
        """Wait until it has come, at most so many seconds; infinity is for ever."""
        if self._came:
            return
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        timer = None if seconds == math.inf else loop.call_later(seconds, _wake, waiter)
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
            if timer is not None:
                timer.cancel()


class News:
    """Wake tasks that wait. A task looks at the state before each wait: news between two waits wakes nobody.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._next = Next()

    @property
    def next(self) -> Next:
        """The next news: whoever looks at the state over an `await` takes it before, so that none is missed."""
        return self._next

    def tell(self) -> None:
        """Wake every task that waits now."""
        news, self._next = self._next, Next()
        news.come()

    async def wait(self, until: float, news: Next | None = None) -> None:
        """Wait until something happens (or `news`, which may have), at most until then; infinity is for ever."""
        await (news or self._next).wait(max(0.0, until - self._clock()))

    async def verdict(self, ask: Callable[[], Awaitable[bool | None]], end: float) -> bool:
        """Tell everybody, and ask after all news until there is a verdict that is not None; at `end` it is False."""
        self.tell()
        while True:
            news = self._next
            answer = await ask()
            if answer is not None or self._clock() >= end:
                return bool(answer)
            await self.wait(end, news)


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

"""Let those who wait for a verdict ask again whenever something has happened."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable


class News:
    """Count what happens, and wake whoever waits for the next of it. Belongs to one event loop.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._reported = 0
        self._waiters: set[asyncio.Future[None]] = set()

    def tell(self) -> None:
        """Say that something may be otherwise than before."""
        self._reported += 1
        for waiter in self._waiters:
            _wake(waiter)

    async def verdict(self, ask: Callable[[], Awaitable[bool | None]], end: float) -> bool:
        """Ask after all news until there is a verdict that is not None; at `end` it is False."""
        while True:
            known = self._reported
            answer = await ask()
            if answer is not None or self._clock() >= end:
                return bool(answer)
            if known == self._reported:
                await self._wait(end)

    async def _wait(self, until: float) -> None:
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        timer = loop.call_later(max(0.0, until - self._clock()), _wake, waiter)
        self._waiters.add(waiter)
        try:
            await waiter
        finally:
            self._waiters.discard(waiter)
            timer.cancel()


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)

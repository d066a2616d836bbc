"""Bound how many responses are made at once, so that many clients cannot use up the memory.

A client that reads slowly occupies its slot for as long; while another one waits for a slot, it is cut off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

MOST_AT_ONCE: Final = 4
LONGEST_WAIT: Final = 10.0
SLOW_SECONDS: Final = 2.0
"""A client may read for this long while another one waits for a slot."""


class ResponseSlots:
    """Slots for responses in the making. Belongs to one event loop.

    Args:
        most: how many are made at once.
        fits: tells for how many there is memory now; None for as many as there may be.
    """

    def __init__(self, most: int = MOST_AT_ONCE, fits: Callable[[], int] | None = None) -> None:
        self._most = most
        self._fits = fits
        self._free = asyncio.Semaphore(most)
        self._released = asyncio.Event()
        self._taken: list[tuple[float, web.Request]] = []

    @asynccontextmanager
    async def acquire(self, request: web.Request) -> AsyncIterator[None]:
        """Occupy a slot while the body runs.

        Raises:
            HTTPServiceUnavailable: when none became free in time.
        """
        watch = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(LONGEST_WAIT):
                await self._acquire()
        except TimeoutError:
            raise web.HTTPServiceUnavailable(
                text=f"busy: {self._most} answers are being written already; try again"
            ) from None
        finally:
            watch.cancel()
        turn = time.monotonic(), request
        self._taken.append(turn)
        try:
            yield
        finally:
            self._taken.remove(turn)
            self._free.release()
            self._released.set()

    async def _acquire(self) -> None:
        """Wait for a slot, and until there is memory for one more answer; one at a time there always is."""
        await self._free.acquire()
        try:
            while self._fits is not None and len(self._taken) >= max(1, self._fits()):
                self._released.clear()
                await self._released.wait()
        except BaseException:
            self._free.release()
            raise

    async def _watch(self) -> None:
        """While somebody waits, cut off one slow reader after the other; the abort raises in who writes to it."""
        while True:
            await asyncio.sleep(SLOW_SECONDS / 4)
            now = time.monotonic()
            for since, request in self._taken:
                transport = request.transport
                if transport and now - since > SLOW_SECONDS and transport.get_write_buffer_size():
                    transport.abort()
                    break

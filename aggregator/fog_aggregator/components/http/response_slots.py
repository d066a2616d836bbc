"""Bound how many responses are made at once, so that many clients cannot use up the memory.

A client that reads slowly occupies its slot for as long; while another one waits for a slot, it is cut off.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
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
    """

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._most = most
        self._free = asyncio.Semaphore(most)
        self._taken: list[tuple[float, web.Request]] = []

    @asynccontextmanager
    async def acquire(self, request: web.Request) -> AsyncIterator[None]:
        """Occupy a slot while the body runs.

        Raises:
            HTTPServiceUnavailable: when none became free in time.
        """
        watch = asyncio.create_task(self._watch())
        try:
            await asyncio.wait_for(self._free.acquire(), LONGEST_WAIT)
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

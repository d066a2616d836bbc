"""The agent's loop over a publisher: to its end, and for those who wait until all is said."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from fog_agent.core.publication import Publication
from fog_agent.edge.driving.calls import PublisherCalls, Refresh, publisher_of
from fog_agent.edge.driving.driver import Driver, nothing
from fog_agent.edge.driving.news import News
from fog_agent.edge.driving.worker import InPlace, Worker, begin
from fog_bus.ports import Bus

GRACE_SECONDS: Final = 1.0  # beyond its deadline an end waits so long for a call that is under way


class Sender:
    """Drive a publication's `Publisher` over a bus: frames go to one subject, events (a rollup has none) to another.

    Args:
        phase: where in the interval it sends, from 0 to 1.
        worker: runs all calls of the publisher (by default in place), `refresh` among them.
    """

    def __init__(
        self,
        publication: Publication,
        bus: Bus,
        subject: str,
        events_subject: str | None = None,
        *,
        phase: float,
        worker: Worker | None = None,
        refresh: Refresh = lambda _: None,
    ) -> None:
        self._clock = clock = time.monotonic
        self._publisher = publisher_of(publication, phase, clock)
        self._calls = PublisherCalls(self._publisher, clock, refresh)
        self._worker: Worker = worker or InPlace()
        self._bus = bus
        self._news = News(clock)
        self._driver = Driver(self._calls, self._worker, bus, subject, events_subject, clock, self._news)

    async def run(self) -> None:
        """Encode and send until cancelled."""
        await self._driver.run()

    def stop(self) -> None:
        """Make no call any more that nobody waits for."""
        self._driver.stop()

    def requested(self, _subject: str, data: bytes) -> None:
        """Pass a request for a keyframe on, if `data` is one. Never raises."""
        self._driver.call(partial(self._calls.requested, data), nothing)

    async def flush(self, deadline: float) -> bool:
        """Encode what was counted until now; True when all of it is acknowledged within `deadline` seconds."""
        end = self._clock() + deadline
        flush = await begin(self._worker, partial(self._calls.flush, deadline))
        self._driver.go_on()
        await self._bus.connected(end - self._clock())  # in a hurry, unlike `run`
        return await self._news.verdict(lambda: begin(self._worker, partial(self._calls.flushed, flush)), end)

    async def finish(self, deadline: float) -> bool:
        """End the epoch (see `Publisher.finish`); True when all is acknowledged within `deadline` seconds."""
        end = self._clock() + deadline
        try:
            async with asyncio.timeout(deadline + GRACE_SECONDS):
                await self._bus.connected(deadline)
                await begin(self._worker, partial(self._calls.finish, self._bus.max_payload, end))
                self._driver.go_on()
                return await self._news.verdict(lambda: begin(self._worker, self._calls.finished), end)
        except TimeoutError:
            return False

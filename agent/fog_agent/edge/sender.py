"""The agent's loops: they ask the publisher what is next, publish it, and say what became of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from fog_agent.core.event_log import EventFrame
from fog_agent.core.publication import Publication
from fog_agent.core.publisher import Publisher
from fog_agent.core.schedule import FIRST_RETRY
from fog_agent.core.writer import Encoded
from fog_agent.edge.news import News
from fog_bus.ports import Bus, Outcome
from fog_bus.rate_limited_log import LOGGER, RateLimitedLog
from fog_schema.codec import decode_request
from fog_schema.errors import FrameError

ACK_SECONDS: Final = 3.0
_NextFrame: TypeAlias = Callable[[float], Encoded | EventFrame | None]


class Sender:
    """Drive a publication's `Publisher` over a bus: frames go to one subject, events (a rollup has none) to another.

    Args:
        phase: where in the interval it sends, from 0 to 1.
    """

    def __init__(
        self, publication: Publication, bus: Bus, subject: str, events_subject: str | None = None, *, phase: float
    ) -> None:
        self._clock = clock = time.monotonic
        log_line, rng = RateLimitedLog(clock), random.Random()
        self._publisher = Publisher(publication, now=clock(), phase=phase, rng=rng, report=log_line)
        self._bus, self._subject, self._events = bus, subject, events_subject
        self._news = News(clock)

    async def run(self) -> None:
        """Encode and send until cancelled."""
        publisher = self._publisher
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            group.create_task(self._send(self._subject, publisher.next_frame, lambda: publisher.frame_at))
            if self._events is not None:
                group.create_task(self._send(self._events, publisher.next_events, lambda: publisher.events_at))

    def requested(self, _subject: str, data: bytes) -> None:
        """Pass a request for a keyframe on, if `data` is one. Never raises."""
        try:
            self._publisher.requested(decode_request(data), self._clock())
        except FrameError as error:
            LOGGER.debug("not a request: %s", error)
        self._news.tell()

    async def flush(self, deadline: float) -> bool:
        """Encode what was counted until now; True when all of it is acknowledged within `deadline` seconds."""
        flush, end = self._publisher.flush(self._clock()), self._clock() + deadline
        self._news.tell()
        await self._bus.connected(deadline)  # in a hurry, unlike the loops
        return await self._news.wait_for(lambda: self._publisher.flushed(flush), end)

    async def finish(self, deadline: float) -> bool:
        """End the epoch (see `Publisher.finish`); True when all is acknowledged within `deadline` seconds."""
        publisher, end = self._publisher, self._clock() + deadline
        await self._connected(deadline)
        publisher.finish(self._clock(), end - self._clock())
        self._news.tell()
        return await self._news.wait_for(lambda: publisher.idle or publisher.failed, end) and publisher.idle

    async def _tick(self) -> None:
        while True:
            await self._news.wait(self._publisher.tick_at)
            if self._clock() >= self._publisher.tick_at:
                self._publisher.tick(self._clock())
                self._news.tell()

    async def _send(self, subject: str, next_frame: _NextFrame, due_at: Callable[[], float]) -> None:
        while True:
            await self._connected(None)
            frame = next_frame(self._clock())
            if frame is None:
                connected = self._bus.max_payload is not None  # it may just have ended, and nobody was told
                await self._news.wait(due_at() if connected else self._clock() + FIRST_RETRY)
                continue
            answer = await self._bus.publish(subject, frame.data, ACK_SECONDS)
            if answer.outcome is Outcome.ACKED:
                self._publisher.acknowledged(frame, self._clock())
            else:
                self._publisher.refused(frame, answer, self._clock())
            self._news.tell()

    async def _connected(self, deadline: float | None) -> None:
        """Wait for a connection, and tell the publisher whether there is one."""
        await self._bus.connected(deadline)
        self._publisher.connection(self._bus.max_payload, self._clock())

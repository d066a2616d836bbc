"""The agent's loops: they ask the publisher what is next, publish it, and say what became of it."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Final

from fog_agent.core.publication import Publication
from fog_agent.core.schedule import FIRST_RETRY
from fog_agent.edge.driving.calls import Next, PublisherCalls, Refresh, publisher_of
from fog_agent.edge.driving.news import News, State
from fog_agent.edge.driving.worker import InPlace, Worker
from fog_bus.ports import Bus

ACK_SECONDS: Final = 3.0
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
        self._clock = time.monotonic
        self._publisher = publisher_of(publication, phase, self._clock)
        self._calls = PublisherCalls(self._publisher, self._clock, refresh)
        self._worker: Worker = worker or InPlace()
        self._bus, self._subject, self._events = bus, subject, events_subject
        self._news = News(self._clock)

    async def run(self) -> None:
        """Encode and send until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick())
            group.create_task(self._send(self._subject, self._calls.next_frame, lambda: self._calls.frame_at))
            if self._events is not None:
                group.create_task(self._send(self._events, self._calls.next_events, lambda: self._calls.events_at))

    def requested(self, _subject: str, data: bytes) -> None:
        """Pass a request for a keyframe on, if `data` is one. Never raises."""
        done = self._worker.begin(partial(self._calls.requested, data))
        done.add_done_callback(lambda _: self._news.tell())

    async def flush(self, deadline: float) -> bool:
        """Encode what was counted until now; True when all of it is acknowledged within `deadline` seconds."""
        end = self._clock() + deadline
        flush = await self._worker.begin(partial(self._calls.flush, deadline))
        await self._bus.connected(end - self._clock())  # in a hurry, unlike the loops
        return await self._news.verdict(lambda: self._worker.begin(partial(self._calls.flushed, flush)), end)

    async def finish(self, deadline: float) -> bool:
        """End the epoch (see `Publisher.finish`); True when all is acknowledged within `deadline` seconds."""
        end = self._clock() + deadline
        try:
            async with asyncio.timeout(deadline + GRACE_SECONDS):
                await self._bus.connected(deadline)
                await self._worker.begin(partial(self._calls.finish, self._bus.max_payload, end))
                return await self._news.verdict(lambda: self._worker.begin(self._calls.finished), end)
        except TimeoutError:
            return False

    async def _tick(self) -> None:
        while True:
            at = self._publisher.tick_at
            await self._news.wait(at, lambda: self._publisher.tick_at, at)
            if self._clock() >= self._publisher.tick_at:
                await self._worker.begin(self._calls.tick)
                self._news.tell()

    async def _send(self, subject: str, next_frame: Next, state: State) -> None:
        while True:
            await self._bus.connected(None)
            max_payload = self._bus.max_payload
            frame, due = await self._worker.begin(partial(next_frame, max_payload))
            if frame is None:
                self._news.tell()  # of a connection, for the other task, or that the final cannot be encoded
                connected = max_payload is not None  # as the publisher was told: it may be another by now
                await self._news.wait(due if connected else self._clock() + FIRST_RETRY, state, due)
                continue
            answer = await self._bus.publish(subject, frame.data, ACK_SECONDS)
            await self._worker.begin(partial(self._calls.answered, frame, answer))
            self._news.tell()

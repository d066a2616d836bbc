"""The calls of a publisher that an agent's loops let a worker run, each with the time that it is then."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeAlias

from fog_agent.core.event_log import EventFrame
from fog_agent.core.flush import Flush
from fog_agent.core.publication import Publication
from fog_agent.core.publisher import Publisher
from fog_agent.core.writer import Encoded
from fog_bus.ports import Outcome, Publish
from fog_bus.rate_limited_log import LOGGER, RateLimitedLog
from fog_schema.codec import decode_request
from fog_schema.errors import FrameError

Frame: TypeAlias = Encoded | EventFrame
Refresh: TypeAlias = Callable[[float | None], None]
"""Brings up to date what series are read from; waits at most so many seconds, or for a part of the interval."""
Next: TypeAlias = Callable[[int | None], tuple[Frame | None, float]]
"""Returns a frame to send, no longer than so many bytes; None comes with the moment at which there may be one."""

PART_OF_DEADLINE = 0.25
"""Part of the time for a flush, or the end, in which sources are waited for."""


def publisher_of(publication: Publication, phase: float, clock: Callable[[], float]) -> Publisher:
    """Make the publisher of a publication, which sends at `phase` of the interval, from 0 to 1."""
    return Publisher(publication, now=clock(), phase=phase, rng=random.Random(), report=RateLimitedLog(clock))


class PublisherCalls:
    """Calls of a publisher. Not thread-safe: one after the other.

    Args:
        publisher: decides.
        clock: monotonic seconds.
        refresh: called before series are read.

    Attributes:
        tick_at: what the publisher said after the last call: when `tick` is to be called next.
        frame_at: when it may have a frame.
        events_at: when it may have a frame of events.
    """

    def __init__(self, publisher: Publisher, clock: Callable[[], float], refresh: Refresh) -> None:
        self._publisher = publisher
        self._clock = clock
        self._refresh = refresh
        self._note()

    def tick(self) -> None:
        """End an interval, if it is over: the end may have begun since somebody looked."""
        if self._clock() >= self._publisher.tick_at:
            self._refresh(None)
            self._publisher.tick(self._clock())
            self._note()

    def next_frame(self, max_payload: int | None) -> tuple[Frame | None, float]:
        """Return the next frame to send, or None, and when there may be another one."""
        now, publisher = self._clock(), self._publisher
        publisher.connection(max_payload, now)
        frame = publisher.next_frame(now)
        self._note()
        return frame, self.frame_at

    def next_events(self, max_payload: int | None) -> tuple[Frame | None, float]:
        """Return the next frame of events, as `next_frame` does."""
        now, publisher = self._clock(), self._publisher
        publisher.connection(max_payload, now)
        frame = publisher.next_events(now)
        self._note()
        return frame, self.events_at

    def requested(self, data: bytes) -> None:
        """Answer a request for a keyframe, if it is one."""
        try:
            self._publisher.requested(decode_request(data), self._clock())
        except FrameError as error:
            LOGGER.debug("not a request: %s", error)
        self._note()

    def answered(self, frame: Frame, answer: Publish) -> None:
        """Take note of what became of a frame."""
        if answer.outcome is Outcome.ACKED:
            self._publisher.acknowledged(frame, self._clock())
        else:
            self._publisher.refused(frame, answer, self._clock())
        self._note()

    def flush(self, deadline: float) -> Flush:
        """Encode what was counted until now."""
        self._refresh(deadline * PART_OF_DEADLINE)
        flush = self._publisher.flush(self._clock())
        self._note()
        return flush

    def flushed(self, flush: Flush) -> bool | None:
        """Tell whether it is acknowledged; None while it may come to be."""
        return self._publisher.flushed(flush) or None

    def finish(self, max_payload: int | None, end: float) -> None:
        """Begin to end the epoch, which is to be done at `end`."""
        self._publisher.connection(max_payload, self._clock())
        self._refresh(max(0.0, end - self._clock()) * PART_OF_DEADLINE)
        self._publisher.finish(self._clock(), end - self._clock())
        self._note()

    def finished(self) -> bool | None:
        """Tell whether all is acknowledged; None while it may come to be."""
        if self._publisher.failed:
            return False
        return self._publisher.idle or None

    def _note(self) -> None:
        """Take note of all moments, for other threads: they may not ask while a call is under way."""
        publisher = self._publisher
        self.tick_at, self.frame_at, self.events_at = publisher.tick_at, publisher.frame_at, publisher.events_at

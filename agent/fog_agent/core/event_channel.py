"""Which event frame a publication sends next. Pure: time is handed in."""

from __future__ import annotations

from collections import deque
from typing import Final

from fog_agent.core.event_log import EventFrame
from fog_agent.core.frame_size import FrameSize
from fog_agent.core.publication import Epoch
from fog_agent.core.schedule import NEVER, Backoff
from fog_schema.frames import Request

MAX_REPEATS: Final = 16
"""Ranges of events that wait to be repeated; the oldest go first, and whoever asked asks again."""


class EventChannel:
    """Send new events until they are acknowledged, and repeat, once, the ranges that were asked for.

    Args:
        epoch: its events are sent.
        backoff: the pauses between attempts.
    """

    def __init__(self, epoch: Epoch, backoff: Backoff) -> None:
        self.backoff = backoff
        self._epoch = epoch
        self._size = FrameSize()
        self._repeats: deque[tuple[int, int]] = deque(maxlen=MAX_REPEATS)

    @property
    def idle(self) -> bool:
        """Whether every event is acknowledged or lost, and no repeat is waiting."""
        return not (self._epoch.events.unsent or self._repeats)

    @property
    def due_at(self) -> float:
        """When `next_frame` has something to send, by time alone."""
        return NEVER if self.idle else self.backoff.until

    def requested(self, request: Request) -> None:
        """Queue the events that a request asks to repeat, if it asks for any."""
        if request.epoch and 0 < request.first_event <= self._epoch.events.last:
            self._repeats.append((request.first_event, request.last_event))

    def connected(self, max_payload: int, now: float) -> None:
        """Take note of a connection, and of the longest message that its server takes."""
        self._size.server_takes(max_payload)
        self.backoff.connected(now)

    def next_frame(self, now: float) -> EventFrame | None:
        """Return the next frame to send: new events first, then repeats; None while there is nothing, or a pause."""
        if now < self.due_at:
            return None
        max_bytes = self._size.max_bytes
        log, header = self._epoch.events, self._epoch.header(now)
        frame = log.next_frame(header, max_bytes)
        while frame is None and self._repeats:
            first, last = self._repeats.popleft()
            frame = next(iter(log.repeat(header, first, last, max_bytes)), None)
            if frame is not None and frame.last < last:
                self._repeats.appendleft((frame.last + 1, last))
        return frame

    def acknowledged(self, frame: EventFrame) -> int:
        """Note that a frame is in the stream; return how many events it brought there for the first time."""
        self.backoff.succeeded()
        if frame.repeated:
            return 0
        self._epoch.events.confirm(frame)
        return frame.last - frame.first + 1

    def too_large(self, frame: EventFrame) -> None:
        """Note that a frame is longer than what is taken: fewer events go at a time, and less of one that is alone."""
        self._size.refused(len(frame.data))
        if frame.first == frame.last:
            self._epoch.events.shorten(frame.first, "the event is longer than what the server takes")

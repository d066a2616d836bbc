"""The events of an epoch: numbered, kept for a while, repeated when asked for. Pure: time is handed in.

Numbers are dense, from 1. What falls out of the bounded log before it was acknowledged is counted as lost; the hole in
the numbers tells the reader.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgpack

from fog_schema.codec import encode
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.limits import MAX_EVENT_BYTES, MAX_EVENTS_PER_FRAME, MAX_LABELS, MAX_NAME_LENGTH
from utilityfog_frontend.telemetry.events import TelemetryEvent

KEPT_SECONDS: Final = 15 * 60.0
MAX_EVENTS: Final = 1000
MAX_BYTES: Final = 4 * 1024 * 1024
_HEADROOM: Final = 256  # the header of an event frame


@dataclass(frozen=True, slots=True)
class EventFrame:
    """An encoded event frame and the numbers it carries, both ends included."""

    first: int
    last: int
    data: bytes


@dataclass(frozen=True, slots=True)
class _Entry:
    number: int
    event: Event
    size: int
    at: float


class EventLog:
    """The last events of one epoch. Not thread-safe: one agent owns it.

    Attributes:
        last: number of the newest event, 0 when there was none.
        acknowledged: every event up to this number is in the stream, or lost.
        lost: events that fell out before they were acknowledged.
    """

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._bounds = (max_events, max_bytes)
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self.last = 0
        self.acknowledged = 0
        self.lost = 0

    @property
    def held(self) -> tuple[int, int]:
        """First number that can still be repeated, and the last number given; (0, 0) before the first event."""
        return (self._entries[0].number if self._entries else self.last, self.last)

    @property
    def unsent(self) -> int:
        """Events that wait to be acknowledged."""
        return self.last - self.acknowledged

    def add(self, events: Iterable[TelemetryEvent], now: float) -> None:
        """Number new events and let go of the oldest, by age and by the bounds."""
        for event in events:
            self.last += 1
            entry = _Entry(self.last, *_to_wire(event), at=now)
            self._entries.append(entry)
            self._bytes += entry.size
        max_events, max_bytes = self._bounds
        while self._entries and (
            len(self._entries) > max_events
            or self._bytes > max_bytes
            or (now - self._entries[0].at > KEPT_SECONDS and self._entries[0].number <= self.acknowledged)
        ):
            gone = self._entries.popleft()
            self._bytes -= gone.size
            if gone.number > self.acknowledged:
                self.acknowledged = gone.number
                self.lost += 1

    def next_frame(self, header: Frame, max_bytes: int) -> EventFrame | None:
        """The next events that were never acknowledged, as many as fit; None when there are none."""
        return self._frame(header, self.acknowledged + 1, self.last, max_bytes)

    def repeat(self, header: Frame, first: int, last: int, max_bytes: int) -> list[EventFrame]:
        """The events `first` to `last` again, as far as they are held and were acknowledged before."""
        frames = []
        last = min(last, self.acknowledged)
        while frame := self._frame(header, first, last, max_bytes):
            frames.append(frame)
            first = frame.last + 1
        return frames

    def confirm(self, frame: EventFrame) -> None:
        """The stream has these events."""
        self.acknowledged = max(self.acknowledged, frame.last)

    def _frame(self, header: Frame, first: int, last: int, max_bytes: int) -> EventFrame | None:
        chosen: list[_Entry] = []
        size = _HEADROOM
        for entry in self._entries:
            if first <= entry.number <= last:
                size += entry.size
                if chosen and (size > max_bytes or len(chosen) == MAX_EVENTS_PER_FRAME):
                    break
                chosen.append(entry)
        if not chosen:
            return None
        header.kind, header.seq, header.events = EVENTS, chosen[0].number, [entry.event for entry in chosen]
        return EventFrame(chosen[0].number, chosen[-1].number, encode(header))


def _to_wire(event: TelemetryEvent) -> tuple[Event, int]:
    """The event as the wire carries it, and its size: what it cannot carry becomes text, what is too long is cut."""
    labels = {str(name): str(value) for name, value in list((event.labels or {}).items())[:MAX_LABELS]}
    metadata = {str(key): _plain(value) for key, value in (event.metadata or {}).items()}
    wire = Event(event.name[:MAX_NAME_LENGTH], _plain(event.value), labels, metadata, float(event.timestamp))
    size = _size(wire)
    if size > MAX_EVENT_BYTES:
        wire.value, wire.metadata, wire.labels = None, {"truncated_bytes": size}, {}
        size = _size(wire)
    return wire, size


def _size(event: Event) -> int:
    return len(msgpack.packb((event.name, event.value, event.labels, event.metadata, event.timestamp)))


def _plain(value: Any, depth: int = 8) -> Any:
    """A copy of `value` that msgpack carries and JSON shows; anything else as its text."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else str(value)
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if depth and isinstance(value, dict):
        return {str(key): _plain(entry, depth - 1) for key, entry in value.items()}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_plain(entry, depth - 1) for entry in value]
    return _plain(_text(value), 0)


def _text(value: object) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001 (an event's value is the program's object; its __str__ must not hurt the agent)
        return f"<{type(value).__name__}>"

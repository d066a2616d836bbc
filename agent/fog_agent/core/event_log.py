"""The events of an epoch: numbered, retained for a while, repeated on request. Pure: time is handed in.

Numbers are dense, from 1. An event that falls out of the bounded log before it was acknowledged is counted as lost;
the hole in the numbers tells the reader.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar

from fog_schema.codec import encode
from fog_schema.events import pack_event
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.limits import (
    MAX_EVENT_BYTES,
    MAX_EVENT_DEPTH,
    MAX_EVENTS_PER_FRAME,
    MAX_ITEMS,
    MAX_LABELS,
    MAX_NAME_LENGTH,
    MAX_TIMESTAMP,
)

C = TypeVar("C", bound=Collection[Any])

RETAINED_SECONDS: Final = 15 * 60.0
MAX_EVENTS: Final = 1000
MAX_BYTES: Final = 4 * 1024 * 1024
_HEADROOM: Final = 128  # the header of an event frame
_PREFIX: Final = 3  # before each event


class RecordedEvent(Protocol):
    """An event as a program recorded it; its value and metadata may be any objects of the program's."""

    @property
    def name(self) -> str:
        """In one word, what happened."""

    @property
    def value(self) -> Any:
        """Anything."""

    @property
    def timestamp(self) -> float:
        """Unix seconds."""

    @property
    def labels(self) -> dict[str, str]:
        """A few short strings to filter by."""

    @property
    def metadata(self) -> dict[str, Any]:
        """Anything else."""


@dataclass(frozen=True, slots=True)
class EventFrame:
    """An encoded event frame: the numbers that it carries, both ends included, and whether it repeats them."""

    first: int
    last: int
    data: bytes
    repeated: bool = False


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
        lost: events that fell out before they were acknowledged, or that no stream takes.
    """

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES) -> None:
        self._bounds = (max_events, max_bytes)
        self._entries: deque[_Entry] = deque()
        self._bytes = 0
        self.last = 0
        self.acknowledged = 0
        self.lost = 0

    @property
    def repeatable(self) -> tuple[int, int]:
        """First number that can still be repeated, and the last number given; (n + 1, n) when no event is held."""
        return (self._entries[0].number if self._entries else self.last + 1, self.last)

    @property
    def unsent(self) -> int:
        """Events that wait to be acknowledged."""
        return self.last - self.acknowledged

    def add(self, events: Iterable[RecordedEvent], now: float) -> None:
        """Give numbers to new events, and let go of the oldest, by age and by the bounds."""
        for event in events:
            self.last += 1
            entry = _Entry(self.last, *_to_wire(event), at=now)
            self._entries.append(entry)
            self._bytes += entry.size
        max_events, max_bytes = self._bounds
        while self._entries and (
            len(self._entries) > max_events
            or self._bytes > max_bytes
            or (now - self._entries[0].at > RETAINED_SECONDS and self._entries[0].number <= self.acknowledged)
        ):
            gone = self._entries.popleft()
            self._bytes -= gone.size
            if gone.number > self.acknowledged:
                self.acknowledged = gone.number
                self.lost += 1

    def next_frame(self, header: Frame, max_bytes: int) -> EventFrame | None:
        """Encode the next events that were never acknowledged, as many as fit; None when all were."""
        return self._frame(header, self.acknowledged + 1, self.last, max_bytes)

    def repeat(self, header: Frame, first: int, last: int, max_bytes: int) -> list[EventFrame]:
        """Encode the events `first` to `last` again, as far as they are held and were acknowledged before."""
        frames = []
        last = min(last, self.acknowledged)
        while frame := self._frame(header, first, last, max_bytes):
            frames.append(replace(frame, repeated=True))
            first = frame.last + 1
        return frames

    def confirm(self, frame: EventFrame) -> None:
        """Note that the stream has these events."""
        self.acknowledged = max(self.acknowledged, frame.last)

    def shorten(self, number: int, why: str) -> None:
        """Keep of an event that no stream takes its name and time; one that was short before is lost."""
        at = number - self._entries[0].number if self._entries else -1
        if not 0 <= at < len(self._entries):
            return  # it fell out meanwhile
        entry = self._entries[at]
        short = _not_carried(entry.event.name, entry.event.timestamp, why)
        if short == entry.event:
            self.lost += number > self.acknowledged
            self.acknowledged = max(self.acknowledged, number)
            return
        self._entries[at] = replace(entry, event=short, size=len(pack_event(short)))
        self._bytes += self._entries[at].size - entry.size

    def _frame(self, header: Frame, first: int, last: int, max_bytes: int) -> EventFrame | None:
        chosen: list[_Entry] = []
        size = _HEADROOM
        for entry in self._entries:
            if first <= entry.number <= last:
                size += entry.size + _PREFIX
                if chosen and (size > max_bytes or len(chosen) == MAX_EVENTS_PER_FRAME):
                    break
                chosen.append(entry)
        if not chosen:
            return None
        header.kind, header.seq = EVENTS, chosen[0].number
        header.events = tuple([entry.event for entry in chosen])
        return EventFrame(chosen[0].number, chosen[-1].number, encode(header))


def _to_wire(event: RecordedEvent) -> tuple[Event, int]:
    """Copy an event as the wire carries it, with its size: odd objects as text, and without what is too large."""
    name = _text(event.name)[:MAX_NAME_LENGTH] or "unnamed"
    timestamp = min(max(0.0, float(event.timestamp)), float(MAX_TIMESTAMP))
    try:
        copy = _Copier(MAX_EVENT_BYTES)  # as each item takes a byte at least
        labels = {_text(label): _text(value) for label, value in list((event.labels or {}).items())[:MAX_LABELS]}
        metadata = copy.plain(event.metadata or {}, MAX_EVENT_DEPTH + 1)
        wire = Event(name, copy.plain(event.value, MAX_EVENT_DEPTH), labels, metadata, timestamp)
        return wire, len(pack_event(wire))
    except Exception as error:  # noqa: BLE001 (these are the program's objects, and it may be changing them right now)
        wire = _not_carried(name, timestamp, f"{type(error).__name__}: {_text(error)[:200]}")
        return wire, len(pack_event(wire))


def _not_carried(name: str, timestamp: float, why: str) -> Event:
    return Event(name, None, {}, {"not_carried": why}, timestamp)


class _Copier:
    """Copies what a program put into an event into what msgpack carries and JSON shows, as long as there is room."""

    def __init__(self, items: int) -> None:
        self._left = items

    def plain(self, value: Any, depth: int) -> Any:
        """Make a plain copy of `value`, nested at most `depth` deep; anything that is not plain becomes its text.

        Raises:
            ValueError: it has too many items; a small list that contains itself ten times is endless.
        """
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many items")
        if value is None or isinstance(value, bool | float):
            return value
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**63 else _text(value)
        if depth and isinstance(value, dict):
            return {_text(key): self.plain(entry, depth - 1) for key, entry in _few(value).items()}
        if depth and isinstance(value, list | tuple | set | frozenset):
            return [self.plain(entry, depth - 1) for entry in _few(value)]
        return _text(value)


def _few(items: C) -> C:
    if len(items) > MAX_ITEMS:
        raise ValueError(f"{len(items)} items in one place, at most {MAX_ITEMS} are read")
    return items


def _text(value: object) -> str:
    try:
        text = value if isinstance(value, str) else str(value)
    except Exception:  # noqa: BLE001 (an event's value is the program's object; its __str__ must not hurt the agent)
        text = f"<{type(value).__name__}>"
    return text[: MAX_EVENT_BYTES + 1]

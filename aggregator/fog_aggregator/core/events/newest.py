"""Keep the newest events of a fleet in a bounded list that is fair: the path that has most of it gives way first.

An event stays packed, as it came, until somebody asks what it says: opened it takes up to 70 times as much.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from sys import getsizeof
from typing import Any, Final, NamedTuple

from fog_schema.events import unpack_event
from fog_schema.frames import Event
from fog_schema.paths import Path, format_path


class Mark(NamedTuple):
    """Mark a place in the list by the event that stands there.

    Attributes:
        received: server's time of the event, seconds.
        epoch: the epoch of its writer.
        number: its number there.
        path: the path of its writer.
    """

    received: float
    epoch: int
    number: int
    path: Path


def format_mark(mark: Mark) -> str:
    """Write a mark as text, which says no more than its event does: ``1700000000.5/2a/7/fog/0/3``."""
    return f"{mark.received!r}/{mark.epoch:x}/{mark.number}/{format_path(mark.path)}"


EVENT_BYTES: Final = 1600
"""Bytes that a listed event takes beside its own: at most, which is when it is the only one of its path."""
DEFAULT_BYTES: Final = 64 * 1024 * 1024
BY_NUMBER: Final = "number"
BY_BYTES: Final = "bytes"
REASONS: Final = (BY_NUMBER, BY_BYTES)
"""Why an event gives way: there are too many, or they take too much."""
_SPARE: Final = 1000


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """An event with where it came from; its content is opened each time that it is asked for.

    Attributes:
        path: the path of its writer.
        epoch: the epoch of its writer; 0 for the aggregator's own.
        number: its number in the epoch of its writer.
        received: server's time, seconds.
        name: its name.
        packed: the event as it travels, see `fog_schema.events`.
        order: how many events had been listed with it, ever: later ones have more.
    """

    path: Path
    epoch: int
    number: int
    received: float
    name: str
    packed: bytes
    order: int

    @property
    def mark(self) -> Mark:
        """Return the mark of its place."""
        return Mark(self.received, self.epoch, self.number, self.path)

    def open(self) -> Event:
        """Return what the event says."""
        return unpack_event(self.packed)

    def labelled(self) -> tuple[str, Any, float, dict[str, str], dict[str, Any]]:
        """Return its name, value, time, labels with its path as ``fog_path``, and metadata."""
        event = self.open()
        labels = event.labels | {"fog_path": format_path(self.path)}
        return event.name, event.value, event.timestamp, labels, event.metadata

    @property
    def size(self) -> int:
        """Return how many bytes it takes in the list."""
        return EVENT_BYTES + getsizeof(self.packed) + getsizeof(self.name)


class NewestEvents:
    """The newest events, at most so many and at most so many bytes. Not thread-safe.

    Over a limit the oldest event of the loudest path goes: the one with the largest share of the limits. Among equally
    loud ones it is that with the oldest event. A path that is not the loudest loses nothing to one that is.

    Args:
        max_events: how many there may be.
        max_bytes: how many bytes they may take, see `FleetEvent.size`.

    Attributes:
        bytes: how many bytes they take.
        evicted: how many events gave way, by reason.
    """

    def __init__(self, max_events: int, max_bytes: int) -> None:
        self.max_events = max_events
        self.max_bytes = max_bytes
        self.bytes = 0
        self.evicted: Counter[str] = Counter(dict.fromkeys(REASONS, 0))
        self._listed: dict[int, FleetEvent] = {}
        self._of_path: dict[Path, deque[FleetEvent]] = {}
        self._bytes_of: Counter[Path] = Counter()
        self._loudest: list[tuple[float, int, Path]] = []

    def __len__(self) -> int:
        return len(self._listed)

    def __iter__(self) -> Iterator[FleetEvent]:
        return iter(self._listed.values())

    def __reversed__(self) -> Iterator[FleetEvent]:
        return reversed(self._listed.values())

    def newest_first(self, before: Mark | None = None) -> Iterator[FleetEvent]:
        """Return the events, the newest first; with `before` those after that mark on the way.

        When its event is gone, those that were received before it.
        """
        events = reversed(self)
        if before is None:
            return events
        if any(event.mark == before for event in events):
            return events
        return (event for event in reversed(self) if event.received < before.received)

    def add(self, event: FleetEvent) -> None:
        """List an event, later than all before; the loudest paths make room for it."""
        path, size = event.path, event.size
        self._listed[event.order] = event
        self._of_path.setdefault(path, deque()).append(event)
        self._bytes_of[path] += size
        self.bytes += size
        self._rank(path)
        while len(self._listed) > self.max_events:
            self._evict(BY_NUMBER)
        while self.bytes > self.max_bytes:
            self._evict(BY_BYTES)

    def _evict(self, reason: str) -> None:
        path = self._loudest_path()
        events = self._of_path[path]
        event = events.popleft()
        size = event.size
        del self._listed[event.order]
        self.bytes -= size
        self._bytes_of[path] -= size
        self.evicted[reason] += 1
        if events:
            self._rank(path)
        else:
            del self._of_path[path], self._bytes_of[path]

    def _loudest_path(self) -> Path:
        """Return the loudest path; drop what is no longer true of those that were louder."""
        while True:
            ranked = self._loudest[0]
            path = ranked[2]
            if path in self._of_path and self._ranked(path) == ranked:
                return path
            heappop(self._loudest)

    def _rank(self, path: Path) -> None:
        """Note how loud a path is now; earlier notes stay in the heap until they come up, or are too many."""
        heappush(self._loudest, self._ranked(path))
        if len(self._loudest) > 2 * len(self._of_path) + _SPARE:
            self._loudest = [self._ranked(one) for one in self._of_path]
            heapify(self._loudest)

    def _ranked(self, path: Path) -> tuple[float, int, Path]:
        events = self._of_path[path]
        share = max(len(events) / max(1, self.max_events), self._bytes_of[path] / max(1, self.max_bytes))
        return -share, events[0].order, path

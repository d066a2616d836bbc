"""List the events of a fleet, each once (R12.24), in a bounded list.

An event's identity is (path, epoch, number). The numbers seen of an epoch are a set of ranges. A hole in it can be
asked for again while its writer still holds it, and is counted as lost when it does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, Final

from fog_aggregator.core.engine.defaults import MAX_EVENTS
from fog_aggregator.core.saved import (
    DamagedError,
    Saved,
    as_count,
    as_integer,
    as_is,
    as_list,
    as_mapping,
    as_number,
    as_path,
    as_text,
    as_text_mapping,
)
from fog_schema.frames import Frame
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import Path, is_under

RESERVED: Final = "fog_"
"""Names of events that begin so are the aggregators' own; those of nodes are refused (R12.50)."""
MAX_RANGES: Final = 64
MAX_WRITERS: Final = 1024
"""Epochs of a path whose numbers are remembered; beyond that the one silent for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """An event with where it came from.

    Attributes:
        path: the path of its writer.
        epoch: the epoch of its writer; 0 for the aggregator's own.
        number: its number in the epoch of its writer.
        received: server's time, seconds.
        name: its name.
        value: its value.
        labels: its labels.
        metadata: what its writer has added.
        timestamp: the node's own, seconds.
    """

    path: Path
    epoch: int
    number: int
    received: float
    name: str
    value: Any
    labels: dict[str, str]
    metadata: dict[str, Any]
    timestamp: float


@dataclass(slots=True)
class Seen:
    """Which numbers of an epoch were seen: disjoint ascending ranges, both ends included."""

    ranges: list[tuple[int, int]] = field(default_factory=list)
    last_seen: float = 0.0

    @property
    def last(self) -> int:
        """Return the highest number seen."""
        return self.ranges[-1][1] if self.ranges else 0

    def add(self, number: int) -> bool:
        """Note a number; return False when it was seen before."""
        at = bisect_right(self.ranges, (number, 2**63)) - 1
        if at >= 0 and number <= self.ranges[at][1]:
            return False
        joins_left = at >= 0 and self.ranges[at][1] == number - 1
        joins_right = at + 1 < len(self.ranges) and self.ranges[at + 1][0] == number + 1
        low = self.ranges[at][0] if joins_left else number
        high = self.ranges[at + 1][1] if joins_right else number
        self.ranges[at + (not joins_left) : at + 1 + joins_right] = [(low, high)]
        return True

    def holes(self, first: int, last: int) -> list[tuple[int, int]]:
        """Return the ranges from `first` to `last` that were not seen."""
        holes = []
        for low, high in self.ranges:
            if low > first:
                holes.append((first, min(low - 1, last)))
            first = max(first, high + 1)
            if first > last:
                break
        if first <= last:
            holes.append((first, last))
        return [(low, high) for low, high in holes if low <= high]

    def close_below(self, number: int) -> int:
        """Give up the holes below `number` and below the last one seen; return how many numbers that were.

        Numbers before the first one seen came before our time: they are given up uncounted.
        """
        given_up_to = min(number - 1, self.last)
        if given_up_to < 1:
            return 0
        between = self.holes(self.ranges[0][0], given_up_to)
        above = [(low, high) for low, high in self.ranges if low > given_up_to + 1]
        joined = max([high for low, high in self.ranges if low <= given_up_to + 1], default=0)
        self.ranges = [(1, max(joined, given_up_to)), *above]
        return sum(high - low + 1 for low, high in between)


def _ranges(value: Any) -> list[tuple[int, int]]:
    """Check that a value is a list of disjoint ascending ranges."""
    ranges: list[tuple[int, int]] = []
    for pair in as_list(value):
        low, high = map(as_integer, as_list(pair)) if len(as_list(pair)) == 2 else (1, 0)
        if low > high or (ranges and low <= ranges[-1][1]):
            raise DamagedError(f"{value!r} is not a list of ascending ranges")
        ranges.append((low, high))
    return ranges


class EventList:
    """The newest events of a fleet. Not thread-safe.

    Attributes:
        events: the newest events, oldest first.
        seen: the numbers that were seen, by path and epoch.
        total: events ever listed.
        repeated: events that had been listed before.
        refused: events with a reserved name.
        lost: events that their writers no longer hold, and that never came; it stays at 2^63 - 1.
        wanted: the range of numbers to ask a writer for, by (path, epoch), until a keyframe of it leaves none.
    """

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        self.events: deque[FleetEvent] = deque(maxlen=max_events)
        self.total = 0
        self.repeated = 0
        self.refused = 0
        self.lost = 0
        self.seen: dict[tuple[Path, int], Seen] = {}
        self._writers: dict[Path, dict[int, None]] = {}
        self.wanted: dict[tuple[Path, int], tuple[int, int]] = {}

    @property
    def max_events(self) -> int:
        """How many events it holds at most."""
        return self.events.maxlen or 0

    def apply(self, path: Path, frame: Frame, received: float) -> list[FleetEvent]:
        """List the events of a frame that were not listed before; return them."""
        seen = self.see(path, frame.epoch, received)
        fresh = []
        for number, event in enumerate(frame.events, frame.seq):
            if not seen.add(number):
                self.repeated += 1
                continue
            if event.name.startswith(RESERVED):
                self.refused += 1
                continue
            fresh.append(
                FleetEvent(
                    path,
                    frame.epoch,
                    number,
                    received,
                    event.name,
                    event.value,
                    event.labels,
                    event.metadata,
                    event.timestamp,
                )
            )
        if len(seen.ranges) > MAX_RANGES:
            self._lose(seen.close_below(seen.ranges[-MAX_RANGES][0]))
        self._want(path, frame.epoch, seen.holes(1, seen.last))
        self.events.extend(fresh)
        self.total += len(fresh)
        return fresh

    def see(self, path: Path, epoch: int, at: float) -> Seen:
        """Return the numbers seen of an epoch, from which a frame came at a time."""
        writers = self._writers.setdefault(path, {})
        writers.pop(epoch, None)
        writers[epoch] = None  # they are in the order in which they were heard last
        if len(writers) > MAX_WRITERS:
            self._forget(path, next(iter(writers)))
        seen = self.seen.setdefault((path, epoch), Seen())
        seen.last_seen = max(seen.last_seen, at)
        return seen

    def _forget(self, path: Path, epoch: int) -> None:
        self.seen.pop((path, epoch), None)
        self.wanted.pop((path, epoch), None)
        writers = self._writers[path]
        del writers[epoch]
        if not writers:
            del self._writers[path]

    def report(self, path: Path, name: str, value: Any, now: float) -> FleetEvent:
        """List an event of the aggregator's own making about a path; it is of epoch 0."""
        self.total += 1
        event = FleetEvent(path, 0, self.total, now, name, value, {}, {}, now)
        self.events.append(event)
        return event

    def reported(self, path: Path, epoch: int, numbers: tuple[int, int], now: float) -> None:
        """Note which events a writer has: missing ones are wanted (R12.25), earlier ones are lost (R12.26)."""
        self.wanted.pop((path, epoch), None)
        first, last = numbers
        if not last:
            return
        seen = self.see(path, epoch, now)
        self._lose(seen.close_below(first))
        self._want(path, epoch, seen.holes(max(first, 1), last))

    def _lose(self, count: int) -> None:
        """Count lost events. A writer may say any number up to 2^63, and a checkpoint has no place for larger sums."""
        self.lost = min(self.lost + count, MAX_WHOLE)

    def _want(self, path: Path, epoch: int, holes: list[tuple[int, int]]) -> None:
        if holes:
            self.wanted[path, epoch] = holes[0][0], holes[-1][1]

    def expire(self, before: float) -> None:
        """Forget the numbers of epochs not heard since `before` that have no event in the list any more.

        They must not be listed twice when a stream is read again, or a node slept for as long.
        """
        listed = {(event.path, event.epoch) for event in self.events}
        for key in [key for key, seen in self.seen.items() if seen.last_seen < before and key not in listed]:
            self._forget(*key)

    def image(self) -> Saved:
        """Return the events, and which numbers were seen."""
        listed = [
            (e.path, e.epoch, e.number, e.received, e.name, e.value, e.labels, e.metadata, e.timestamp)
            for e in self.events
        ]
        return Saved(
            {
                "listed": listed,
                "seen": [(*key, seen.ranges, seen.last_seen) for key, seen in self.seen.items()],
                "wanted": [(*key, *numbers) for key, numbers in self.wanted.items()],
                "total": self.total,
                "repeated": self.repeated,
                "refused": self.refused,
                "lost": self.lost,
            }
        )

    def restore(self, saved: Saved) -> None:
        """Take over the events of a checkpoint."""
        checks = (as_path, as_integer, as_integer, as_number, as_text, as_is, as_text_mapping, as_mapping, as_number)
        self.events.extend(FleetEvent(*event) for event in saved.records("listed", *checks))
        for where, epoch, ranges, last_seen in sorted(
            saved.records("seen", as_path, as_integer, _ranges, as_number), key=itemgetter(3)
        ):
            self.see(where, epoch, last_seen).ranges = ranges
        for where, epoch, first, last in saved.records("wanted", as_path, as_integer, as_integer, as_integer):
            self.wanted[where, epoch] = first, last
        for name in ("total", "repeated", "refused", "lost"):
            setattr(self, name, min(saved.value(name, as_count), MAX_WHOLE))

    def query(
        self, under: Path = (), name: str | None = None, since: float | None = None, limit: int | None = None
    ) -> list[FleetEvent]:
        """Return the newest `limit` events at and under a path, of a name, received after `since`; oldest first."""
        found: list[FleetEvent] = []
        for event in self._newest_first():
            if limit is not None and len(found) >= limit:
                break
            if since is not None and event.received <= since:
                break
            if (name is None or event.name == name) and is_under(event.path, under):
                found.append(event)
        return found[::-1]

    def _newest_first(self) -> Iterator[FleetEvent]:
        return reversed(self.events)

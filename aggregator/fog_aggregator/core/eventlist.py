"""The fleet's events: each one once, in a bounded list that can be asked.

An event's identity is (path, epoch, number). What was seen of an epoch is a set of ranges of numbers; a hole in it can
be asked for again while its writer still holds it, and is counted as lost when it does not.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fog_schema.frames import Frame
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import Path, is_under

MAX_EVENTS: Final = 10_000
MAX_RANGES: Final = 64
MAX_WRITERS: Final = 1024
"""Epochs of a path whose numbers are remembered; beyond that the one silent for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class FleetEvent:
    """An event with where it came from.

    Attributes:
        number: its number in the epoch of its writer.
        received: server's time, seconds.
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
    heard: float = 0.0

    @property
    def last(self) -> int:
        """The highest number seen."""
        return self.ranges[-1][1] if self.ranges else 0

    def add(self, number: int) -> bool:
        """Note a number; False when it was seen before."""
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
        """The ranges from `first` to `last` that were not seen."""
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
        """Give up the holes below `number` and below the last one seen; how many numbers lay between what was seen.

        What lay before all that was seen was before our time, and is given up uncounted.
        """
        given_up_to = min(number - 1, self.last)
        if given_up_to < 1:
            return 0
        between = self.holes(self.ranges[0][0], given_up_to)
        above = [(low, high) for low, high in self.ranges if low > given_up_to + 1]
        joined = max([high for low, high in self.ranges if low <= given_up_to + 1], default=0)
        self.ranges = [(1, max(joined, given_up_to)), *above]
        return sum(high - low + 1 for low, high in between)


class EventList:
    """The newest events of a fleet. Not thread-safe.

    Attributes:
        total: events ever listed.
        repeated: events that had been listed before.
        lost: events that their writers no longer hold, and that never came; it stays at 2^63 - 1.
        wanted: the range of numbers to ask a writer for, by (path, epoch), until a keyframe of it leaves none.
    """

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        self.events: deque[FleetEvent] = deque(maxlen=max_events)
        self.total = 0
        self.repeated = 0
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
        seen = self.heard(path, frame.epoch, received)
        fresh = []
        for number, event in enumerate(frame.events, frame.seq):
            if not seen.add(number):
                self.repeated += 1
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

    def heard(self, path: Path, epoch: int, at: float) -> Seen:
        """What was seen of an epoch that was heard at a time."""
        writers = self._writers.setdefault(path, {})
        writers.pop(epoch, None)
        writers[epoch] = None  # they are in the order in which they were heard last
        if len(writers) > MAX_WRITERS:
            self._forget(path, next(iter(writers)))
        seen = self.seen.setdefault((path, epoch), Seen())
        seen.heard = max(seen.heard, at)
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

    def held(self, path: Path, epoch: int, held: tuple[int, int], now: float) -> None:
        """A writer says which events it holds: what is missing of them is wanted, what it no longer holds is lost."""
        self.wanted.pop((path, epoch), None)
        first, last = held
        if not last:
            return
        seen = self.heard(path, epoch, now)
        self._lose(seen.close_below(first))
        self._want(path, epoch, seen.holes(max(first, 1), last))

    def _lose(self, count: int) -> None:
        """A writer may say any number up to 2^63, and a checkpoint has no place for the sum of several."""
        self.lost = min(self.lost + count, MAX_WHOLE)

    def _want(self, path: Path, epoch: int, holes: list[tuple[int, int]]) -> None:
        if holes:
            self.wanted[path, epoch] = holes[0][0], holes[-1][1]

    def expire(self, before: float) -> None:
        """Forget what was seen of epochs not heard since `before` that have no event in the list any more.

        A stream that is read again, or a node that slept for as long, must not have them listed twice.
        """
        listed = {(event.path, event.epoch) for event in self.events}
        for key in [key for key, seen in self.seen.items() if seen.heard < before and key not in listed]:
            self._forget(*key)

    def query(
        self, under: Path = (), name: str | None = None, since: float | None = None, limit: int | None = None
    ) -> list[FleetEvent]:
        """The newest `limit` events at and under a path, of a name, received after `since`; oldest first."""
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

"""List the events of a fleet, each once (R12.24), in a bounded list.

An event's identity is (path, epoch, number). The numbers seen of an epoch are a set of ranges. A hole in it can be
asked for again while its writer still holds it, and is counted as lost when it does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from operator import itemgetter
from typing import Any, Final, Self

from fog_aggregator.core.budget.budget import UNLIMITED
from fog_aggregator.core.engine.defaults import MAX_EVENTS
from fog_aggregator.core.events.awaited import AwaitedRanges
from fog_aggregator.core.events.newest import DEFAULT_BYTES, REASONS, FleetEvent, Mark, NewestEvents
from fog_aggregator.core.events.seen import Seen, as_ranges
from fog_aggregator.core.saved import (
    DamagedError,
    Saved,
    as_bytes,
    as_count,
    as_integer,
    as_mapping,
    as_number,
    as_path,
)
from fog_schema.errors import FrameError
from fog_schema.events import PackedEvents, pack_event, unpack_event
from fog_schema.frames import Event, Frame
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import Path, is_under

RESERVED: Final = "fog_"
"""Names of events that begin so are the aggregators' own; those of nodes are refused (R12.50)."""
MAX_RANGES: Final = 64
SEEN_BYTES: Final = 700
RANGE_BYTES: Final = 140
"""Bytes of the numbers that were seen of one writer, and of each range of them."""
MAX_WRITERS: Final = 1024
"""Epochs of a path whose numbers are remembered; beyond that the one silent for longest is forgotten."""


_TOTALS: Final = ("total", "repeated", "refused", "lost")


class EventList:
    """The newest events of a fleet. Not thread-safe.

    Args:
        max_events: how many are listed.
        max_bytes: how many bytes they may take.
        max_seen_bytes: how many bytes the numbers may take that were seen; writers beyond that are refused.

    Attributes:
        events: the newest events, oldest first.
        seen: the numbers that were seen, by path and epoch.
        total: events ever listed.
        repeated: events that had been listed before.
        refused: events with a reserved name, and those of writers for whom there is no memory.
        lost: events that their writers no longer hold, and that never came; it stays at 2^63 - 1.
        wanted: the range of numbers to ask a writer for, by (path, epoch), until a keyframe of it leaves none.
        awaited: the writers that must tell which events they hold; a part of its own.
    """

    def __init__(
        self, max_events: int = MAX_EVENTS, max_bytes: int = DEFAULT_BYTES, max_seen_bytes: int = UNLIMITED
    ) -> None:
        self.events = NewestEvents(max_events, max_bytes)
        self.max_seen_bytes = max_seen_bytes
        self._ranges = 0
        self.total = 0
        self.repeated = 0
        self.refused = 0
        self.lost = 0
        self.seen: dict[tuple[Path, int], Seen] = {}
        self._writers: dict[Path, dict[int, None]] = {}
        self.wanted: dict[tuple[Path, int], tuple[int, int]] = {}
        self.awaited = AwaitedRanges()

    @property
    def taken_bytes(self) -> int:
        """Return what the events take, and the numbers that were seen."""
        return self.events.bytes + self._seen_bytes

    @property
    def _seen_bytes(self) -> int:
        return SEEN_BYTES * len(self.seen) + RANGE_BYTES * self._ranges

    def _is_full_for(self, path: Path, epoch: int) -> bool:
        """Tell whether the numbers of a writer that is not known yet take more than they may."""
        return self._seen_bytes >= self.max_seen_bytes and (path, epoch) not in self.seen

    def fresh(self) -> Self:
        """Return an empty list with the same limits."""
        return type(self)(self.events.max_events, self.events.max_bytes, self.max_seen_bytes)

    def apply(self, path: Path, frame: Frame, received: float) -> int:
        """List the events of a frame that were not listed before; return how many these were."""
        if self._is_full_for(path, frame.epoch):
            self.refused += len(frame.events)
            return 0
        before, seen = self.total, self.see(path, frame.epoch, received)
        ranges = len(seen.ranges)
        for number, (name, packed) in enumerate(_packed(frame.events), frame.seq):
            if not seen.add(number):
                self.repeated += 1
            elif name.startswith(RESERVED):
                self.refused += 1
            else:
                self._list(path, frame.epoch, number, received, name, packed)
        if len(seen.ranges) > MAX_RANGES:
            self._lose(seen.close_below(seen.ranges[-MAX_RANGES][0]))
        self._ranges += len(seen.ranges) - ranges
        self._want(path, frame.epoch, seen.holes(1, seen.last))
        return self.total - before

    def _list(self, path: Path, epoch: int, number: int, received: float, name: str, packed: bytes) -> None:
        self.total += 1
        self.events.add(FleetEvent(path, epoch, number, received, name, packed, self.total))

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
        seen = self.seen.pop((path, epoch), None)
        self._ranges -= 0 if seen is None else len(seen.ranges)
        self.wanted.pop((path, epoch), None)
        self.awaited.forget(path, epoch)
        writers = self._writers[path]
        del writers[epoch]
        if not writers:
            del self._writers[path]

    def report(self, path: Path, name: str, value: Any, now: float) -> None:
        """List an event of the aggregator's own making about a path; it is of epoch 0."""
        self._list(path, 0, self.total + 1, now, name, pack_event(Event(name, value, {}, {}, now)))

    def reported(self, path: Path, epoch: int, numbers: tuple[int, int], now: float) -> None:
        """Note which events a writer has: missing ones are wanted (R12.25), earlier ones are lost (R12.26)."""
        self.wanted.pop((path, epoch), None)
        first, last = numbers
        if not last or self._is_full_for(path, epoch):
            return
        seen = self.see(path, epoch, now)
        ranges = len(seen.ranges)
        self._lose(seen.close_below(first))
        self._ranges += len(seen.ranges) - ranges
        self._want(path, epoch, seen.holes(max(first, 1), last))

    def _lose(self, count: int) -> None:
        """Count lost events. A writer may say any number up to 2^63, and a checkpoint has no place for larger sums."""
        self.lost = min(self.lost + count, MAX_WHOLE)

    def _want(self, path: Path, epoch: int, holes: list[tuple[int, int]]) -> None:
        if holes:
            self.wanted[path, epoch] = holes[0][0], holes[-1][1]

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock; events stay as they were told."""
        for seen in self.seen.values():
            seen.last_seen += seconds
        self.awaited.shift(seconds)

    def expire(self, before: float) -> None:
        """Forget the numbers of epochs not heard since `before` that have no event in the list any more.

        They must not be listed twice when a stream is read again, or a node slept for as long.
        """
        listed = {(event.path, event.epoch) for event in self.events}
        for key in [key for key, seen in self.seen.items() if seen.last_seen < before and key not in listed]:
            self._forget(*key)

    def image(self) -> Saved:
        """Return the events, and which numbers were seen."""
        listed = [(e.path, e.epoch, e.number, e.received, e.packed, e.order) for e in self.events]
        return Saved(
            {
                "listed": listed,
                "seen": [(*key, seen.ranges, seen.last_seen) for key, seen in self.seen.items()],
                "wanted": [(*key, *numbers) for key, numbers in self.wanted.items()],
                "evicted": dict(self.events.evicted),
                **{name: getattr(self, name) for name in _TOTALS},
            }
        )

    def restore(self, saved: Saved) -> None:
        """Take over the events of a checkpoint, as many as fit."""
        for name in _TOTALS:
            setattr(self, name, min(saved.value(name, as_count), MAX_WHOLE))
        evicted = saved.value("evicted", as_mapping)
        self.events.evicted.update({reason: min(as_count(evicted.get(reason, 0)), MAX_WHOLE) for reason in REASONS})
        last = 0
        for where, epoch, number, received, packed, order in saved.records(
            "listed", as_path, as_integer, as_integer, as_number, as_bytes, as_count
        ):
            if not last < order <= self.total:
                raise DamagedError(f"an event is the {order}. of {self.total}, after the {last}.")
            last = order
            self.events.add(FleetEvent(where, epoch, number, received, _name_of(packed), packed, order))
        for path, epoch, ranges, last_seen in sorted(
            saved.records("seen", as_path, as_integer, as_ranges, as_number), key=itemgetter(3)
        ):
            self.see(path, epoch, last_seen).ranges = ranges
            self._ranges += len(ranges)
        for path, epoch, first, last in saved.records("wanted", as_path, as_integer, as_integer, as_integer):
            self.wanted[path, epoch] = first, last

    def query(
        self,
        under: Path = (),
        name: str | None = None,
        since: float | None = None,
        limit: int | None = None,
        before: Mark | None = None,
    ) -> list[FleetEvent]:
        """Return the newest `limit` events at and under a path, of a name; oldest first.

        Args:
            under: the path.
            name: the name; None for any.
            since: only those received after this, server's time.
            limit: how many; None for all.
            before: only those before this one.
        """
        found: list[FleetEvent] = []
        for event in self.events.newest_first(before):
            if limit is not None and len(found) >= limit:
                break
            if since is not None and event.received <= since:
                break
            if (name is None or event.name == name) and is_under(event.path, under):
                found.append(event)
        return found[::-1]


def _packed(events: Collection[Event]) -> Iterable[tuple[str, bytes]]:
    """Return the name and the bytes of each event, as they came where they were read."""
    if isinstance(events, PackedEvents):
        return zip(events.names, events.packed, strict=True)
    return ((event.name, pack_event(event)) for event in events)


def _name_of(packed: bytes) -> str:
    """Return the name of an event of a checkpoint."""
    try:
        return unpack_event(packed).name
    except FrameError as error:
        raise DamagedError(f"an event is not one: {error}") from None

"""Index the holders of a table's slots at one moment, in runs: the plans of all views are made from it.

As a node's series lie together, runs are few; and as most nodes have the series of others, so are the lists of series
that runs have. Where nodes come and go, their own part of the index is laid out anew, and no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Float64s, Int32s, Int64s
from fog_aggregator.core.fleet.reading import SlotColumns
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.core.places.place import Place

_MANY: Final = 10_000
_SHORT: Final = 4
"""Many runs that have fewer slots than this, on average, are taken apart: each slot is a run."""


class SlotRuns(NamedTuple):
    """Slots side by side that one epoch has held since one time, as columns with a row for each run; none is empty.

    Attributes:
        start: the first slot, ascending.
        length: how many there are.
        epoch: the epoch's row.
        created: when its series began to count.
        series: the number of the list of its series, in the order of slots.
    """

    start: Int64s
    length: Int64s
    epoch: Int32s
    created: Float64s
    series: Int32s

    def take(self, chosen: Int64s | slice) -> SlotRuns:
        """Return some of the runs, in the order given."""
        start, length, epoch, created, series = self
        return SlotRuns(start[chosen], length[chosen], epoch[chosen], created[chosen], series[chosen])


class SeriesLists:
    """Lists of series, each under a number. It only grows, so that what was numbered before stays true.

    A thread that holds the fleet adds to it; any thread may read meanwhile.

    Attributes:
        entries: how many series all lists have together.
    """

    def __init__(self) -> None:
        self._numbers: dict[bytes, int] = {}
        self._lists: list[Int32s] = []
        self._flat: tuple[Int64s, Int64s, Int32s] | None = None
        self.entries = 0

    def number(self, series: Int32s) -> int:
        """Return the number of a list."""
        number = self._numbers.setdefault(series.tobytes(), len(self._lists))
        if number == len(self._lists):
            self._lists.append(series.copy())
            self.entries += len(series)
        return number

    def flat(self) -> tuple[Int64s, Int64s, Int32s]:
        """Return where each list begins, how many series it has, and the series of all lists."""
        flat, lists = self._flat, len(self._lists)
        if flat is None or len(flat[0]) < lists:  # another thread may have kept an earlier state since
            some = self._lists[:lists]
            length = np.array([len(one) for one in some], np.int64)
            series = np.concatenate([np.zeros(0, np.int32), *some])
            self._flat = flat = np.cumsum(length) - length, length, series
        return flat


class SlotIndex:
    """A copy of what plans need of a table, made while the fleet is held; everything else follows from it later.

    Args:
        slots: the table's slots.
        shape_of: the shape of each series of the catalog, by their numbers.
        at: the slots that the index is of, ascending; None for all of the table.
        known: the runs, with the lists of their series, where they are known.
    """

    def __init__(
        self,
        slots: SlotColumns,
        shape_of: Sequence[int] | Int32s,
        at: Int64s | None = None,
        known: tuple[SlotRuns, SeriesLists] | None = None,
    ) -> None:
        self.at = at
        self.shape_of: Int32s = np.array(shape_of, np.int32)
        self._known = known
        chosen = np.zeros(0, np.int64) if known is not None else slice(None) if at is None else at
        self._slots: SlotColumns | None = some(slots, chosen)

    def laid_out(self) -> tuple[SlotRuns, SeriesLists]:
        """Return all used slots, and the lists of their series, which belong together.

        Any thread may ask first; of two that do at once each has its own.
        """
        slots, known = self._slots, self._known  # in this order
        if known is None:
            if slots is None:
                raise RuntimeError("an index has neither slots nor runs")
            lists = SeriesLists()
            self._known = known = _lay_out(slots, lists, 0, self.at), lists
        self._slots = None
        return known

    @property
    def is_laid_out(self) -> bool:
        """Tell whether the runs are known."""
        return self._known is not None

    @property
    def is_empty(self) -> bool:
        """Tell whether it is known to have no slots."""
        slots, known = self._slots, self._known
        return not len(known[0].start) if known is not None else slots is not None and not len(slots.series)

    def may_follow(self, slots: int) -> bool:
        """Tell whether the lists of series that nobody has any more are few: a table has so many slots now."""
        return self.laid_out()[1].entries <= _MANY + 2 * slots

    def after(self, ranges: Sequence[tuple[int, int]], slots: SlotColumns, shape_of: Int32s) -> SlotIndex:
        """Return the index after the slots of some ranges, ascending and apart, changed hands.

        Args:
            ranges: the first slot of each, and the one after its last.
            slots: all slots of the table, as they are now.
            shape_of: as they are now.
        """
        before, lists = self.laid_out()
        ends, pieces, done = before.start + before.length, [], 0
        for begin, end in _widened(ranges, before.start, ends, len(slots.series)):
            first, last = np.searchsorted(ends, begin, "right"), np.searchsorted(before.start, end)
            pieces.append(before.take(slice(done, int(first))))
            pieces.append(_lay_out(some(slots, slice(begin, end)), lists, begin))
            done = int(last)
        pieces.append(before.take(slice(done, len(ends))))
        return SlotIndex(slots, shape_of, None, (_joined(pieces), lists))


def some(slots: SlotColumns, chosen: slice | Int64s) -> SlotColumns:
    """Return copies of some rows of columns."""
    series, epoch, created = slots
    return SlotColumns(np.array(series[chosen]), np.array(epoch[chosen]), np.array(created[chosen]))


def _joined(pieces: Sequence[SlotRuns]) -> SlotRuns:
    """Join runs; they are ascending."""
    start, length, epoch, created, series = zip(*pieces, strict=True)
    return SlotRuns(
        np.concatenate(start),
        np.concatenate(length),
        np.concatenate(epoch),
        np.concatenate(created),
        np.concatenate(series),
    )


def _widened(ranges: Sequence[tuple[int, int]], starts: Int64s, ends: Int64s, size: int) -> list[tuple[int, int]]:
    """Widen ranges to whole runs, those that are beside them included: two of them may have become one."""
    found: list[tuple[int, int]] = []
    for begin, end in ranges:
        first, last = np.searchsorted(ends, begin), np.searchsorted(starts, end, "right")
        if first < last:
            begin, end = min(begin, int(starts[first])), max(end, int(ends[last - 1]))  # noqa: PLW2901
        if found and begin <= found[-1][1]:
            begin, end = found[-1][0], max(found.pop()[1], end)  # noqa: PLW2901
        found.append((begin, min(end, size)))
    return found


def _lay_out(slots: SlotColumns, lists: SeriesLists, begin: int, at: Int64s | None = None) -> SlotRuns:
    """Return the runs of some slots side by side from `begin` on, or of those `at`."""
    series, epoch, created = slots
    used = series != FREE
    begins = np.ones(len(series), np.bool_)
    np.not_equal(epoch[1:], epoch[:-1], out=begins[1:])
    begins[1:] |= (created[1:] != created[:-1]) | (used[1:] != used[:-1])
    if at is not None:
        begins[1:] |= np.diff(at) != 1
    starts = np.flatnonzero(begins)
    if len(starts) > _MANY and len(starts) * _SHORT > len(series):
        starts = np.arange(len(series))
    lengths = np.diff(starts, append=len(series))
    some = used[starts]
    starts, lengths = starts[some], lengths[some]
    numbers = _numbered(series, starts, lengths, lists)
    return SlotRuns(starts + begin if at is None else at[starts], lengths, epoch[starts], created[starts], numbers)


def _numbered(series: Int32s, starts: Int64s, lengths: Int64s, lists: SeriesLists) -> Int32s:
    """Return the number of the list of each run."""
    if len(starts) == len(series):  # each slot is a run
        distinct, inverse = np.unique(series, return_inverse=True)
        numbers = np.array([lists.number(distinct[at : at + 1]) for at in range(len(distinct))], np.int32)
        return numbers[inverse]
    bounds = zip(starts.tolist(), (starts + lengths).tolist(), strict=True)
    return np.array([lists.number(series[start:end]) for start, end in bounds], np.int32)


def slots_of(places: Sequence[Place], kind: Kind) -> Int64s:
    """Return the slots of a kind that some places hold, their closed totals included, ascending."""
    maps = (epoch.maps.get(kind) for place in places for epoch in (place.closed, *place.epochs.values()))
    some = [ids.items()[1] for ids in maps if ids is not None]
    slots: Int64s = np.sort(np.concatenate([np.zeros(0, np.int64), *some]))
    return slots


def epochs_of(places: Sequence[Place]) -> Int64s:
    """Return the rows of the epochs of some places, their closed totals included."""
    return np.array([one.row for place in places for one in (place.closed, *place.epochs.values())], np.int64)

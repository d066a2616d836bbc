"""Index the holders of a table's slots at one moment, in runs: the plans of all views are made from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.fleet.reading import SlotColumns
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.table import FREE
from fog_aggregator.core.places.place import Place


@dataclass(frozen=True, slots=True)
class SlotRuns:
    """Slots, in runs of one epoch and one time: as a node's series lie together, runs are few.

    Attributes:
        slots: the slots; a slice when it is all of them.
        place: of the series of each, its place in `SlotIndex.series`; shape of ``slots``.
        lengths: how many slots each run has, never 0.
        epoch: the epoch's row, by run.
        created: when its series began to count, by run.
    """

    slots: slice | Int64s
    place: Int32s
    lengths: Int64s
    epoch: Int32s
    created: Float64s

    def take(self, runs: Int64s) -> SlotRuns:
        """Return some of the runs, in the order given."""
        lengths = self.lengths[runs]
        starts, before = np.cumsum(self.lengths) - self.lengths, np.cumsum(lengths) - lengths
        at = np.arange(lengths.sum())
        at += np.repeat(starts[runs] - before, lengths)
        return SlotRuns(self._slots_at(at), self.place[at], lengths, self.epoch[runs], self.created[runs])

    def only(self, wanted: Bools) -> SlotRuns:
        """Return the slots of some series; `wanted` by place."""
        if wanted.all():
            return self
        chosen = wanted[self.place]
        run = np.repeat(np.arange(len(self.lengths)), self.lengths)
        lengths = np.bincount(run[chosen], minlength=len(self.lengths))
        some, at = lengths > 0, np.flatnonzero(chosen)
        return SlotRuns(self._slots_at(at), self.place[at], lengths[some], self.epoch[some], self.created[some])

    def is_first(self, group: Int32s, groups: int) -> Bools:
        """Tell whether none of a run's group began before it, by run."""
        first: Bools = self.created == self._first(group, groups)[group]
        return first

    def born(self, group: Int32s, cell: Int32s, group_of_cell: Int32s, groups: int) -> Float64s:
        """Return the earliest time of each cell.

        Args:
            group: the group's number, by run.
            cell: the cell, by slot.
            group_of_cell: the group's number, by cell.
            groups: how many groups there are.
        """
        first = self._first(group, groups)
        born, is_first = first[group_of_cell], self.created == first[group]
        if is_first.all():
            return born
        # The first of a group mostly has all its series; only what it has not is looked for among the others.
        mixed = np.zeros(groups, np.bool_)
        mixed[group[~is_first]] = True
        settled = ~mixed[group_of_cell]
        settled[cell[np.repeat(is_first & mixed[group], self.lengths)]] = True
        if not settled.all():
            later = np.flatnonzero(np.repeat(~is_first, self.lengths))
            later = later[~settled[cell[later]]]
            born[~settled] = np.inf
            np.minimum.at(born, cell[later], np.repeat(self.created, self.lengths)[later])
        return born

    def _first(self, group: Int32s, groups: int) -> Float64s:
        first = np.full(groups, np.inf)
        np.minimum.at(first, group, self.created)
        return first

    def _slots_at(self, at: Int64s) -> Int64s:
        return at if isinstance(self.slots, slice) else self.slots[at]


class SlotIndex:
    """A copy of what plans need of a table, made while the fleet is held; everything else follows from it later.

    Args:
        slots: the table's slots.
        shape_of: the shape of each series of the catalog, by their numbers.
        at: the slots that the index is of, ascending; None for all of the table. A copy of columns that goes with the
            index has these alone.
    """

    def __init__(self, slots: SlotColumns, shape_of: Sequence[int], at: Int64s | None = None) -> None:
        if at is not None:
            slots = SlotColumns(slots.series[at], slots.epoch[at], slots.created[at])
        series, epoch, created = slots
        self.at = at
        begins = np.ones(len(series), np.bool_)
        np.not_equal(epoch[1:], epoch[:-1], out=begins[1:])
        begins[1:] |= created[1:] != created[:-1]
        self._starts = np.flatnonzero(begins)
        self._epoch, self._created = epoch[self._starts], created[self._starts]
        self._series = series.copy()
        self._shape_of = np.array(shape_of, np.int32)

    @cached_property
    def series(self) -> Int32s:
        """Return the series that hold slots, by the catalog's numbers, in the order of their shapes."""
        used = np.zeros(len(self._shape_of) + 1, np.bool_)  # one more, for free slots
        # Most nodes have the series of the one before them.
        series, length = self._series, int(self._starts[1]) if len(self._starts) > 1 else len(self._series)
        used[series[:length]] = True
        used[series[length:][series[length:] != series[:-length]]] = True
        numbers = np.flatnonzero(used[:-1])
        return numbers[np.argsort(self._shape_of[numbers], kind="stable")].astype(np.int32)

    @cached_property
    def shapes(self) -> Int32s:
        """Return what each of `series` is of."""
        return self._shape_of[self.series]

    @cached_property
    def runs(self) -> SlotRuns:
        """Return all used slots."""
        series, starts = self._series, self._starts
        slots: slice | Int64s = slice(0, len(series))
        lengths = np.diff(starts, append=len(series))
        used = series != FREE
        if not used.all():
            lengths = np.add.reduceat(used, starts, dtype=np.int64)
            slots = np.flatnonzero(used)
            series = series[slots]
        if self.at is not None:
            slots = self.at[slots]
        some = lengths > 0
        return SlotRuns(slots, self._place(series), lengths[some], self._epoch[some], self._created[some])

    def places_of(self, slots: slice | Int64s) -> slice | Int64s:
        """Return the places of some slots of the index in a copy of its columns."""
        if self.at is None:
            return slots
        return np.arange(len(self.at))[slots] if isinstance(slots, slice) else np.searchsorted(self.at, slots)

    def _place(self, series: Int32s) -> Int32s:
        """Return the places of some series in `series`."""
        if (np.diff(self.series) == 1).all():
            return series - self.series[:1]
        place = np.zeros(len(self._shape_of), np.int32)
        place[self.series] = np.arange(len(self.series), dtype=np.int32)
        return place[series]


def slots_of(places: Sequence[Place], kind: Kind) -> Int64s:
    """Return the slots of a kind that some places hold, their closed totals included, ascending."""
    maps = (epoch.maps.get(kind) for place in places for epoch in (place.closed, *place.epochs.values()))
    some = [ids.items()[1] for ids in maps if ids is not None]
    slots: Int64s = np.sort(np.concatenate([np.zeros(0, np.int64), *some]))
    return slots


def epochs_of(places: Sequence[Place]) -> Int64s:
    """Return the rows of the epochs of some places, their closed totals included."""
    return np.array([one.row for place in places for one in (place.closed, *place.epochs.values())], np.int64)

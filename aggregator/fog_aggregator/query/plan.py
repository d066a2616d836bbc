"""Make the plan of a view: which runs of slots go to which group, and how.

All of it is done by run and by group. Groups whose runs have the same lists of series have the same rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.rollups.reductions import number_cells
from fog_aggregator.core.rollups.run_plan import NOTHING, PlannedGroups, PlannedRuns, RunPlan, Ways, stretched
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SeriesLists, SlotIndex, SlotRuns

Version: TypeAlias = tuple[int, ...]
"""Of everything that a plan depends on: it holds for as long as this is the same."""


_FEW_RUNS: Final = 500_000


class TakenOut(NamedTuple):
    """Slots that an operator has taken out of a view: its sums have begun anew.

    Attributes:
        group_of: the group that it was in, by epoch's row; -1 for what is in the view, or never was.
        at: when it was taken out, by epoch's row.
    """

    group_of: Int32s
    at: Float64s


class _Entries(NamedTuple):
    """The lists of series that runs have, as rows of the view; with a row for each entry that is in it.

    Attributes:
        first: where a list begins in `offset` and `row`, by list.
        sizes: how many entries it has, by list.
        offset: the distance of the slot from the beginning of the run.
        row: the row.
        is_whole: whether all series of a list are in the view, by list.
    """

    first: Int64s
    sizes: Int64s
    offset: Int32s
    row: Int32s
    is_whole: Bools


class _Pairs(NamedTuple):
    """The lists of series that a group has, as columns with a row for each list of each group.

    Attributes:
        number: the number of each group that has any.
        begins: where the lists of a group begin, by group.
        sizes: how many it has, by group.
        listed: the list.
        of_run: the pair of each run.
    """

    number: Int32s
    begins: Int64s
    sizes: Int64s
    listed: Int64s
    of_run: NDArray[np.integer]


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold copies of all that a plan is made from, so that making it needs no lock.

    Attributes:
        version: of the tree, the table and the series.
        index: which epochs and series hold the table's slots.
        group_of: the group's number, by epoch's row; -1 for what is not in the view.
        groups: how many groups there are, at least 1.
        rank: the node's place in path order, by epoch's row: slots are then in that order.
        axis: which series are in the view, and as which; None: all, each as itself.
        taken_out: slots that would be in the view if an operator had not taken them out.
    """

    version: Version
    index: SlotIndex
    group_of: Int32s
    groups: int
    rank: Int32s | None = None
    axis: SeriesAxis | None = None
    taken_out: TakenOut | None = None

    @property
    def is_quick(self) -> bool:
        """Tell whether it is made while others wait: of few runs that are known, or of few slots."""
        return self.index.at is not None or (
            self.index.is_laid_out and len(self.index.laid_out()[0].start) <= _FEW_RUNS
        )

    def make(self) -> RunPlan:
        """Assign the used slots to their cells."""
        if self.index.is_empty:
            return NOTHING
        (every, known), out = self.index.laid_out(), None
        runs = self._chosen(every, self.group_of)
        if self.taken_out is not None:
            out = self._chosen(every, self.taken_out.group_of)
        lists, entries, rows = self._entries(known, runs, out)
        runs, listed = _with_rows(runs, lists, entries)
        pairs = _pairs(self.group_of[runs.epoch], listed, len(entries.sizes))
        rows_of, example = _sets(pairs, len(entries.sizes))
        ways, first_way, sets = _ways(pairs, example, entries, len(rows))
        group = np.repeat(np.arange(len(pairs.number), dtype=np.int32), pairs.sizes)[pairs.of_run]
        way = first_way[rows_of[group]] + pairs.of_run - pairs.begins[group]
        sizes = sets[1][rows_of]
        groups = PlannedGroups(pairs.number, np.cumsum(sizes) - sizes, rows_of, *sets)
        planned = PlannedRuns(runs.start, way.astype(np.int32), group, runs.created)
        shapes = (self.index.shape_of if self.axis is None else self.axis.shape_of)[rows]
        plan = RunPlan(planned, ways, groups, rows, shapes)
        if out is None or self.taken_out is None:
            return plan
        out, listed = _with_rows(out, lists, entries)
        moments = self.taken_out.at[out.epoch]
        return plan.begun_anew(self.taken_out.group_of[out.epoch], moments, *_spelt(listed, entries))

    def _chosen(self, runs: SlotRuns, group_of: Int32s) -> SlotRuns:
        """Return the runs in some groups, in the order in which their values are added."""
        chosen = group_of[runs.epoch] >= 0
        if self.rank is not None:
            order = np.argsort(self.rank[runs.epoch], kind="stable")
            return runs.take(order[chosen[order]])
        return runs if chosen.all() else runs.take(np.flatnonzero(chosen))

    def _entries(self, known: SeriesLists, runs: SlotRuns, out: SlotRuns | None) -> tuple[Int64s, _Entries, Int32s]:
        """Return the lists that runs have, ascending; their entries; and the series of each row, by shape."""
        first, length, series = known.flat()
        used = np.zeros(len(first), np.bool_)
        used[runs.series] = True
        if out is not None:
            used[out.series] = True
        lists = np.flatnonzero(used)
        mine = series[stretched(first[lists], length[lists])]
        rows, row = self._rows(mine) if self.axis is None else self.axis.rows(mine)
        listed = np.repeat(np.arange(len(lists)), length[lists])
        offset = np.arange(len(mine)) - np.repeat(np.cumsum(length[lists]) - length[lists], length[lists])
        inside = row >= 0
        count = np.bincount(listed[inside], minlength=len(lists))
        columns = offset[inside].astype(np.int32), row[inside].astype(np.int32, copy=False)
        return lists, _Entries(np.cumsum(count) - count, count, *columns, count == length[lists]), rows

    def _rows(self, series: Int32s) -> tuple[Int32s, Int32s]:
        """Return some series by shape, each once, and the place of each among them."""
        used = np.zeros(len(self.index.shape_of), np.bool_)
        used[series] = True
        numbers = np.flatnonzero(used)
        rows = numbers[np.argsort(self.index.shape_of[numbers], kind="stable")].astype(np.int32)
        place = np.zeros(len(used), np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        return rows, place[series]


def _with_rows(runs: SlotRuns, lists: Int64s, entries: _Entries) -> tuple[SlotRuns, Int64s]:
    """Return the runs that have a row in the view, and the place of the list of each among `lists`."""
    place = np.zeros(int(lists.max(initial=-1)) + 1, np.int64)
    place[lists] = np.arange(len(lists))
    listed = place[runs.series]
    some = entries.sizes[listed] > 0
    return (runs, listed) if some.all() else (runs.take(np.flatnonzero(some)), listed[some])


def _pairs(group: Int32s, listed: Int64s, lists: int) -> _Pairs:
    """Return which lists each group has, by the groups and lists of runs."""
    keys, of_run = number_cells(group.astype(np.int64) * max(1, lists) + listed)
    group_of_pair, of_pair = np.divmod(keys, max(1, lists))
    begins = np.flatnonzero(np.diff(group_of_pair, prepend=-1))
    count = np.diff(begins, append=len(keys))
    return _Pairs(group_of_pair[begins].astype(np.int32), begins, count, of_pair, of_run)


def _sets(pairs: _Pairs, lists: int) -> tuple[Int32s, Int64s]:
    """Return the number of each group's set of lists, and a group that has it, by set."""
    begins, count, listed = pairs.begins, pairs.sizes, pairs.listed
    code = listed[begins].copy() if len(begins) else np.zeros(0, np.int64)
    two = np.flatnonzero(count == 2)
    code[two] = lists * (1 + listed[begins[two]]) + listed[begins[two] + 1]
    known: dict[bytes, int] = {}
    for group in np.flatnonzero(count > 2).tolist():
        mine = listed[begins[group] : begins[group] + count[group]].tobytes()
        code[group] = lists * (lists + 1) + known.setdefault(mine, len(known))
    distinct, number = number_cells(code)
    example = np.zeros(len(distinct), np.int64)
    example[number[::-1]] = np.arange(len(code))[::-1]
    return number, example


def _ways(
    pairs: _Pairs, example: Int64s, entries: _Entries, rows: int
) -> tuple[Ways, Int64s, tuple[Int64s, Int64s, Int32s]]:
    """Return the ways of all sets, the first one of each set, and the sets: where rows begin, how many, the rows."""
    ways_of, sets = pairs.sizes[example], len(example)
    listed = pairs.listed[stretched(pairs.begins[example], ways_of)]
    in_set = np.repeat(np.arange(sets), ways_of)
    count = entries.sizes[listed]
    at = stretched(entries.first[listed], count)
    offset, row = entries.offset[at], entries.row[at]
    keys, place = number_cells(np.repeat(in_set, count) * max(1, rows) + row)
    set_of_row, row_of = np.divmod(keys, max(1, rows))
    size = np.bincount(set_of_row, minlength=sets)
    first = np.cumsum(size) - size
    place = (place - np.repeat(first[in_set], count)).astype(np.int32)
    straight = np.bincount(np.repeat(np.arange(len(count)), count)[place != offset], minlength=len(count)) == 0
    ways = Ways(np.cumsum(count) - count, count, offset, place, straight & entries.is_whole[listed])
    return ways, np.cumsum(ways_of) - ways_of, (first, size, row_of.astype(np.int32))


def _spelt(listed: Int64s, entries: _Entries) -> tuple[Int64s, Int32s]:
    """Return how many entries each run has, and the rows of all of them."""
    count = entries.sizes[listed]
    return count, entries.row[stretched(entries.first[listed], count)]

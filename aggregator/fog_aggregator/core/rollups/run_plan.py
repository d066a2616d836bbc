"""Where the slots of a table go in a view, run by run: a run is what one epoch holds side by side.

Most nodes have the series of others, so that a plan has a row for each run and each group, and none for a slot or a
cell; what kinds want for each of these follows from it when it is asked for, and is remembered with the plan.

Cells have two orders. Sums are made in the order of groups: those of a group lie together, as the slots of a run do.
Views show them in the order of series: all groups of one series, then those of the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Float64s, Int32s, Int64s
from fog_aggregator.core.rollups.reductions import number_cells, ranges
from fog_aggregator.kernels.ports import AddRuns

_MAX_INT32 = 2**31 - 1
_NONE: Final[Int32s] = np.zeros(0, np.int32)


class Ways(NamedTuple):
    """How the slots of a run go to the cells of its group: one way for each list of series in each set of rows.

    Attributes:
        first: where a way begins in `offset` and `place`, by way.
        sizes: how many slots it takes, by way.
        offset: a slot's distance from the beginning of its run; shape (entries,).
        place: its cell's distance from the first one of its group, likewise.
        plain: whether a way takes as many slots as there are, each to the cell of its own distance, by way.
    """

    first: Int64s
    sizes: Int64s
    offset: Int32s
    place: Int32s
    plain: NDArray[np.bool_]


class PlannedRuns(NamedTuple):
    """The runs of a view, in the order in which their values are added.

    Attributes:
        start: the first slot of each; shape (runs,).
        way: how its slots go to cells.
        group: the place of its group among those that have cells.
        created: when its series began to count.
    """

    start: Int64s
    way: Int32s
    group: Int32s
    created: Float64s


class PlannedGroups(NamedTuple):
    """The groups of a view that have cells, in order.

    Attributes:
        number: of each; shape (groups,).
        base: its first cell, in the order of groups.
        rows_of: which set of rows it has.
        first: where a set begins in `rows`; shape (sets,).
        sizes: how many rows it has, likewise.
        rows: the rows of all sets, each set ascending.
    """

    number: Int32s
    base: Int64s
    rows_of: Int32s
    first: Int64s
    sizes: Int64s
    rows: Int32s


@dataclass(frozen=True)
class RunPlan:
    """Where slots go.

    Attributes:
        runs: the runs.
        ways: how their slots go to cells.
        groups: the groups.
        rows: the catalog's number of the series of each row; rows are in the order of shapes.
        shape_of_rows: the shape of each row.
        taken_out: when something was taken out of a cell, by cell in the order of groups; None for nothing.
    """

    runs: PlannedRuns
    ways: Ways
    groups: PlannedGroups
    rows: Int32s
    shape_of_rows: Int32s
    taken_out: Float64s | None = None

    @cached_property
    def size(self) -> int:
        """Count the cells."""
        return int(self.groups.sizes[self.groups.rows_of].sum())

    @cached_property
    def weight(self) -> int:
        """Count slots and cells: what follows from the plan has a number for each."""
        return int(self.ways.sizes[self.runs.way].sum()) + self.size

    @property
    def is_grid(self) -> bool:
        """Tell whether all groups have a cell of the same rows."""
        return len(self.groups.sizes) <= 1

    @cached_property
    def slots(self) -> slice | Int64s:
        """Return the slots in the order of adding; a slice where they are in a row."""
        start, way = self.runs.start, self.runs.way
        count = self.ways.sizes[way]
        ends = start + count
        if self.ways.plain[way].all() and (not len(start) or (start[1:] == ends[:-1]).all()):
            return slice(int(start[0]), int(ends[-1])) if len(start) else slice(0, 0)
        return self._spread(start, self.ways.offset)

    @cached_property
    def cell(self) -> Int32s:
        """Return the cell of each of `slots`."""
        narrow = self.size <= _MAX_INT32  # half the memory, and twice as fast
        base = self._base_of_runs.astype(np.int32) if narrow else self._base_of_runs
        cell = self._spread(base, self.ways.place)
        return (cell if self._place is None else self._place[cell]).astype(np.int32, copy=False)

    @cached_property
    def series(self) -> Int32s:
        """Return the catalog's number, by cell."""
        if self.is_grid:
            return np.repeat(self.rows[self.groups.rows], len(self.groups.number))
        return self.rows[self._cells[0]]

    @cached_property
    def group(self) -> Int32s:
        """Return the group's number, by cell."""
        if self.is_grid:
            return np.tile(self.groups.number, len(self.groups.rows))
        return self.groups.number[self._cells[1]]

    @cached_property
    def born(self) -> Float64s:
        """Return the earliest time at which any of its slots began to count, by cell; inf when that is not known."""
        return self.in_order(self.born_of_groups)

    @cached_property
    def shapes(self) -> list[tuple[int, slice]]:
        """Return the range of cells that each shape of series has."""
        if self.is_grid:
            groups, found = len(self.groups.number), ranges(self.shape_of_rows[self.groups.rows])
            return [(shape, slice(of.start * groups, of.stop * groups)) for shape, of in found] if groups else []
        return list(ranges(self.shape_of_rows[self._cells[0]]))

    def in_order(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return what cells have in the order of groups, in the order of series."""
        if self._place is None:
            return values
        if self.is_grid:
            grid = values.reshape(len(self.groups.number), -1, *values.shape[1:])
            return grid.swapaxes(0, 1).reshape(values.shape)
        ordered = np.empty_like(values)
        ordered[self._place] = values
        return ordered

    def add_runs(self, add: AddRuns, values: Int64s) -> Int64s | None:
        """Return the sums of cells, in the order of groups; None when one passes 2^63, and must be made otherwise.

        Args:
            add: adds them up.
            values: those of all slots of the table, shape (slots,) or (slots, columns).
        """
        sums = np.zeros((self.size, *values.shape[1:]), np.int64)
        return sums if add(values, *self._packed, sums) else None

    @cached_property
    def _packed(self) -> tuple[Int64s, Int64s, Int64s]:
        """Return runs, ways and entries as kernels take them."""
        runs, ways = self.runs, self.ways
        return (
            np.column_stack((runs.start, self._base_of_runs, runs.way)).astype(np.int64),
            np.column_stack((ways.first, ways.sizes, ways.plain)).astype(np.int64),
            np.column_stack((ways.offset, ways.place)).astype(np.int64),
        )

    @cached_property
    def _base_of_runs(self) -> Int64s:
        """Return the first cell of the group of each run."""
        return self.groups.base[self.runs.group]

    @cached_property
    def born_of_groups(self) -> Float64s:
        """Return what `born` does, in the order of groups."""
        groups, ways = self.groups, len(self.ways.sizes)
        pair, of_run = number_cells(self.runs.group.astype(np.int64) * ways + self.runs.way)
        created = np.full(len(pair), np.inf)
        np.minimum.at(created, of_run, self.runs.created)
        group, way = np.divmod(pair, max(1, ways))
        sizes = groups.sizes[groups.rows_of]
        alone = np.bincount(group, minlength=len(sizes)) == 1
        first = np.full(len(sizes), np.inf)
        first[group] = created
        born = np.repeat(np.where(alone, first, np.inf), sizes)
        if not alone.all():  # of one way all cells of the group are as old
            some = np.flatnonzero(~alone[group])
            at = _spread(groups.base[group[some]], way[some], self.ways, self.ways.place)
            np.minimum.at(born, at, np.repeat(created[some], self.ways.sizes[way[some]]))
        return born if self.taken_out is None else np.maximum(born, self.taken_out)

    def begun_anew(self, group: Int32s, at: Float64s, sizes: Int64s, row: Int32s) -> RunPlan:
        """Return the plan after something was taken out of its cells: they begin then, as their sums have fallen.

        Args:
            group: the group's number of each run that was taken out.
            at: when it was.
            sizes: how many entries it has.
            row: the row of each entry, run after run.
        """
        groups, rows = self.groups, max(1, len(self.rows))
        if not self.size:
            return self
        place = np.minimum(np.searchsorted(groups.number, group), len(groups.number) - 1)
        wanted = np.repeat(groups.rows_of[place], sizes) * np.int64(rows) + row
        known = np.repeat(np.arange(len(groups.sizes)), groups.sizes) * np.int64(rows) + groups.rows
        found = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
        mine = (known[found] == wanted) & np.repeat(groups.number[place] == group, sizes)
        cell = np.repeat(groups.base[place] - groups.first[groups.rows_of[place]], sizes) + found
        taken_out = np.full(self.size, -np.inf)
        np.maximum.at(taken_out, cell[mine], np.repeat(at, sizes)[mine])
        return replace(self, taken_out=taken_out)

    @cached_property
    def row_of_cells(self) -> Int32s:
        """Return the row of each cell, in the order of groups."""
        groups = self.groups
        sizes = groups.sizes[groups.rows_of]
        at = np.arange(self.size) + np.repeat(groups.first[groups.rows_of] - groups.base, sizes)
        return groups.rows[at]

    @cached_property
    def group_of_cells(self) -> Int32s:
        """Return the place of each cell's group among `groups`, in the order of groups."""
        return np.repeat(np.arange(len(self.groups.number), dtype=np.int32), self.groups.sizes[self.groups.rows_of])

    @cached_property
    def _place(self) -> NDArray[Any] | None:
        """Return each cell's place in the order of series, in the order of groups; None where both are the same."""
        groups = len(self.groups.number)
        if groups <= 1:
            return None
        if self.is_grid:
            rows = len(self.groups.rows)
            dtype = np.int32 if rows * groups <= _MAX_INT32 else np.int64
            by_row = np.arange(rows) * groups
            place: NDArray[Any] = np.add.outer(np.arange(groups), by_row).astype(dtype).reshape(-1)
            return place
        return number_cells(self._keys)[1]

    @cached_property
    def _cells(self) -> tuple[Int64s, Int64s]:
        """Return the row and the place of the group of each cell, in the order of series."""
        groups = max(1, len(self.groups.number))
        return np.divmod(number_cells(self._keys)[0].astype(np.int64), groups)

    @property
    def _keys(self) -> Int64s:
        return self.row_of_cells.astype(np.int64) * len(self.groups.number) + self.group_of_cells

    def _spread(self, by_run: NDArray[Any], by_entry: Int32s) -> NDArray[Any]:
        return _spread(by_run, self.runs.way, self.ways, by_entry)


NOTHING: Final = RunPlan(
    PlannedRuns(np.zeros(0, np.int64), _NONE, _NONE, np.zeros(0)),
    Ways(np.zeros(0, np.int64), np.zeros(0, np.int64), _NONE, _NONE, np.zeros(0, np.bool_)),
    PlannedGroups(_NONE, np.zeros(0, np.int64), _NONE, np.zeros(0, np.int64), np.zeros(0, np.int64), _NONE),
    _NONE,
    _NONE,
)
"""The plan of what has no slots: most tables of a node."""


def _spread(by_run: NDArray[Any], way: NDArray[Any], ways: Ways, by_entry: Int32s) -> NDArray[Any]:
    """Return for each slot of some runs what its run has, and what its entry in the run's way has, added up."""
    if len(way) and (way == way[0]).all():
        first, size = int(ways.first[way[0]]), int(ways.sizes[way[0]])
        alike: NDArray[Any] = np.add.outer(by_run, by_entry[first : first + size]).reshape(-1)
        return alike
    count = ways.sizes[way]
    found: NDArray[Any] = np.repeat(by_run, count) + by_entry[stretched(ways.first[way], count)]
    return found


def stretched(first: Int64s, count: Int64s) -> Int64s:
    """Return the numbers from each of `first` on, so many of them, one after the other."""
    at = np.arange(int(count.sum()))
    at += np.repeat(first - (np.cumsum(count) - count), count)
    return at

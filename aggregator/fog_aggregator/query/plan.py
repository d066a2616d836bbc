"""Where each slot of a table goes in a view. Cells are (series, group), ordered by the series' shapes.

A plan is remembered while neither the table's slots nor the tree change; each reduction is one pass over the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Float64s, Int32s
from fog_aggregator.core.kinds.reductions import number_cells, ranges
from fog_aggregator.core.kinds.view import Plan
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SlotIndex, SlotRuns

_MAX_INT32: Final = 2**31 - 1

Version: TypeAlias = tuple[int, ...]
"""Of everything that a plan depends on: it holds for as long as this is the same."""


class TakenOut(NamedTuple):
    """Slots that an operator has taken out of a view: its sums have begun anew.

    Attributes:
        group_of: the group that it was in, by epoch's row; -1 for what is in the view, or never was.
        at: when it was taken out, by epoch's row.
    """

    group_of: Int32s
    at: Float64s


@dataclass(frozen=True, slots=True)
class Draft:
    """Hold copies of all that a plan is made from, so that making it, which takes long, needs no lock.

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

    def make(self) -> Plan:
        """Assign the used slots to their cells."""
        runs, rows, row_of = self._runs(self.group_of)
        group = self.group_of[runs.epoch]
        dtype = np.int32 if len(rows) * self.groups <= _MAX_INT32 else np.int64
        key = self._keys(runs, group, rows, row_of)
        # The first of a group mostly has all series of it.
        first = runs.is_first(group, self.groups)
        cells, cell = number_cells(key, key[np.repeat(first, runs.lengths)] if not first.all() else None)
        # Cells ascend, so those of a row are a range of them, and so are those of a shape.
        starts = np.multiply(np.arange(len(rows) + 1, dtype=np.int32), self.groups, dtype=dtype)
        bounds = np.searchsorted(cells, starts)
        sizes = np.diff(bounds)
        of_group = (cells - np.repeat(starts[:-1], sizes)).astype(np.int32, copy=False)
        of_shape = ranges(self.index.shapes if self.axis is None else self.axis.shape_of[rows])
        shapes = [(shape, slice(int(bounds[of.start]), int(bounds[of.stop]))) for shape, of in of_shape]
        return Plan(
            runs.slots,
            cell,
            np.repeat(rows, sizes),
            of_group,
            self._begun_anew(runs.born(group, cell, of_group, self.groups), cells),
            [(shape, cells) for shape, cells in shapes if cells.start < cells.stop],
        )

    def _keys(self, runs: SlotRuns, group: Int32s, rows: Int32s, row_of: Int32s | None) -> NDArray[Any]:
        """Return the key of each slot's cell: its row, and the group of its run."""
        if self.groups == 1:
            return runs.place if row_of is None else row_of[runs.place]
        dtype = np.int32 if len(rows) * self.groups <= _MAX_INT32 else np.int64
        if row_of is None:
            key = np.multiply(runs.place, self.groups, dtype=dtype)
        elif len(rows) == 1:
            key = np.zeros(len(runs.place), dtype)
        else:
            key = np.multiply(row_of, self.groups, dtype=dtype)[runs.place]
        key += np.repeat(group, runs.lengths)
        return key

    def _begun_anew(self, born: Float64s, cells: NDArray[Any]) -> Float64s:
        """Let sums begin when something was taken out of them: they have fallen, and readers must know."""
        if self.taken_out is None or not len(cells):
            return born
        group_of, at = self.taken_out
        runs, rows, row_of = self._runs(group_of)
        key = self._keys(runs, group_of[runs.epoch], rows, row_of)
        places = np.minimum(np.searchsorted(cells, key), len(cells) - 1)
        mine = cells[places] == key
        np.maximum.at(born, places[mine], np.repeat(at[runs.epoch], runs.lengths)[mine])
        return born

    def _runs(self, group_of: Int32s) -> tuple[SlotRuns, Int32s, Int32s | None]:
        """Return the slots in some groups; the rows, by shape; the row of each place, None where they are the same."""
        runs = self.index.runs
        chosen = group_of[runs.epoch] >= 0
        if self.rank is not None:
            order = np.argsort(self.rank[runs.epoch], kind="stable")
            runs = runs.take(order[chosen[order]])
        elif not chosen.all():
            runs = runs.take(np.flatnonzero(chosen))
        if self.axis is None:
            return runs, self.index.series, None
        rows, row_of = self.axis.rows(self.index.series)
        same = np.array_equal(row_of, np.arange(len(row_of)))
        return runs.only(row_of >= 0), rows, None if same else row_of

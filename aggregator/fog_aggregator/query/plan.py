"""Where each slot of a table goes in a view. Cells are (series, group), ordered by the series' shapes.

A plan is remembered while neither the table's slots nor the tree change; each reduction is one pass over the values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Int32s
from fog_aggregator.core.kinds.reductions import number_cells, ranges
from fog_aggregator.core.kinds.view import Plan
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SlotIndex, SlotRuns

_MAX_INT32: Final = 2**31 - 1

Version: TypeAlias = tuple[int, ...]
"""Of everything that a plan depends on: it holds for as long as this is the same."""


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
    """

    version: Version
    index: SlotIndex
    group_of: Int32s
    groups: int
    rank: Int32s | None = None
    axis: SeriesAxis | None = None

    def make(self) -> Plan:
        """Assign the used slots to their cells."""
        runs, rows, row_of = self._runs()
        group = self.group_of[runs.epoch]
        dtype = np.int32 if len(rows) * self.groups <= _MAX_INT32 else np.int64
        if row_of is None:
            key = np.multiply(runs.place, self.groups, dtype=dtype)
        elif len(rows) == 1:
            key = np.zeros(len(runs.place), dtype)
        else:
            key = np.multiply(row_of, self.groups, dtype=dtype)[runs.place]
        key += np.repeat(group, runs.lengths)
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
            runs.born(group, cell, of_group, self.groups),
            [(shape, cells) for shape, cells in shapes if cells.start < cells.stop],
        )

    def _runs(self) -> tuple[SlotRuns, Int32s, Int32s | None]:
        """Return the slots in the view; its rows, by shape; the row of each place, None where they are the same."""
        runs = self.index.runs
        chosen = self.group_of[runs.epoch] >= 0
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

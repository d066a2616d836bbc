"""Hold what a view shows as columns: values by slot, where each slot goes, and the samples that come of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.kinds.samples import GridSamples, Samples
from fog_aggregator.core.rollups.plan import Plan
from fog_aggregator.core.rollups.reductions import any_of, places_by_shape, ranges
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import Bounds, SeriesEntry

T = TypeVar("T")
Slots: TypeAlias = slice | Int64s
"""Which slots of a table; a slice when it is all of them."""


class ValuesOfSlots(NamedTuple):
    """How many nodes have which value, as branches say it; shapes (n,).

    Attributes:
        slot: the slot of the summary.
        epoch: the row of its epoch.
        value: a value.
        nodes: how many nodes have it.
    """

    slot: Int64s
    epoch: Int64s
    value: Float64s
    nodes: Int64s


@dataclass(frozen=True, slots=True)
class ColumnCopy:
    """Copies of what a view needs of some slots.

    Attributes:
        values: one row a slot.
        sums: of histograms; empty for every other kind.
        live: whether a writer still has them; None where that does not matter.
        epoch: their epoch's row; empty for counts.
        values_of_slots: of summaries.
        is_added: whether the values are sums, one row a cell in the order of groups.
    """

    values: NDArray[Any]
    sums: Float64s
    live: Bools | None
    epoch: Int32s
    values_of_slots: ValuesOfSlots | None = None
    is_added: bool = False

    def at(self, slots: Slots) -> ColumnCopy:
        """Return some of the slots."""
        return ColumnCopy(
            self.values[slots],
            self.sums[slots] if len(self.sums) else self.sums,
            None if self.live is None else self.live[slots],
            self.epoch[slots] if len(self.epoch) else self.epoch,
            self.values_of_slots,
        )


class Cells(NamedTuple):
    """The slots of a plan with their values."""

    plan: Plan
    column: ColumnCopy


@dataclass
class ViewColumns:
    """The columns of one view, and what else is needed to reduce them to samples.

    Attributes:
        cells: the slots of each `Kind` that has a table.
        entries: all series by number.
        shape_of: the shape of each series, by their numbers; -1 for a number that is free.
        shapes: the family and the bounds of each shape.
        choices: how each family asks to be merged.
        bounds: at which each family of histograms is shown.
        groups: how many groups there are, at least 1.
        own: the view is of one node alone.
        present: whether a series is still exposed, by their numbers.
        counting: whether an epoch's gauges count, by its row.
        last_seen: when an epoch's node sent its last frame, by its row.
    """

    cells: Mapping[Any, Cells]
    entries: Sequence[SeriesEntry]
    shape_of: Int32s
    shapes: Sequence[tuple[int, Bounds]]
    choices: Sequence[tuple[str, ...]]
    bounds: Mapping[int, Bounds]
    groups: int
    own: bool
    present: Bools
    counting: Bools
    last_seen: Float64s

    def key(self, plan: Plan) -> Int64s:
        """Return a number for each cell that is the same in the plans of all kinds; ascending."""
        return self._place[plan.series] * self.groups + plan.group

    def shown(self, cells: Cells) -> Bools:
        """Tell which cells are exposed: a node shows what its writers have, the fleet what anybody had lately."""
        plan, column = cells
        return self.present[plan.series] if column.live is None else any_of(plan.cell, plan.size, column.live)

    def as_grid(self, cells: Cells) -> Iterator[tuple[int, Samples]] | None:
        """Return counts by their family's number, if they are added up and all series are exposed in all groups."""
        plan, column = cells
        if not isinstance(plan, RunPlan) or not column.is_added or not plan.is_grid:
            return None
        rows = plan.rows[plan.groups.rows]
        if not self.present[rows].all():
            return None
        grid = column.values.reshape(-1, max(1, len(rows)))

        def samples(part: slice) -> Samples:
            births = lambda: plan.born_of_groups.reshape(grid.shape)[:, part]  # noqa: E731
            return GridSamples(rows[part], plan.groups.number, grid[:, part], births)

        shapes = ranges(plan.shape_of_rows[plan.groups.rows])
        return ((self.shapes[shape][0], samples(part)) for shape, part in shapes)

    def split(self, samples: Samples, plan: Plan, shown: Bools) -> Iterator[tuple[int, Samples]]:
        """Return those samples, one for each cell of a plan, that are shown, by shape."""
        shapes: list[tuple[int, slice]] = plan.shapes
        if not shown.all():
            samples = samples.take(shown)
            shapes = list(ranges(self.shape_of[samples.series]))
        for shape, places in shapes:
            yield shape, samples.take(places)

    def by_family(self, samples: Samples, plan: Plan, shown: Bools) -> Iterator[tuple[int, Samples]]:
        """Return those samples, one for each cell of a plan, that are shown, by their family's number."""
        for shape, part in self.split(samples, plan, shown):
            yield self.shapes[shape][0], part

    def kept_only(self, plan: Plan, values: list[T]) -> dict[int, T]:
        """Return the values, one for each cell, by series, but for those that have left."""
        present, numbers = self.present[plan.series].tolist(), plan.series.tolist()
        return {number: value for number, value, stays in zip(numbers, values, present, strict=True) if stays}

    @cached_property
    def _place(self) -> Int64s:
        return places_by_shape(self.shape_of)


def find_keys(wanted: Int64s, known: Int64s) -> tuple[Int64s, Bools]:
    """Return where those of some ascending keys are that are known, and a mask of them."""
    if not len(known):
        return np.zeros(0, np.int64), np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    both = known[at] == wanted
    return at[both], both

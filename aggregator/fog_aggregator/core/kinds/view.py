"""Hold what a view shows as columns: values by slot, where each slot goes, and the samples that come of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.kinds.reductions import any_of, places_by_shape, ranges
from fog_aggregator.core.series import Bounds, Labels, SeriesEntry
from fog_schema.limits import MAX_WHOLE
from utilityfog_frontend.telemetry.model import HistogramValue

T = TypeVar("T")
Slots: TypeAlias = slice | Int64s
"""Which slots of a table; a slice when it is all of them."""
_BLOCK: Final = 1000
_BLOCK_VALUES: Final = 32_768
"""So many samples are turned into Python's at a time, and of histograms so many buckets: each is 200 bytes as text."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where slots go.

    Attributes:
        slots: the slots in the view.
        cell: the cell of each, shape of ``slots``.
        series: the catalog's number, by cell.
        group: the group's number, by cell.
        born: the earliest time at which any of its slots began to count, by cell; inf when that is not known.
        shapes: the range of cells that each shape of series has.
    """

    slots: Slots
    cell: Int32s
    series: Int32s
    group: Int32s
    born: Float64s
    shapes: list[tuple[int, slice]]

    @property
    def size(self) -> int:
        """Count the cells."""
        return len(self.series)


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
    """

    values: NDArray[Any]
    sums: Float64s
    live: Bools | None
    epoch: Int32s
    values_of_slots: ValuesOfSlots | None = None

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


@dataclass(frozen=True, slots=True)
class Samples:
    """Some samples as columns, in the order of series.

    Attributes:
        series: the catalog's number of each.
        group: the group's number of each.
        values: shape (n,), or (n, buckets) for histograms.
        born: when each began to count, unix seconds, inf when that is not known; None for gauges.
        sums: histograms only.
        extra: labels of the statistic that these are.
        stayed: of counters, which ones are sums that stay at the most (R12.38); None to look at the values.
    """

    series: Int32s
    group: Int32s
    values: NDArray[Any]
    born: Float64s | None = None
    sums: Float64s | None = None
    extra: Labels = ()
    stayed: Bools | None = None

    def take(self, chosen: slice | Bools) -> Samples:
        """Return some of them."""
        if not isinstance(chosen, slice) and chosen.all():
            return self
        return Samples(
            self.series[chosen],
            self.group[chosen],
            self.values[chosen],
            None if self.born is None else self.born[chosen],
            None if self.sums is None else self.sums[chosen],
            self.extra,
            None if self.stayed is None else self.stayed[chosen],
        )

    def with_values(self, values: NDArray[Any]) -> Samples:
        """Return the same with other values."""
        return Samples(self.series, self.group, values, self.born, self.sums, self.extra, self.stayed)

    @property
    def saturated(self) -> Bools | None:
        """Tell which ones are counts that stay at the most that there can be (R12.38); None when none does.

        The true ones are larger.
        """
        if self.born is None:
            return None
        stayed: Bools = self.values == MAX_WHOLE if self.stayed is None else self.stayed
        if not stayed.any():
            return None
        return stayed if stayed.ndim == 1 else np.asarray(stayed.any(axis=1))

    def blocks(self) -> Iterator[Samples]:
        """Return all of them, some at a time."""
        block = min(_BLOCK, max(1, _BLOCK_VALUES // (self.values.shape[1] if self.values.ndim > 1 else 1)))
        return (self.take(slice(start, start + block)) for start in range(0, len(self.series), block))

    def python_values(self) -> list[Any]:
        """Return the values as Python's."""
        values: list[Any] = self.values.tolist()
        if self.sums is None:
            return values
        sums = self.sums.tolist()
        return [HistogramValue(tuple(counts), total) for counts, total in zip(values, sums, strict=True)]

    def moments(self) -> list[float | None]:
        """Return when each began to count."""
        if self.born is None:
            return [None] * len(self.series)
        born: list[float | None] = self.born.tolist()
        return [None if moment == inf else moment for moment in born]


Clamp: TypeAlias = Callable[[Samples], list[float]]
"""Gives the values to export of some samples."""


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

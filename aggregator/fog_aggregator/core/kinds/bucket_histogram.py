"""Count observations in buckets: increments of the buckets travel, and are added; the sum travels as a value."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from operator import lt
from typing import Any, ClassVar, cast

import numpy as np

from fog_aggregator.core.columns import (
    Float64s,
    Int64s,
    column_values,
    float_values,
    ids_array,
    is_small,
    may_overflow,
    row_sums,
    saturating_add,
    whole_values,
)
from fog_aggregator.core.kinds.buckets.bounds import show_at
from fog_aggregator.core.kinds.counted import CountedKind, add_finite, sums_of_runs
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.kind import NO_EPOCHS, Gathered, Kind, KindSet, Merge
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells, ColumnCopy, ViewColumns
from fog_aggregator.core.rollups.reductions import number_cells, sum_buckets, sum_fractions
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import Bounds, Labels
from fog_aggregator.kernels.ports import Kernels, Sections
from fog_schema.columns import Column, Ids
from fog_schema.frames import HISTOGRAM, Frame, Histograms
from fog_schema.limits import MAX_BOUNDS
from utilityfog_frontend.telemetry.model import HistogramValue


class BucketTable(Table):
    """Histograms: a row of buckets, and a sum.

    Attributes:
        sums: the sum of all observations, shape (capacity,).
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (*Table.COLUMNS, "sums")

    def __init__(self, buckets: int) -> None:
        super().__init__(np.int64, (buckets,))
        self.sums: Float64s = np.zeros(0)

    def release(self, slots: Int64s) -> None:
        """Take slots back; their values are gone."""
        self.sums[slots] = 0
        super().release(slots)


class BucketHistogram(CountedKind):
    """Histograms of one number of buckets, +Inf included."""

    def __init__(self, name: str, buckets: int) -> None:
        super().__init__(name)
        self.buckets = buckets

    def new_table(self) -> BucketTable:
        """Make an empty table of rows of buckets."""
        return BucketTable(self.buckets)

    def apply_delta(self, merge: Merge, section: Histograms) -> None:
        """Add the increments of the buckets and set the sums (R12.3); buckets stay at 2^63 - 1 (R12.38)."""
        slots, counts, sums = self._values(merge, section)
        table = self._table(merge, section)
        if merge.epoch.huge:
            table.values[slots], stayed = saturating_add(table.values[slots], counts.astype(np.int64))
            merge.outcome.saturated += stayed
        else:
            table.values[slots] += counts
        table.sums[slots] = sums

    def apply_keyframe(self, merge: Merge, section: Histograms) -> None:
        """Set the buckets, none below what is known (R12.7), and the sum where the count is not lower (R12.8)."""
        slots, counts, sums = self._values(merge, section)
        table = self._table(merge, section)
        current = row_sums(counts) >= self.counted_at(table, slots)
        table.values[slots] = np.maximum(table.values[slots], counts.astype(np.int64))
        table.sums[slots[current]] = sums[current]

    def settle(self, table: Table, slots: Int64s, values: Sequence[Column], others: Sequence[Column]) -> int:
        """Add the increments and set the sums; a histogram whose sum is not finite is refused."""
        counts, sums = column_values(values).reshape(-1, self.buckets), column_values(others)
        fine = np.isfinite(sums)
        refused = len(sums) - int(np.count_nonzero(fine))
        if refused:
            slots, counts, sums = slots[fine], counts[fine], sums[fine]
        table.values[slots] += counts
        _with_sums(table).sums[slots] = sums
        return refused

    def merge(self, table: Table, kernels: Kernels, sections: Sections) -> None:
        """Add the increments of the buckets, and set the sums."""
        kernels.add_buckets(*sections, table.values, _with_sums(table).sums)

    def counted_at(self, table: Table, slots: Int64s) -> Int64s:
        """Return how many observations each of some slots has."""
        return row_sums(table.values[slots])

    def exact_counts(self, table: Table, slots: Int64s) -> list[int | float]:
        """Return how many observations each of some slots has, as Python's numbers, which do not overflow."""
        return [sum(buckets) for buckets in table.values[slots].tolist()]

    def copy(self, table: Table, slots: slice | Int64s, *, live: bool) -> ColumnCopy:
        """Copy what a view needs of some slots."""
        return replace(super().copy(table, slots, live=live), sums=np.array(_with_sums(table).sums[slots]))

    def copy_planned(self, table: Table, plan: RunPlan, kernels: Kernels | None, *, live: bool) -> ColumnCopy:
        """Add the buckets up, which takes less time than to copy them; sums of fractions are added in order later."""
        if kernels is not None and not live:
            added = plan.add_runs(kernels.add_bucket_runs, table.values)
            if added is not None:
                sums = np.array(_with_sums(table).sums[plan.slots])
                return ColumnCopy(added, sums, None, NO_EPOCHS, is_added=True)
        return super().copy_planned(table, plan, None, live=live)

    def reduce(self, cells: Cells) -> Int64s:
        """Sum each bucket of each cell."""
        plan, column = cells
        if column.is_added and isinstance(plan, RunPlan):
            return plan.in_order(column.values)
        return sum_buckets(plan.cell, plan.size, column.values)

    def reduce_sums(self, cells: Cells) -> Float64s:
        """Add up the sums of each cell."""
        plan, column = cells
        return sum_fractions(plan.cell, plan.size, column.sums)

    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return the buckets, the sum and the count."""
        counts = table.values[slot].tolist()
        value = {"counts": counts, "sum": float(_with_sums(table).sums[slot]), "count": sum(counts)}
        return {"value": value, "fractional": False}

    def _values(self, merge: Merge, section: Histograms) -> tuple[Int64s, np.ndarray, Float64s]:
        """Return the slots of the histograms that are known and good, their buckets and their sums."""
        counts, good = whole_values(section.counts)
        counts, sums = counts.reshape(-1, self.buckets), float_values(section.sums)
        fine = np.isfinite(sums)
        if good is not None:
            fine &= good.reshape(-1, self.buckets).all(axis=1)
        slots, chosen = merge.choose(self, ids_array(section.ids), None if fine.all() else fine)
        return (slots, counts, sums) if chosen is None else (slots, counts[chosen], sums[chosen])

    def _table(self, merge: Merge, section: Histograms) -> BucketTable:
        """Return the table; note first whether sums must be watched from now on."""
        merge.epoch.huge = merge.epoch.huge or may_overflow(section.counts)
        return _with_sums(merge.tables[self])

    def _raise(self, table: Table, found: Int64s, slots: Int64s) -> None:
        """Raise each bucket alone; the sum is that of the one with more observations (R13.9)."""
        larger = self.counted_at(table, slots) >= self.counted_at(table, found)
        sums = _with_sums(table).sums
        sums[found[larger]] = sums[slots[larger]]
        super()._raise(table, found, slots)

    def _add(self, table: Table, found: Int64s, slots: Int64s, starts: Int64s, sign: int) -> int:
        stayed = super()._add(table, found, slots, starts, sign)
        sums = _with_sums(table).sums
        return stayed + add_finite(sums, found, sign * sums_of_runs(sums[slots], starts))


class BucketHistograms(KindSet):
    """The histograms of every number of buckets."""

    _PREFIX: ClassVar[str] = "bucket_histogram_"

    def __init__(self) -> None:
        self._sizes: dict[int, BucketHistogram] = {}

    def of_size(self, buckets: int) -> BucketHistogram:
        """Return the kind of histograms with so many buckets: always the same object."""
        kind = self._sizes.get(buckets)
        if kind is None:
            kind = self._sizes[buckets] = BucketHistogram(f"{self._PREFIX}{buckets}", buckets)
        return kind

    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:
        """Take every histogram: it has a bucket for each bound, and one for +Inf."""
        possible = type_ == HISTOGRAM and all(map(isfinite, bounds)) and all(map(lt, bounds, bounds[1:]))
        return self.of_size(len(bounds) + 1) if possible else None

    def named(self, name: str) -> Kind | None:
        """Return a kind by its name."""
        size = name.removeprefix(self._PREFIX)
        return self.of_size(int(size)) if size != name and size.isdecimal() and int(size) else None

    def sections(self, frame: Frame) -> Sequence[tuple[Kind, Histograms]]:
        """Return the groups of histograms."""
        return [(self.of_size(group.width), group) for group in frame.histograms]

    def section_ids(self, section: Histograms) -> Ids:
        """Return the ids of the histograms."""
        return section.ids

    def laid_out(self) -> Mapping[int, Kind]:
        """Return the kind of each size that a frame can have."""
        return {buckets: self.of_size(buckets) for buckets in range(1, MAX_BOUNDS + 2)}

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather small unsigned increments: none of them can be refused, nor their sums overflow."""
        seen: set[int] = set()
        for buckets, ids, counts, sums in frame.histograms:
            kind = self.of_size(buckets)
            places = maps.get(kind)
            # Two groups of one size may name the same slot, and numpy adds to it once.
            if places is None or buckets in seen or not is_small(counts) or not places.fits(ids):
                return False
            seen.add(buckets)
            gathered.append((kind, places.offset, ids, sums.size, counts, sums))
        return True

    def expose(self, view: ViewColumns, clamp: Clamp) -> Iterator[tuple[int, Samples]]:  # noqa: ARG002
        """Show histograms at one set of bounds for each family (R12.28)."""
        parts: dict[int, list[Samples]] = defaultdict(list)
        for kind, cells in self._cells(view):
            plan, shown = cells.plan, view.shown(cells)
            samples = Samples(plan.series, plan.group, kind.reduce(cells), plan.born, kind.reduce_sums(cells))
            for shape, part in view.split(samples, plan, shown):
                family, own = view.shapes[shape]
                parts[family].append(part.with_values(show_at(view.bounds[family], own, part.values)))
        for family, several in parts.items():
            if len(several) == 1:
                yield family, several[0]
            else:
                yield family, _merge(view, several)

    def totals(self, view: ViewColumns) -> dict[int, Any]:
        """Return the totals at the series' own bounds."""
        totals: dict[int, Any] = {}
        for kind, cells in self._cells(view):
            added = zip(kind.reduce(cells).tolist(), kind.reduce_sums(cells).tolist(), strict=True)
            totals |= view.kept_only(cells.plan, [HistogramValue(tuple(counts), total) for counts, total in added])
        return totals

    def _cells(self, view: ViewColumns) -> Iterator[tuple[BucketHistogram, Cells]]:
        return ((kind, cells) for kind, cells in view.cells.items() if isinstance(kind, BucketHistogram))


def _merge(view: ViewColumns, parts: list[Samples]) -> Samples:
    """Merge histograms of one family that had other bounds, and so other series: equal labels become one."""
    numbers, inverse = np.unique(np.concatenate([part.series for part in parts]), return_inverse=True)
    first: dict[Labels, int] = {}
    same = np.array([first.setdefault(view.entries[number].labels, number) for number in numbers.tolist()])
    cells, cell = number_cells(same[inverse] * view.groups + np.concatenate([part.group for part in parts]))
    size = len(cells)
    series, group = np.divmod(cells, view.groups)
    born = np.full(size, np.inf)
    np.minimum.at(born, cell, np.concatenate([part.born for part in parts if part.born is not None]))
    counts = sum_buckets(cell, size, np.concatenate([part.values for part in parts]))
    sums = sum_fractions(cell, size, np.concatenate([part.sums for part in parts if part.sums is not None]))
    return Samples(series.astype(np.int32), group.astype(np.int32), counts, born, sums)


def _with_sums(table: Table) -> BucketTable:
    """Say that a table of this kind has sums."""
    return cast("BucketTable", table)


BUCKET_HISTOGRAM = BucketHistograms()

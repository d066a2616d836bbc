"""Count observations in exponential buckets: increments travel, and are added at the lower schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import numpy as np

from fog_aggregator.core.columns import Float64s, Int64s, float_values, ids_array
from fog_aggregator.core.kinds.buckets import rows
from fog_aggregator.core.kinds.counted import CountedKind, add_finite, sums_of_runs
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.kind import Gathered, Kind, KindSet, Merge
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells, ColumnCopy, ViewColumns
from fog_aggregator.core.rollups.reductions import sum_fractions
from fog_aggregator.core.series import Bounds
from fog_schema.columns import Ids
from fog_schema.frames import EXPONENTIAL_HISTOGRAM as TYPE
from fog_schema.frames import Exponentials, Frame
from utilityfog_frontend.telemetry.exponential.value import as_numbers


class ExponentialTable(Table):
    """Exponential histograms: a row for each, see `rows`, and a sum.

    Attributes:
        sums: the sum of all observations, shape (capacity,).
    """

    COLUMNS: ClassVar[tuple[str, ...]] = (*Table.COLUMNS, "sums")

    def __init__(self) -> None:
        super().__init__(np.int64, (rows.ROW,))
        self.sums: Float64s = np.zeros(0)

    def release(self, slots: Int64s) -> None:
        """Take slots back; their values are gone."""
        self.sums[slots] = 0
        super().release(slots)

    def restore(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Take over the columns of a checkpoint, as any table.

        Raises:
            ValueError: as any table; or a row has no such head as rows have.
        """
        super().restore(columns)
        if not rows.are_sound(self.values):
            raise ValueError("column values has a row that is no exponential histogram")


class ExponentialHistogram(CountedKind, KindSet):
    """Histograms whose bounds are powers of one number, each at a schema of its own, which only falls."""

    def new_table(self) -> ExponentialTable:
        """Make an empty table of rows."""
        return ExponentialTable()

    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:
        """Take every exponential histogram: it has no bounds."""
        return self if type_ == TYPE and not bounds else None

    def named(self, name: str) -> Kind | None:
        """Return the kind by its name."""
        return self if name == self.name else None

    def sections(self, frame: Frame) -> Sequence[tuple[Kind, Exponentials]]:
        """Return the section ``exponentials``."""
        return () if frame.exponentials is None else ((self, frame.exponentials),)

    def section_ids(self, section: Exponentials) -> Ids:
        """Return the ids of the histograms."""
        return section.ids

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather nothing: each row must be compared with the known one."""
        del maps, gathered
        return frame.exponentials is None

    def apply_delta(self, merge: Merge, section: Exponentials) -> None:
        """Add the increments at the lower schema and set the sums (R12.67); counts stay at 2^63 - 1 (R12.38)."""
        slots, counted, sums = self._values(merge, section)
        table = _of(merge.tables[self])
        table.values[slots], stayed = rows.added(table.values[slots], counted)
        table.sums[slots] = sums
        merge.outcome.saturated += stayed

    def apply_keyframe(self, merge: Merge, section: Exponentials) -> None:
        """Set the buckets at the lower schema, none below what is known, and the sum by the counts (R12.68)."""
        slots, counted, sums = self._values(merge, section)
        table = _of(merge.tables[self])
        current = rows.totals(counted) >= rows.totals(table.values[slots])
        table.values[slots] = rows.raised(table.values[slots], counted)
        table.sums[slots[current]] = sums[current]

    def counted_at(self, table: Table, slots: Int64s) -> Int64s:
        """Return how many observations each of some slots has."""
        return rows.totals(table.values[slots])

    def exact_counts(self, table: Table, slots: Int64s) -> list[int | float]:
        """Return how many observations each of some slots has, as Python's numbers, which do not overflow."""
        return [*rows.observations(table.values[slots])]

    def growing(self, values: Int64s) -> Int64s:
        """Return the buckets at the lowest schema, where no fall of a schema changes which there are."""
        return rows.at_lowest(values)

    def copy(self, table: Table, slots: slice | Int64s, *, live: bool) -> ColumnCopy:
        """Copy what a view needs of some slots."""
        return replace(super().copy(table, slots, live=live), sums=np.array(_of(table).sums[slots]))

    def reduce(self, cells: Cells) -> Int64s:
        """Sum each cell at the lowest schema of its slots, or below it where the buckets were too many."""
        plan, column = cells
        return rows.summed(column.values, plan.cell.astype(np.int64), plan.size)

    def reduce_sums(self, cells: Cells) -> Float64s:
        """Add up the sums of each cell."""
        plan, column = cells
        return sum_fractions(plan.cell, plan.size, column.sums)

    def expose(self, view: ViewColumns, clamp: Clamp) -> Iterator[tuple[int, Samples]]:
        """Show each series at its own schema."""
        del clamp
        cells = view.cells[self]
        plan = cells.plan
        samples = Samples(
            plan.series, plan.group, self.reduce(cells), plan.born, self.reduce_sums(cells), exponential=True
        )
        yield from view.by_family(samples, plan, view.shown(cells))

    def totals(self, view: ViewColumns) -> dict[int, Any]:
        """Return the totals, each at its own schema."""
        cells = view.cells[self]
        values = rows.values_of(self.reduce(cells), self.reduce_sums(cells).tolist())
        return view.kept_only(cells.plan, values)

    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return the schema, the buckets, the sum and the count."""
        [value] = rows.values_of(table.values[slot : slot + 1], [float(_of(table).sums[slot])])
        return {"value": {**as_numbers(value), "count": value.count}, "fractional": False}

    def _values(self, merge: Merge, section: Exponentials) -> tuple[Int64s, Int64s, Float64s]:
        """Return the slots of the histograms that are known and good, their rows and their sums."""
        counted, good = rows.rows_of_section(section)
        sums = float_values(section.sums)
        fine = np.isfinite(sums)
        if good is not None:
            fine &= good
        slots, chosen = merge.choose(self, ids_array(section.ids), None if fine.all() else fine)
        return (slots, counted, sums) if chosen is None else (slots, counted[chosen], sums[chosen])

    def _raise(self, table: Table, found: Int64s, slots: Int64s) -> None:
        """Raise each bucket alone, at the lower schema; the sum is that of the one with more observations (R13.9)."""
        larger = self.counted_at(table, slots) >= self.counted_at(table, found)
        sums = _of(table).sums
        sums[found[larger]] = sums[slots[larger]]
        table.values[found] = rows.raised(table.values[found], table.values[slots])

    def _add(self, table: Table, found: Int64s, slots: Int64s, starts: Int64s, sign: int) -> int:
        run = np.repeat(np.arange(len(starts)), np.diff([*starts.tolist(), len(slots)]))
        values = rows.summed(table.values[slots], run, len(starts))
        table.values[found], stayed = rows.added(table.values[found], values if sign > 0 else rows.negated(values))
        sums = _of(table).sums
        return stayed + add_finite(sums, found, sign * sums_of_runs(sums[slots], starts))


def _of(table: Table) -> ExponentialTable:
    """Say that a table of this kind has sums."""
    return cast("ExponentialTable", table)


EXPONENTIAL_HISTOGRAM = ExponentialHistogram("exponential_histogram")

"""Count in fractions: the value in the epoch travels, and is set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from fog_aggregator.core.columns import MAX_FRACTION, Bools, Float64s, Int64s, float_values, ids_array
from fog_aggregator.core.kinds.counted import CountedKind
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.integer_counter import INTEGER_COUNTER, FractionalForm, IntegerCounter
from fog_aggregator.core.kinds.kind import Gathered, Kind, KindSet, Merge, SlotHolder, Tables
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells, ViewColumns, find_keys
from fog_aggregator.core.rollups.reductions import sum_fractions
from fog_aggregator.core.series import Bounds
from fog_schema.columns import Ids
from fog_schema.frames import Frame, Numbers
from fog_schema.limits import MAX_WHOLE


class FractionalCounter(CountedKind, FractionalForm, KindSet):
    """Counters that have had a fractional increment.

    Args:
        name: what checkpoints call it.
        integers: the kind that a counter has until then.
    """

    ordered: ClassVar[bool] = True

    def __init__(self, name: str, integers: IntegerCounter) -> None:
        super().__init__(name)
        self._integers = integers
        self.defined_as = integers
        self.forms = (self, integers)
        integers.become(self)

    def new_table(self) -> Table:
        """Make an empty table of doubles."""
        return Table(np.float64)

    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:  # noqa: ARG002
        """Take none: every counter begins as an integer."""
        return None

    def named(self, name: str) -> Kind | None:
        """Return the kind by its name."""
        return self if name == self.name else None

    def sections(self, frame: Frame) -> Sequence[tuple[Kind, Numbers]]:
        """Return the section ``fractions``."""
        return () if frame.fractions is None else ((self, frame.fractions),)

    def section_ids(self, section: Numbers) -> Ids:
        """Return the ids of the counters."""
        return section.ids

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather nothing: each value must be compared with the known one."""
        del maps, gathered
        return frame.fractions is None

    def apply_delta(self, merge: Merge, section: Numbers) -> None:
        """Set the values, none below what is known; a counter that was an integer becomes a fraction (R12.11)."""
        values, ids = float_values(section.values), ids_array(section.ids)
        good = np.isfinite(values) & (values >= 0)
        self.take_over(merge.tables, merge.epoch, ids)
        slots, chosen = merge.choose(self, ids, None if good.all() else good)
        if chosen is not None:
            values = values[chosen]
        known = merge.tables[self].values
        known[slots] = np.maximum(known[slots], values)

    def apply_keyframe(self, merge: Merge, section: Numbers) -> None:
        """Set the values, none below what is known (R12.6)."""
        self.apply_delta(merge, section)

    def take_over(self, tables: Tables, holder: SlotHolder, ids: Int64s) -> None:
        """Move those counters here that were integers until now; they never come back."""
        integers = self._integers
        slots, known = holder.map(integers).find(ids)
        if known is not None:
            slots, ids = slots[known], ids[known]
        if not len(ids):
            return
        before, now = tables[integers], tables[self]
        moved = now.allocate(ids, before.series[slots], holder.row, 0.0)
        for column in ("values", "created", "live"):
            getattr(now, column)[moved] = getattr(before, column)[slots]
        before.release(slots)
        holder.map(integers).discard(ids)
        holder.map(self).add(ids, moved)

    def join_integers(self, tables: Tables, joined: SlotHolder, slots: Int64s, series: Int64s) -> tuple[Int64s, Int64s]:
        """Join integers whose joined total is a fraction already; return those that are left."""
        if self not in joined.maps:
            return slots, series
        fractions = tables[self].values
        found, known = joined.map(self).find(series)
        if known is None:
            known = np.ones(len(series), np.bool_)
        found = found[known]
        fractions[found] = np.maximum(fractions[found], tables[self._integers].values[slots[known]])
        return slots[~known], series[~known]

    def reduce(self, cells: Cells) -> Float64s:
        """Sum the fractions of each cell, in path order."""
        plan, column = cells
        return sum_fractions(plan.cell, plan.size, column.values)

    def expose(self, view: ViewColumns, clamp: Clamp) -> Iterator[tuple[int, Samples]]:
        """Show all counters. Where a cell has integers and fractions they are one sample, a fraction."""
        integers = view.cells[self._integers]
        if not view.cells[self].plan.size and (grid := view.as_grid(integers)) is not None:
            yield from grid
            return
        plan, shown = integers.plan, view.shown(integers)
        counts = self._integers.reduce(integers)
        if view.cells[self].plan.size:
            yield from self._fractions(view, clamp, counts, shown)
        yield from view.by_family(Samples(plan.series, plan.group, counts, plan.born), plan, shown)

    def totals(self, view: ViewColumns) -> dict[int, Any]:
        """Return the totals of all counters: an int, or a float where any writer has counted fractions."""
        integers, fractions = view.cells[self._integers], view.cells[self]
        totals: dict[int, Any] = view.kept_only(integers.plan, self._integers.reduce(integers).tolist())
        for series, total in view.kept_only(fractions.plan, self.reduce(fractions).tolist()).items():
            totals[series] = total + totals.get(series, 0)
        return totals

    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return the fraction."""
        return {"value": float(table.values[slot]), "fractional": True}

    def _fractions(
        self, view: ViewColumns, clamp: Clamp, counts: Int64s, integers_shown: Bools
    ) -> Iterator[tuple[int, Samples]]:
        """Add integers to the fractions of their cells; those cells are then no longer shown as integers."""
        cells, integers = view.cells[self], view.cells[self._integers].plan
        plan, sums, shown = cells.plan, self.reduce(cells), view.shown(cells)
        born = plan.born.copy()
        at, both = find_keys(view.key(plan), view.key(integers))
        stayed = sums == MAX_FRACTION
        stayed[both] |= counts[at] == MAX_WHOLE
        sums[both] += counts[at]
        born[both] = np.minimum(born[both], integers.born[at])
        shown[both] |= integers_shown[at]
        integers_shown[at] = False
        samples = Samples(plan.series, plan.group, sums, born, stayed=stayed)
        sums[shown] = clamp(samples.take(shown))
        yield from view.by_family(samples, plan, shown)

    def _meet_other_form(
        self, tables: Tables, joined: SlotHolder, slots: Int64s, series: Int64s
    ) -> tuple[Int64s, Int64s]:
        self.take_over(tables, joined, series)
        return slots, series


FRACTIONAL_COUNTER = FractionalCounter("fractional_counter", INTEGER_COUNTER)

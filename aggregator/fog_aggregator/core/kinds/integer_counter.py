"""Count in integers: increments travel, and are added."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fog_aggregator.core.columns import (
    Int64s,
    column_values,
    ids_array,
    is_small,
    may_overflow,
    saturating_add,
    whole_values,
)
from fog_aggregator.core.kinds.counted import CountedKind
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.kind import NO_EPOCHS, NO_SUMS, Gathered, Kind, KindSet, Merge, SlotHolder, Tables
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells, ColumnCopy
from fog_aggregator.core.rollups.reductions import sum_integers
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import Bounds
from fog_aggregator.kernels.layout import ONE_INTEGER
from fog_aggregator.kernels.ports import Kernels, Sections
from fog_schema.columns import Column, Ids
from fog_schema.frames import COUNTER, Frame, Numbers


class FractionalForm(Kind):
    """The kind that an integer counter becomes."""

    @abstractmethod
    def join_integers(self, tables: Tables, joined: SlotHolder, slots: Int64s, series: Int64s) -> tuple[Int64s, Int64s]:
        """Join integers whose joined total is a fraction already; return those that are left."""


class IntegerCounter(CountedKind, KindSet):
    """Counters whose every increment was an integer. `FractionalCounter` shows them together with its own."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._fractions: FractionalForm | None = None

    def become(self, fractions: FractionalForm) -> None:
        """Take note of the kind that a counter has from its first fraction on (R12.11)."""
        self._fractions = fractions
        self.forms = (self, fractions)

    def new_table(self) -> Table:
        """Make an empty table of 64-bit integers."""
        return Table(np.int64)

    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:
        """Take every counter."""
        return self if type_ == COUNTER and not bounds else None

    def named(self, name: str) -> Kind | None:
        """Return the kind by its name."""
        return self if name == self.name else None

    def sections(self, frame: Frame) -> Sequence[tuple[Kind, Numbers]]:
        """Return the section ``counters``."""
        return () if frame.counters is None else ((self, frame.counters),)

    def section_ids(self, section: Numbers) -> Ids:
        """Return the ids of the counters."""
        return section.ids

    def laid_out(self) -> Mapping[int, Kind]:
        """Return the kind."""
        return {ONE_INTEGER: self}

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather small unsigned increments: none of them can be refused, nor their sums overflow."""
        section = frame.counters
        if section is None:
            return True
        ids, values = section
        places = maps.get(self)
        if places is None or not is_small(values) or not places.fits(ids):
            return False
        gathered.append((self, places.offset, ids, values.size, values, None))
        return True

    def apply_delta(self, merge: Merge, section: Numbers) -> None:
        """Add the increments (R12.3); sums stay at 2^63 - 1 (R12.38)."""
        slots, values = self._values(merge, section)
        counts, epoch = merge.tables[self].values, merge.epoch
        epoch.huge = epoch.huge or may_overflow(section.values)
        if epoch.huge:
            counts[slots], stayed = saturating_add(counts[slots], values.astype(np.int64))
            merge.outcome.saturated += stayed
        else:
            counts[slots] += values

    def apply_keyframe(self, merge: Merge, section: Numbers) -> None:
        """Set the counts, none below what is known (R12.6)."""
        slots, values = self._values(merge, section)
        counts = merge.tables[self].values
        counts[slots] = np.maximum(counts[slots], values)
        merge.epoch.huge = merge.epoch.huge or may_overflow(section.values)

    def settle(self, table: Table, slots: Int64s, values: Sequence[Column], others: Sequence[Column]) -> int:  # noqa: ARG002
        """Add the increments."""
        table.values[slots] += column_values(values)
        return 0

    def merge(self, table: Table, kernels: Kernels, sections: Sections) -> None:
        """Add the increments."""
        kernels.add_counts(*sections, table.values)

    def copy_planned(self, table: Table, plan: RunPlan, kernels: Kernels | None, *, live: bool) -> ColumnCopy:
        """Add the counts up, which takes less time than to copy them; a node's own are told apart by who has them."""
        if kernels is not None and not live:
            sums = plan.add_runs(kernels.add_runs, table.values)
            if sums is not None:
                return ColumnCopy(sums, NO_SUMS, None, NO_EPOCHS, is_added=True)
        return super().copy_planned(table, plan, None, live=live)

    def reduce(self, cells: Cells) -> Int64s:
        """Sum the counts of each cell."""
        plan, column = cells
        if column.is_added and isinstance(plan, RunPlan):
            return plan.in_order(column.values)
        return sum_integers(plan.cell, plan.size, column.values)

    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return the count."""
        return {"value": int(table.values[slot]), "fractional": False}

    def _meet_other_form(
        self, tables: Tables, joined: SlotHolder, slots: Int64s, series: Int64s
    ) -> tuple[Int64s, Int64s]:
        if self._fractions is None:
            return slots, series
        return self._fractions.join_integers(tables, joined, slots, series)

    def _values(self, merge: Merge, section: Numbers) -> tuple[Int64s, np.ndarray]:
        """Return the slots of the values that are known and good, and these values."""
        values, good = whole_values(section.values)
        slots, chosen = merge.choose(self, ids_array(section.ids), good)
        return slots, values if chosen is None else values[chosen]


INTEGER_COUNTER = IntegerCounter("integer_counter")

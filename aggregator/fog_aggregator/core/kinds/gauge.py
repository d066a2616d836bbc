"""Hold what a node has set: the value travels, and is set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from fog_aggregator.core.columns import Float64s, Int64s, column_values, float_values, ids_array
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.kind import Gathered, Kind, KindSet, Merge
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells
from fog_aggregator.core.rollups.reductions import sum_fractions
from fog_aggregator.core.series import Bounds
from fog_aggregator.kernels.layout import ONE_DOUBLE
from fog_aggregator.kernels.ports import Kernels, Sections
from fog_schema.columns import Column, Ids
from fog_schema.frames import GAUGE as GAUGE_TYPE
from fog_schema.frames import Frame, Numbers


class Gauge(Kind, KindSet):
    """Gauges of single nodes. `GaugeSummary` shows them together with those of branches."""

    counted: ClassVar[bool] = False

    def new_table(self) -> Table:
        """Make an empty table of doubles."""
        return Table(np.float64)

    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:
        """Take every gauge."""
        return self if type_ == GAUGE_TYPE and not bounds else None

    def named(self, name: str) -> Kind | None:
        """Return the kind by its name."""
        return self if name == self.name else None

    def sections(self, frame: Frame) -> Sequence[tuple[Kind, Numbers]]:
        """Return the section ``gauges``."""
        return () if frame.gauges is None else ((self, frame.gauges),)

    def section_ids(self, section: Numbers) -> Ids:
        """Return the ids of the gauges."""
        return section.ids

    def laid_out(self) -> Mapping[int, Kind]:
        """Return the kind."""
        return {ONE_DOUBLE: self}

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather all values: none is refused."""
        section = frame.gauges
        if section is None:
            return True
        ids, values = section
        places = maps.get(self)
        if places is None or not places.fits(ids):
            return False
        gathered.append((self, places.offset, ids, values.size, values, None))
        return True

    def apply_delta(self, merge: Merge, section: Numbers) -> None:
        """Set the values (R12.3)."""
        values = float_values(section.values)
        slots, chosen = merge.choose(self, ids_array(section.ids), None)
        merge.tables[self].values[slots] = values if chosen is None else values[chosen]

    def apply_keyframe(self, merge: Merge, section: Numbers) -> None:
        """Set the values (R12.6)."""
        self.apply_delta(merge, section)

    def settle(self, table: Table, slots: Int64s, values: Sequence[Column], others: Sequence[Column]) -> int:  # noqa: ARG002
        """Set the values."""
        table.values[slots] = column_values(values)
        return 0

    def merge(self, table: Table, kernels: Kernels, sections: Sections) -> None:
        """Set the values."""
        kernels.set_gauges(*sections, table.values)

    def reduce(self, cells: Cells) -> Float64s:
        """Sum the values of each cell; NaN and infinities are left out (R13.2)."""
        plan, column = cells
        fine = np.isfinite(column.values)
        return sum_fractions(plan.cell[fine], plan.size, column.values[fine])

    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return the value."""
        return {"value": float(table.values[slot])}


GAUGE = Gauge("gauge")

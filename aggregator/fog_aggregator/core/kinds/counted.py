"""Share among the kinds that count: closed totals add, and a branch's replicas are joined by maximum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Int64s, finite, saturating_add, saturating_subtract
from fog_aggregator.core.kinds.kind import Kind, SlotHolder, Tables
from fog_aggregator.core.kinds.table import Table
from fog_schema.limits import MAX_WHOLE


class CountedKind(Kind):
    """A kind whose values are counts."""

    def join(self, tables: Tables, joined: SlotHolder, slots: Int64s) -> None:
        """Raise what a branch's replicas were joined to, to what one of them has at some slots (R13.8)."""
        table = tables[self]
        slots = self._joining(table, slots)
        if not len(slots):
            return
        series = table.series[slots].astype(np.int64)
        order = np.lexsort((self.counted_at(table, slots), series))
        largest = order[np.append(series[order][1:] != series[order][:-1], True)]  # of equal series, the last
        slots, series = self._meet_other_form(tables, joined, slots[largest], series[largest])
        found = closed_slots(self, tables, joined, series)
        table.live[found] |= table.live[slots]
        self._raise(table, found, slots)

    def _joining(self, table: Table, slots: Int64s) -> Int64s:
        """Return the slots that a replica does not only retain (R13.15)."""
        return slots[table.live[slots]]

    def close(self, tables: Tables, closed: SlotHolder | None, slots: Int64s) -> None:
        """Add counts of an epoch to the closed total, if there is one to add to, and release their slots (R12.13)."""
        if closed is not None and len(slots):
            self._add_to_closed(tables, closed, slots, sign=1)
        tables[self].release(slots)

    def retract(self, tables: Tables, closed: SlotHolder, slots: Int64s) -> None:
        """Subtract the counts of an epoch that returns from the closed total: they were counted (R12.17)."""
        if len(slots):
            self._add_to_closed(tables, closed, slots, sign=-1)

    def _meet_other_form(
        self,
        tables: Tables,  # noqa: ARG002
        joined: SlotHolder,  # noqa: ARG002
        slots: Int64s,
        series: Int64s,
    ) -> tuple[Int64s, Int64s]:
        """Join series that have another form on one of both sides; return those that are left."""
        return slots, series

    def _raise(self, table: Table, found: Int64s, slots: Int64s) -> None:
        """Raise the values at `found` to those at `slots`."""
        table.values[found] = np.maximum(table.values[found], table.values[slots])

    def _add_to_closed(self, tables: Tables, closed: SlotHolder, slots: Int64s, *, sign: int) -> None:
        """Add the values at some slots, of one epoch, to the closed slots of their series."""
        table = tables[self]
        series = table.series[slots].astype(np.int64)
        order = np.argsort(series, kind="stable")
        slots, series = slots[order], series[order]
        wanted, starts = np.unique(series, return_index=True)
        found = closed_slots(self, tables, closed, wanted)
        tables.saturated += self._add(table, found, slots, starts, sign)
        created = np.minimum(table.created[found], np.minimum.reduceat(table.created[slots], starts))
        earlier = created < table.created[found]
        table.created[found] = created
        table.news.note(found[earlier])  # plans know when sums began

    def _add(self, table: Table, found: Int64s, slots: Int64s, starts: Int64s, sign: int) -> int:
        """Add the values at runs of `slots` to those at `found`; return how many sums had to stay at the most."""
        values = sums_of_runs(table.values[slots], starts)
        if values.dtype != np.int64:
            return add_finite(table.values, found, sign * values)
        if sign < 0:
            table.values[found] = saturating_subtract(table.values[found], values)
            return 0
        table.values[found], stayed = saturating_add(table.values[found], values)
        return stayed


def closed_slots(kind: Kind, tables: Tables, closed: SlotHolder, series: Int64s) -> Int64s:
    """Return the closed slots of some series, ascending, making those that are missing."""
    places = closed.map(kind)
    found, known = places.find(series)
    if known is not None:
        table, new = tables[kind], series[~known]
        made = table.allocate(new, new, closed.row, np.inf)
        table.live[made] = False
        places.add(new, made)
        found, _ = places.find(series)
    return found


def sums_of_runs(values: NDArray[Any], starts: Int64s) -> NDArray[Any]:
    """Sum runs of rows; integers stay at 2^63 - 1, doubles at the largest one (R12.38)."""
    if values.dtype != np.int64:
        with np.errstate(over="ignore", invalid="ignore"):
            return finite(np.add.reduceat(values, starts, axis=0))
    if int(values.max()) <= MAX_WHOLE // len(values):
        return np.add.reduceat(values, starts, axis=0)
    return np.minimum(np.add.reduceat(values.astype(object), starts, axis=0), MAX_WHOLE).astype(np.int64)


def add_finite(sums: NDArray[np.float64], found: Int64s, values: NDArray[np.float64]) -> int:
    """Add doubles to those of `sums` at `found`, none twice; return how many had to stay at the largest double."""
    with np.errstate(over="ignore", invalid="ignore"):
        added = sums[found] + values
    sums[found] = finite(added)
    return int(np.count_nonzero(~np.isfinite(added)))

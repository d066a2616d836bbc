"""The merge rules, one for each kind of value: how a frame's sections meet the slots of an epoch.

A delta's whole counts are added, a keyframe's replace what is known where they are not lower. What travels as a value
(fractions, gauges, sums) is set. Closed totals add.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.catalog import COUNTERS, GAUGES
from fog_aggregator.core.columns import (
    Bools,
    Int64s,
    float_values,
    ids_array,
    may_overflow,
    saturating_add,
    whole_values,
)
from fog_aggregator.core.nodes import Epoch
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.core.tables import Table
from fog_schema.frames import Frame, Histograms, Lasts, Numbers, Summaries, ValueCounts
from fog_schema.limits import MAX_WHOLE

FRACTIONS: Final = -2
"""The table of counters that have had a fractional increment."""
SUMMARIES: Final = -3
"""The table of gauges that come merged, from branches: a row of COUNT, SUM, MIN, MAX, LAST and LAST_AT for each."""
COUNT, SUM, MIN, MAX, LAST, LAST_AT = range(6)
"""The last two are NaN where the family does not ask for a newest value."""
MOST_VALUE_COUNTED: Final = 65_536
"""Gauges of all replicas of a branch whose values are counted: each may have 256, of 16 bytes."""
MOST_NODES: Final = 2**40
"""That one branch may say it has: sums over all branches stay in 64 bits."""
NOT_COUNTED: Final = frozenset({GAUGES, SUMMARIES})
"""The tables of values that are, and are not counted."""


def defined_as(width: int) -> int:
    """What a definition says of the series in a table: COUNTERS, GAUGES, or a histogram's number of buckets."""
    return {FRACTIONS: COUNTERS, SUMMARIES: GAUGES}.get(width, width)


class Merger:
    """Merges sections into tables. It holds no state but the tables."""

    def __init__(self, tables: dict[int, Table]) -> None:
        self._tables = tables

    def table(self, width: int) -> Table:
        """The table of a width: COUNTERS, FRACTIONS, GAUGES, SUMMARIES, or a histogram's number of buckets."""
        table = self._tables.get(width)
        if table is None:
            table = self._tables[width] = Table(np.int64, width)
        return table

    def merge(self, epoch: Epoch, frame: Frame, outcome: Outcome, *, whole: bool, value_counted: int) -> None:
        """Merge every section of a frame.

        Args:
            epoch: whose frame it is.
            frame: what it says.
            outcome: where what is refused is counted.
            whole: it is a keyframe.
            value_counted: gauges whose values its path's other epochs count.
        """
        if frame.counters is not None:
            self._counters(epoch, frame.counters, outcome, whole=whole)
        if frame.fractions is not None:
            self._fractions(epoch, frame.fractions, outcome)
        for group in frame.histograms:
            self._histograms(epoch, group, outcome, whole=whole)
        if frame.gauges is not None:
            self._gauges(epoch, frame.gauges, outcome)
        if frame.summaries is not None:
            self._summaries(epoch, frame.summaries, frame.lasts, outcome)
        if frame.value_counts is not None:
            _keep_value_counts(epoch, frame.value_counts, outcome, MOST_VALUE_COUNTED - value_counted)
        if frame.removed is not None:
            self._remove(epoch, ids_array(frame.removed))

    def _counters(self, epoch: Epoch, section: Numbers, outcome: Outcome, *, whole: bool) -> None:
        values, good = whole_values(section.values)
        slots, chosen = _choose(epoch, COUNTERS, ids_array(section.ids), good, outcome)
        if chosen is not None:
            values = values[chosen]
        outcome.values += len(slots)
        counts = self._tables[COUNTERS].values
        if whole:
            counts[slots] = np.maximum(counts[slots], values)
        elif epoch.huge or may_overflow(section.values):
            counts[slots], stayed = saturating_add(counts[slots], values.astype(np.int64))
            outcome.saturated += stayed
        else:
            counts[slots] += values
        epoch.huge = epoch.huge or may_overflow(section.values)

    def _fractions(self, epoch: Epoch, section: Numbers, outcome: Outcome) -> None:
        values, ids = float_values(section.values), ids_array(section.ids)
        good = np.isfinite(values) & (values >= 0)
        self._become_fractional(epoch, ids)
        slots, chosen = _choose(epoch, FRACTIONS, ids, None if good.all() else good, outcome)
        if chosen is not None:
            values = values[chosen]
        outcome.values += len(slots)
        known = self._tables[FRACTIONS].values
        known[slots] = np.maximum(known[slots], values)

    def _become_fractional(self, epoch: Epoch, ids: Int64s) -> None:
        """Move counters that were whole until now; they never come back."""
        slots, known = epoch.map(COUNTERS).find(ids)
        if known is not None:
            slots, ids = slots[known], ids[known]
        if not len(ids):
            return
        whole, fractions = self._tables[COUNTERS], self._tables[FRACTIONS]
        moved = fractions.allocate(ids, whole.series[slots], epoch.row, 0.0)
        fractions.values[moved] = whole.values[slots]
        fractions.created[moved] = whole.created[slots]
        fractions.live[moved] = whole.live[slots]
        whole.release(slots)
        epoch.map(COUNTERS).discard(ids)
        epoch.map(FRACTIONS).add(ids, moved)

    def _histograms(self, epoch: Epoch, group: Histograms, outcome: Outcome, *, whole: bool) -> None:
        counts, good = whole_values(group.counts)
        counts = counts.reshape(-1, group.width)
        sums = float_values(group.sums)
        fine = np.isfinite(sums)
        if good is not None:
            fine &= good.reshape(-1, group.width).all(axis=1)
        table = self.table(group.width)
        slots, chosen = _choose(epoch, group.width, ids_array(group.ids), None if fine.all() else fine, outcome)
        if chosen is not None:
            counts, sums = counts[chosen], sums[chosen]
        if not len(slots):
            return
        outcome.values += len(slots)
        epoch.huge = epoch.huge or may_overflow(group.counts)
        if whole:
            current = counts.sum(axis=1, dtype=np.int64) >= table.values[slots].sum(axis=1)
            slots = slots[current]
            table.values[slots] = counts[current]
            table.sums[slots] = sums[current]
            return
        if epoch.huge:
            table.values[slots], stayed = saturating_add(table.values[slots], counts.astype(np.int64))
            outcome.saturated += stayed
        else:
            table.values[slots] += counts
        table.sums[slots] = sums

    def _gauges(self, epoch: Epoch, section: Numbers, outcome: Outcome) -> None:
        values = float_values(section.values)
        slots, chosen = _choose(epoch, GAUGES, ids_array(section.ids), None, outcome)
        outcome.values += len(slots)
        self._tables[GAUGES].values[slots] = values if chosen is None else values[chosen]

    def _summaries(self, epoch: Epoch, section: Summaries, lasts: Lasts | None, outcome: Outcome) -> None:
        """Rows of gauges merged elsewhere; what they do not say (a newest value) they no longer have."""
        ids = ids_array(section.ids)
        rows = np.full((len(ids), LAST_AT + 1), np.nan)
        for place, column in enumerate(section[1:]):
            rows[:, place] = float_values(column)
        good = np.isfinite(rows[:, : MAX + 1]).all(axis=1) & (rows[:, MIN] <= rows[:, MAX])
        good &= (rows[:, COUNT] >= 1) & (rows[:, COUNT] <= MOST_NODES)
        if lasts is not None:
            _, mine, of_last = np.intersect1d(ids, ids_array(lasts.ids), assume_unique=True, return_indices=True)
            values, times = float_values(lasts.values)[of_last], float_values(lasts.times)[of_last]
            dated = np.isfinite(values) & np.isfinite(times)
            rows[mine[dated], LAST] = values[dated]
            # No later than the frame: a time to come would hide every other branch's newest value.
            rows[mine[dated], LAST_AT] = np.minimum(times[dated], epoch.heard)
        _forget_value_counts(epoch, ids)
        slots, chosen = _choose(epoch, SUMMARIES, ids, None if good.all() else good, outcome)
        outcome.values += len(slots)
        self._tables[SUMMARIES].values[slots] = rows if chosen is None else rows[chosen]

    def _remove(self, epoch: Epoch, ids: Int64s) -> None:
        """A removed gauge is out; a removed count is kept."""
        _forget_value_counts(epoch, ids)
        for width, places in epoch.maps.items():
            slots = places.known(ids)
            if not len(slots):
                continue
            if width in NOT_COUNTED:
                self._tables[width].release(slots)
                places.discard(ids)
            else:
                self._tables[width].live[slots] = False

    def join(self, joined: Epoch, replica: Epoch, frame: Frame) -> None:
        """Raise what a branch's replicas were joined to, to what a frame has told of one (SPEC.md, section 13).

        Of each counter and each bucket the larger; a sum is that of the one with the larger count.
        """
        for width, ids in _counted(frame):
            slots = replica.map(width).known(ids)
            if not len(slots):
                continue
            table = self._tables[width]
            measure = table.values[slots].sum(axis=1) if table.width else table.values[slots]
            series = table.series[slots].astype(np.int64)
            order = np.lexsort((measure, series))
            largest = order[np.append(series[order][1:] != series[order][:-1], True)]  # of equal series, the last
            slots, series = slots[largest], series[largest]
            if width == FRACTIONS:
                self._become_fractional(joined, series)
            elif width == COUNTERS and FRACTIONS in joined.maps:
                slots, series = self._join_fractional(joined, slots, series)
            found = self._closed_slots(joined, width, series)
            table.live[found] |= table.live[slots]
            if table.width:
                larger = measure[largest] >= table.values[found].sum(axis=1)
                table.sums[found[larger]] = table.sums[slots[larger]]
            table.values[found] = np.maximum(table.values[found], table.values[slots])

    def hold(self, joined: Epoch, replicas: Iterable[Epoch]) -> None:
        """Note which label sets some replica still has: what none has may leave.

        Not what a silent branch had: it may be there still, and its totals are absolute.
        """
        for width, places in joined.maps.items():
            self._tables[width].live[places.items()[1]] = False
        for replica in replicas:
            for width, places in replica.maps.items():
                table, slots = self._tables[width], places.items()[1]
                held = np.unique(table.series[slots[table.live[slots]]].astype(np.int64))
                for there in (COUNTERS, FRACTIONS) if width in (COUNTERS, FRACTIONS) else (width,):
                    self._tables[there].live[joined.map(there).known(held)] = True

    def _join_fractional(self, joined: Epoch, slots: Int64s, series: Int64s) -> tuple[Int64s, Int64s]:
        """Join whole counters that are fractional already; return those that are left."""
        fractions = self._tables[FRACTIONS].values
        found, known = joined.map(FRACTIONS).find(series)
        if known is None:
            known = np.ones(len(series), np.bool_)
        found = found[known]
        fractions[found] = np.maximum(fractions[found], self._tables[COUNTERS].values[slots[known]])
        return slots[~known], series[~known]

    def fold(self, closed: Epoch | None, epoch: Epoch) -> None:
        """Add everything that an epoch counted to the closed total, if there is one to add to; free its slots."""
        for width, places in epoch.maps.items():
            self._close(closed, width, places.items()[1])
        epoch.maps = {}

    def drop_absent(self, closed: Epoch | None, epoch: Epoch, present: list[tuple[int, Int64s]]) -> None:
        """Fold the ids that a whole keyframe no longer has."""
        for width, places in epoch.maps.items():
            ids, slots = places.items()
            stays = [group for of, group in present if of == defined_as(width)]
            absent = ~np.isin(ids, np.concatenate(stays)) if stays else np.ones(len(ids), np.bool_)
            if absent.any():
                self._close(closed, width, slots[absent])
                places.discard(ids[absent])
                if width == SUMMARIES:
                    _forget_value_counts(epoch, ids[absent])

    def subtract_from_closed(self, closed: Epoch, epoch: Epoch, fresh: list[tuple[int, Int64s]]) -> None:
        """Make the first values of an epoch that returns after it was folded its baseline: they were counted."""
        for defined, ids in fresh:
            for width in (COUNTERS, FRACTIONS) if defined == COUNTERS else (defined,):
                if width != GAUGES:
                    self._add_to_closed(closed, width, epoch.map(width).known(ids), sign=-1)

    def _close(self, closed: Epoch | None, width: int, slots: Int64s) -> None:
        if width not in NOT_COUNTED and closed is not None:
            self._add_to_closed(closed, width, slots, sign=1)
        self._tables[width].release(slots)

    def _add_to_closed(self, closed: Epoch, width: int, slots: Int64s, sign: int) -> None:
        """Add the values at some slots, of one epoch, to the closed slots of their series."""
        if not len(slots):
            return
        table = self._tables[width]
        series = table.series[slots].astype(np.int64)
        order = np.argsort(series, kind="stable")
        slots, series = slots[order], series[order]
        wanted, starts = np.unique(series, return_index=True)
        found = self._closed_slots(closed, width, wanted)
        values = _sums(table.values[slots], starts)
        if sign > 0 and values.dtype == np.int64:
            table.values[found], _ = saturating_add(table.values[found], values)
        else:
            table.values[found] += sign * values
        if table.width:
            table.sums[found] += sign * np.add.reduceat(table.sums[slots], starts)
        table.created[found] = np.minimum(table.created[found], np.minimum.reduceat(table.created[slots], starts))

    def _closed_slots(self, closed: Epoch, width: int, series: Int64s) -> Int64s:
        """The closed slots of some series, ascending, made where there are none."""
        places = closed.map(width)
        found, known = places.find(series)
        if known is not None:
            table, new = self._tables[width], series[~known]
            made = table.allocate(new, new, closed.row, np.inf)
            table.live[made] = False
            places.add(new, made)
            found, _ = places.find(series)
        return found


def _choose(epoch: Epoch, width: int, ids: Int64s, good: Bools | None, outcome: Outcome) -> tuple[Int64s, Bools | None]:
    """The slots of the ids that are known and whose value is good, and the mask that chose them (None: all)."""
    slots, known = epoch.map(width).find(ids)
    if known is not None:
        outcome.unknown += int(np.count_nonzero(~known))
        good = known if good is None else known & good
    if good is None:
        return slots, None
    outcome.refused_values += int(np.count_nonzero(~good & (known if known is not None else True)))
    return slots[good], good


def _sums(values: NDArray[Any], starts: Int64s) -> NDArray[Any]:
    """The sums of runs of rows; of whole counts, staying at 2^63 - 1."""
    if values.dtype != np.int64 or int(values.max()) <= MAX_WHOLE // len(values):
        return np.add.reduceat(values, starts, axis=0)
    return np.minimum(np.add.reduceat(values.astype(object), starts, axis=0), MAX_WHOLE).astype(np.int64)


def _counted(frame: Frame) -> Iterator[tuple[int, Int64s]]:
    """The ids whose counts a frame tells, by table."""
    if frame.counters is not None:
        yield COUNTERS, ids_array(frame.counters.ids)
    if frame.fractions is not None:
        yield FRACTIONS, ids_array(frame.fractions.ids)
    for group in frame.histograms:
        yield group.width, ids_array(group.ids)


def _forget_value_counts(epoch: Epoch, ids: Int64s) -> None:
    """They go with their summary: a slot that is free is another gauge's soon."""
    if epoch.value_counts:
        for number in ids.tolist():
            epoch.value_counts.pop(number, None)


def _keep_value_counts(epoch: Epoch, section: ValueCounts, outcome: Outcome, most: int) -> None:
    """How many nodes have which value, for ids that are known; it comes with their summaries."""
    ids, lengths = ids_array(section.ids), whole_values(section.lengths)[0]
    values, counts = float_values(section.values), whole_values(section.counts)[0].astype(np.int64)
    counts = np.minimum(counts, MOST_NODES)
    ends = np.cumsum(lengths.astype(np.int64))
    _, known = epoch.map(SUMMARIES).find(ids)
    for place, (number, end) in enumerate(zip(ids.tolist(), ends.tolist(), strict=True)):
        if len(epoch.value_counts) >= most:
            outcome.refused_values += 1
        elif known is None or known[place]:
            mine = slice(end - int(lengths[place]), end)
            epoch.value_counts[number] = values[mine].copy(), counts[mine].copy()

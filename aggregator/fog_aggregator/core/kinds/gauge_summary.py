"""Hold what branches have merged of their nodes' gauges, and show all gauges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final, NamedTuple, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s, float_values, ids_array, whole_values
from fog_aggregator.core.kinds.gauge import GAUGE, Gauge
from fog_aggregator.core.kinds.id_map import IdMap
from fog_aggregator.core.kinds.kind import Gathered, Kind, KindSet, Merge
from fog_aggregator.core.kinds.merged_gauges import (
    COUNT,
    COUNT_VALUES,
    LAST,
    LAST_AT,
    MAX,
    MIN,
    STATS,
    Gauges,
    Summarised,
    Valued,
    summaries_of,
)
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.kinds.table import Table
from fog_aggregator.core.kinds.view import Cells, ColumnCopy, Slots, ValuesOfSlots, ViewColumns
from fog_aggregator.core.rollups.reductions import ranges
from fog_aggregator.core.series import Bounds, Labels
from fog_schema.columns import Ids
from fog_schema.frames import Frame, Lasts, Summaries, ValueCounts
from utilityfog_frontend.telemetry.exposition.samples import render_number

STAT: Final = "stat"
"""The label that names a gauge's statistic."""
VALUE: Final = "value"
"""The label that says which value is counted."""
MOST_VALUE_COUNTED: Final = 65_536
"""Gauges of all replicas of a branch whose values are counted: each may have 256, of 16 bytes."""
MOST_NODES: Final = 2**40
"""That one branch may say it has: sums over all branches stay in 64 bits."""

Valuation: TypeAlias = tuple[Float64s, Int64s]
"""Different values, and how many nodes have each."""


class SummarySection(NamedTuple):
    """The sections of a frame about merged gauges."""

    summaries: Summaries | None
    lasts: Lasts | None
    value_counts: ValueCounts | None


class SummaryTable(Table):
    """Rows of COUNT … LAST_AT, and how many nodes have which value.

    Attributes:
        value_counts: the values of a gauge, by its slot.
        valued: how many slots of an epoch have any, by its row.
    """

    def __init__(self) -> None:
        super().__init__(np.float64, (LAST_AT + 1,))
        self.value_counts: dict[int, Valuation] = {}
        self.valued: Counter[int] = Counter()

    def count_values(self, slot: int, valuation: Valuation) -> None:
        """Set how many nodes have which value of a gauge."""
        self.valued[int(self.epoch[slot])] += slot not in self.value_counts
        self.value_counts[slot] = valuation

    def forget_values(self, slots: Int64s) -> None:
        """Forget how many nodes have which value."""
        if self.value_counts:
            for slot in slots.tolist():
                if self.value_counts.pop(slot, None) is not None:
                    row = int(self.epoch[slot])
                    self.valued[row] -= 1
                    if not self.valued[row]:
                        del self.valued[row]

    def release(self, slots: Int64s) -> None:
        """Take slots back; their values are gone: a free slot is another gauge's soon."""
        self.forget_values(slots)
        super().release(slots)

    def values_of_slots(self) -> ValuesOfSlots:
        """Return all values of all gauges, as columns."""
        slots = np.array(sorted(self.value_counts), np.int64)
        counts_of = [self.value_counts[slot] for slot in slots.tolist()]
        slot = np.repeat(slots, [len(values) for values, _ in counts_of])
        values = np.concatenate([np.zeros(0), *(values for values, _ in counts_of)])
        nodes = np.concatenate([np.zeros(0, np.int64), *(nodes for _, nodes in counts_of)])
        return ValuesOfSlots(slot, self.epoch[slot].astype(np.int64), values, nodes)

    def image(self) -> dict[str, NDArray[Any]]:
        """Return the columns as a checkpoint keeps them, and the values."""
        counted = self.values_of_slots()
        return {
            **super().image(),
            "value_counts.slot": counted.slot,
            "value_counts.value": counted.value,
            "value_counts.nodes": counted.nodes,
        }

    def restore(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Take over the columns of a checkpoint; the table must be empty.

        Raises:
            ValueError: a column is missing, or is not of the type and shape of this table's, or no node can have sent
                a summary.
        """
        super().restore(columns)
        rows, dated = self.values[self.used()], self.values[self.used(), LAST:]
        possible = np.isfinite(rows[:, : MAX + 1]).all(axis=1) & (rows[:, MIN] <= rows[:, MAX])
        possible &= (rows[:, COUNT] >= 0) & (rows[:, COUNT] <= MOST_NODES)
        possible &= np.isfinite(dated).all(axis=1) | np.isnan(dated).all(axis=1)
        if not possible.all():
            raise ValueError(f"{rows[~possible][0].tolist()} is no summary of a gauge")
        slot, value, nodes = (columns[f"value_counts.{name}"] for name in ("slot", "value", "nodes"))
        shapes = [(column.dtype.str, column.shape) for column in (slot, value, nodes)]
        if shapes != [("<i8", (len(slot),)), ("<f8", (len(slot),)), ("<i8", (len(slot),))]:
            raise ValueError(f"slots, values and counts of nodes are {shapes}")
        if len(slot) and not (slot.min() >= 0 and slot.max() < self.size):
            raise ValueError(f"slot {slot.max()} of {self.size} has counted values")
        starts = np.flatnonzero(np.diff(slot, prepend=-1))
        for begin, end in zip(starts.tolist(), np.append(starts, len(slot))[1:].tolist(), strict=True):
            self.count_values(int(slot[begin]), (value[begin:end].copy(), nodes[begin:end].copy()))


class MergedGauge(Kind, KindSet):
    """Gauges that an aggregator has merged.

    Args:
        name: what checkpoints call it.
        single: the kind of the gauges of nodes.
    """

    counted: ClassVar[bool] = False

    def __init__(self, name: str, single: Gauge) -> None:
        super().__init__(name)
        self._single = single
        self.defined_as = single
        single.at_branch = self

    def new_table(self) -> SummaryTable:
        """Make an empty table of summaries."""
        return SummaryTable()

    def of_family(self, type_: int, bounds: Bounds) -> Kind | None:  # noqa: ARG002
        """Take none: a definition does not tell a gauge that is merged from one that is not."""
        return None

    def named(self, name: str) -> Kind | None:
        """Return the kind by its name."""
        return self if name == self.name else None

    def sections(self, frame: Frame) -> Sequence[tuple[Kind, SummarySection]]:
        """Return the sections ``summaries``, ``lasts`` and ``value_counts`` as one."""
        if frame.summaries is None and frame.value_counts is None:
            return ()
        return ((self, SummarySection(frame.summaries, frame.lasts, frame.value_counts)),)

    def section_ids(self, section: SummarySection) -> Ids:
        """Return the ids of the summaries."""
        summaries = section.summaries or section.value_counts
        if summaries is None:
            raise ValueError("a section without summaries")
        return summaries.ids

    def gather(self, frame: Frame, maps: Mapping[Kind, IdMap], gathered: list[Gathered]) -> bool:
        """Gather nothing: each summary is checked."""
        del maps, gathered
        return frame.summaries is None and frame.value_counts is None

    def apply_delta(self, merge: Merge, section: SummarySection) -> None:
        """Set the summaries (R13.2); what one does not say (a newest value) it no longer has.

        One that is refused stays as it was, with the values that were counted of it.
        """
        refused = np.zeros(0, np.int64)
        if section.summaries is not None:
            refused = self._set_rows(merge, section.summaries, section.lasts)
        if section.value_counts is not None:
            self._count_values(merge, section.value_counts, refused)

    def apply_keyframe(self, merge: Merge, section: SummarySection) -> None:
        """Set the summaries (R13.2)."""
        self.apply_delta(merge, section)

    def copy(self, table: Table, slots: slice | Int64s, *, live: bool) -> ColumnCopy:
        """Copy what a view needs of some slots."""
        return replace(super().copy(table, slots, live=live), values_of_slots=_summaries(table).values_of_slots())

    def reduce(self, cells: Cells) -> NDArray[Any]:
        """Count the nodes of each cell."""
        plan, column = cells
        return np.bincount(plan.cell, column.values[:, COUNT], plan.size).astype(np.int64)

    def expose(self, view: ViewColumns, clamp: Clamp) -> Iterator[tuple[int, Samples]]:  # noqa: ARG002
        """Show all gauges, merged as their family asks; a node's own as it is, NaN and infinities too."""
        plan, column = view.cells[self._single]
        counts = view.counting[column.epoch]
        if view.own:
            once = np.bincount(plan.cell[counts], minlength=plan.size) == 1
            alone = once[plan.cell] & counts
            mine = np.zeros(plan.size)
            mine[plan.cell[alone]] = column.values[alone]
            yield from view.by_family(Samples(plan.series, plan.group, mine), plan, once)
            counts &= ~alone
        gauges = self._merged(view, counts)
        choices = {shape: view.choices[view.shapes[shape][0]] for shape, _ in gauges.shapes}
        statistics = gauges.statistics({stat for choice in choices.values() for stat in choice or STATS})
        for shape, cells in gauges.shapes:
            present = np.flatnonzero(statistics["count"][cells]) + cells.start
            if len(present):
                for samples in _as_asked(gauges, statistics, present, choices[shape]):
                    yield view.shapes[shape][0], samples

    def totals(self, view: ViewColumns) -> dict[int, Any]:
        """Return all gauges as summaries."""
        gauges = self._merged(view, view.counting[view.cells[self._single].column.epoch])
        choices = [view.choices[view.shapes[shape][0]] for shape, _ in gauges.shapes]
        totals: dict[int, GaugeSummary] = dict(summaries_of(gauges, choices))
        return totals

    def describe(self, table: Table, slot: int) -> dict[str, Any]:
        """Return count, sum, min and max."""
        return {"value": dict(zip(("count", "sum", "min", "max"), table.values[slot].tolist(), strict=False))}

    def _set_rows(self, merge: Merge, section: Summaries, lasts: Lasts | None) -> Int64s:
        """Set the rows; return the ids of those that are refused."""
        ids, table = ids_array(section.ids), _summaries(merge.tables[self])
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
            rows[mine[dated], LAST_AT] = np.minimum(times[dated], merge.at)
        table.forget_values(merge.epoch.map(self).known(ids[good]))
        slots, chosen = merge.choose(self, ids, None if good.all() else good)
        table.values[slots] = rows if chosen is None else rows[chosen]
        left_out: Int64s = ids[~good]
        return left_out

    def _count_values(self, merge: Merge, section: ValueCounts, refused: Int64s) -> None:
        """Set how many nodes have which value, of gauges that are known; it comes with their summaries."""
        table, row = _summaries(merge.tables[self]), merge.epoch.row
        most = MOST_VALUE_COUNTED - sum(table.valued[one.row] for one in merge.siblings if one is not merge.epoch)
        ids, lengths = ids_array(section.ids), whole_values(section.lengths)[0]
        values, counts = float_values(section.values), whole_values(section.counts)[0].astype(np.int64)
        counts = np.minimum(counts, MOST_NODES)
        ends = np.cumsum(lengths.astype(np.int64))
        slots, known = merge.epoch.map(self).find(ids)
        known = ~np.isin(ids, refused) & (True if known is None else known)
        for place, (slot, end) in enumerate(zip(slots.tolist(), ends.tolist(), strict=True)):
            if table.valued[row] >= most:
                merge.outcome.refused_values += 1
            elif known[place]:
                mine = slice(end - int(lengths[place]), end)
                table.count_values(slot, (values[mine].copy(), counts[mine].copy()))

    def _merged(self, view: ViewColumns, counts: Bools) -> Gauges:
        """Return the gauges to be merged: those that `counts` of the single ones, and those of branches."""
        plan, column = view.cells[self._single]
        chosen = np.flatnonzero(counts & np.isfinite(column.values))
        single = (plan.cell[chosen], column.values[chosen], view.last_seen[column.epoch[chosen]])
        theirs, merged = view.cells[self]
        if not theirs.size:
            return Gauges(plan.series, plan.group, plan.shapes, *single)
        keys, inverse = np.unique(np.concatenate((view.key(plan), view.key(theirs))), return_inverse=True)
        series, group = np.zeros(len(keys), np.int32), np.zeros(len(keys), np.int32)
        series[inverse] = np.concatenate((plan.series, theirs.series))
        group[inverse] = np.concatenate((plan.group, theirs.group))
        place = inverse.astype(np.int32)
        single = (place[: plan.size][single[0]], *single[1:])
        # A row of no node is one whose values were refused, or that was defined alone: its zeros are no least value.
        cell, rows = place[plan.size :][theirs.cell], merged.values
        counts = view.counting[merged.epoch] & (rows[:, COUNT] > 0)
        valued = _by_cell(view, merged.values_of_slots, theirs.slots, cell)
        shapes = list(ranges(view.shape_of[series]))
        return Gauges(series, group, shapes, *single, Summarised(cell[counts], rows[counts]), valued)


def _as_asked(
    gauges: Gauges, statistics: Mapping[str, NDArray[Any]], present: Int64s, choice: Sequence[str]
) -> Iterator[Samples]:
    """Return the samples of some cells of one family: the statistics of its choice, the headline without a label."""
    for position, stat in enumerate(choice or STATS):
        if stat == COUNT_VALUES:
            yield from _count_values(gauges, present)
            continue
        extra: Labels = () if choice and position == 0 else ((STAT, stat),)
        # A branch that knows the family with other choices does not tell a newest value.
        known = present[statistics["last_at"][present] > -np.inf] if stat == "last" else present
        yield Samples(gauges.series[known], gauges.group[known], statistics[stat][known], extra=extra)


def _count_values(gauges: Gauges, cells: Int64s) -> list[Samples]:
    """Return how many nodes have which value, for some cells: one set of samples for each value."""
    place, value, nodes = gauges.by_value(cells)
    if not len(place):  # no branch has told
        return [Samples(gauges.series[:0], gauges.group[:0], nodes)]
    starts = np.flatnonzero(np.diff(value, prepend=np.nan))
    places, counts = np.split(place, starts[1:]), np.split(nodes, starts[1:])
    return [
        Samples(gauges.series[of], gauges.group[of], count, extra=((STAT, COUNT_VALUES), (VALUE, number)))
        for number, of, count in zip(map(render_number, value[starts].tolist()), places, counts, strict=True)
    ]


def _by_cell(view: ViewColumns, counted: ValuesOfSlots | None, slots: Slots, cell: Int32s) -> Valued:
    """Turn what is known by slot to what is known by cell; `slots` are a plan's, `cell` where each of them goes."""
    if counted is None or not len(counted.slot):
        return Valued(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))
    of_slot = np.full(int(counted.slot.max()) + 1, -1, np.int32)
    known = np.arange(slots.start, slots.stop) if isinstance(slots, slice) else slots
    inside = known < len(of_slot)
    of_slot[known[inside]] = cell[inside]
    place = of_slot[counted.slot]
    mine = (place >= 0) & view.counting[counted.epoch]
    return Valued(place[mine].astype(np.int64), counted.value[mine], counted.nodes[mine])


def _summaries(table: Table) -> SummaryTable:
    """Say that a table of this kind is one of summaries."""
    return cast("SummaryTable", table)


GAUGE_SUMMARY = MergedGauge("gauge_summary", GAUGE)

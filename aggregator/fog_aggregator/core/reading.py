"""The tables of a state reduced to the cells of a view, one way for each kind of value, and split by family."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.core.catalog import COUNTERS, GAUGES, Labels
from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.histograms import Bounds, show_at
from fog_aggregator.core.merge import FRACTIONS
from fog_aggregator.core.rollup import (
    Plan,
    Planner,
    any_of,
    number_cells,
    sum_buckets,
    sum_fractions,
    sum_whole,
    summarise,
)
from fog_aggregator.core.samples import STAT, VALUE, Samples
from fog_aggregator.core.state import State
from fog_aggregator.core.tables import Table
from fog_aggregator.core.tree import View
from utilityfog_frontend.telemetry.exposition.samples import render_number

STATS: Final = ("min", "max", "avg", "count")
"""What a gauge without a choice of its own shows."""
COUNT_VALUES: Final = "count_values"

Found: TypeAlias = dict[int, list[Samples]]
"""Samples by their family's number."""


class Reading:
    """One look at a state through a view. What it finds are copies.

    Args:
        wanted: which series, by their numbers; all when None.
    """

    def __init__(self, state: State, planner: Planner, view: View, wanted: Bools | None = None) -> None:
        self._state = state
        self._planner = planner
        self._view = view
        self._wanted = wanted
        self._groups = max(1, len(planner.grouping(view).paths))
        self._kinds = list(state.catalog.kinds)
        self._kind_of: Int32s = np.array(state.catalog.kind_of, np.int32)
        self._family_of_kind: Int32s = np.array([family for family, _ in self._kinds], np.int32)

    def counters(self, found: Found, hold: Callable[[Samples], list[float]]) -> None:
        """Whole counters, and those of which some writer has counted fractions, whose values go through `hold`."""
        table, plan = self._of(COUNTERS)
        counts, shown = sum_whole(plan.cell, plan.size, table.values[plan.slots]), self._shown(plan, table)
        self._fractions(found, hold, plan, counts, shown)
        self._add(found, Samples(plan.series, plan.group, counts, plan.born).take(shown))

    def _fractions(
        self, found: Found, hold: Callable[[Samples], list[float]], whole: Plan, counts: Int64s, whole_shown: Bools
    ) -> None:
        """Add fractional counters; where a cell has whole ones too they are part of it, and no longer shown alone."""
        table, plan = self._of(FRACTIONS)
        if not plan.size:
            return
        sums, born = sum_fractions(plan.cell, plan.size, table.values[plan.slots]), plan.born.copy()
        shown = self._shown(plan, table)
        at, both = _find(self._key(plan), self._key(whole))
        sums[both] += counts[at]
        born[both] = np.minimum(born[both], whole.born[at])
        shown[both] |= whole_shown[at]
        whole_shown[at] = False
        samples = Samples(plan.series, plan.group, sums, born).take(shown)
        held = np.array(hold(samples), np.float64)
        self._add(found, Samples(samples.series, samples.group, held, samples.born))

    def gauges(self, found: Found, live: Bools) -> None:
        """Gauges of live nodes, merged as their family asks; a node's own as it is, NaN and infinities too.

        Args:
            found: where to add them.
            live: which nodes are, by row.
        """
        state, (table, plan) = self._state, self._of(GAUGES)
        node, epoch = state.rows.epoch_node, table.epoch[plan.slots]
        counts = (state.rows.shows_gauges & (node >= 0) & live[node])[epoch]
        values, cell = table.values[plan.slots], plan.cell
        if self._view.own:
            counts &= self._alone(found, plan, values, counts)
        chosen = np.flatnonzero(counts & np.isfinite(values))
        cell, values, epoch = cell[chosen], values[chosen], epoch[chosen]
        summary = summarise(cell, plan.size, values, state.rows.heard[node[epoch]])
        present = np.flatnonzero(summary.count)
        for family, places in self._by_family(plan.series[present]):
            cells = present[places]
            choice = state.catalog.families[family].rollup
            for position, stat in enumerate(choice or STATS):
                extra: Labels = () if choice and position == 0 and stat != COUNT_VALUES else ((STAT, stat),)
                if stat == COUNT_VALUES:
                    found[family] += _count_values(plan, cells, cell, values, extra)
                else:
                    statistic = summary.statistic(stat, cells)
                    found[family].append(Samples(plan.series[cells], plan.group[cells], statistic, extra=extra))

    def _alone(self, found: Found, plan: Plan, values: Float64s, counts: Bools) -> Bools:
        """Add the gauges that one writer alone has; return which are left to be merged."""
        once: Bools = np.bincount(plan.cell[counts], minlength=plan.size) == 1
        alone = once[plan.cell] & counts
        cell = plan.cell[alone]
        self._add(found, Samples(plan.series[cell], plan.group[cell], values[alone]))
        return np.logical_not(alone)

    def histograms(self, found: Found, shown_bounds: Callable[[Iterable[int]], dict[int, Bounds]]) -> dict[int, Bounds]:
        """Histograms, at one set of bounds for each family; return these.

        Args:
            found: where to add them.
            shown_bounds: chooses the bounds of each family, given the kinds that there are.
        """
        kinds: dict[int, Samples] = {}
        for width in [width for width in self._state.tables if width > 0]:
            table, plan = self._of(width)
            samples = Samples(
                plan.series,
                plan.group,
                sum_buckets(plan.cell, plan.size, table.values[plan.slots]),
                plan.born,
                sum_fractions(plan.cell, plan.size, table.sums[plan.slots]),
            ).take(self._shown(plan, table))
            kinds |= {kind: samples.take(places) for kind, places in _runs(self._kind_of[samples.series])}
        bounds = shown_bounds(kinds)
        parts: dict[int, list[Samples]] = defaultdict(list)
        for kind, samples in kinds.items():
            family, own = self._kinds[kind]
            counts = show_at(bounds[family], own, samples.values)
            parts[family].append(Samples(samples.series, samples.group, counts, samples.born, samples.sums))
        for family, several in parts.items():
            found[family] += several if len(several) == 1 else [self._merge(several)]
        return bounds

    def _merge(self, parts: list[Samples]) -> Samples:
        """Histograms of one family that had other bounds, and so other series: those of equal labels become one."""
        series = np.concatenate([part.series for part in parts])
        first: dict[Labels, int] = {}
        numbers, inverse = np.unique(series, return_inverse=True)
        entries = [self._state.catalog.series[number] for number in numbers.tolist()]
        same = np.array(
            [first.setdefault(entry.labels, number) for entry, number in zip(entries, numbers.tolist(), strict=True)]
        )
        key = same[inverse] * self._groups + np.concatenate([part.group for part in parts])
        cells, cell = number_cells(key)
        born = np.full(len(cells), np.inf)
        np.minimum.at(born, cell, np.concatenate([part.born for part in parts if part.born is not None]))
        counts = sum_buckets(cell, len(cells), np.concatenate([part.values for part in parts]))
        sums = sum_fractions(cell, len(cells), np.concatenate([part.sums for part in parts if part.sums is not None]))
        number, group = np.divmod(cells, self._groups)
        return Samples(number.astype(np.int32), group.astype(np.int32), counts, born, sums)

    def _of(self, width: int) -> tuple[Table, Plan]:
        return self._state.tables[width], self._planner.plan(self._view, width, self._wanted)

    def _shown(self, plan: Plan, table: Table) -> Bools:
        """Whether a cell is exposed: a node shows what its writers have, the fleet what anybody had lately."""
        if self._view.own:
            return any_of(plan.cell, plan.size, table.live[plan.slots])
        return ~self._state.retired_series(plan.series.astype(np.int64))

    def _key(self, plan: Plan) -> Int64s:
        return plan.series.astype(np.int64) * self._groups + plan.group

    def _add(self, found: Found, samples: Samples) -> None:
        for family, places in self._by_family(samples.series):
            found[family].append(samples.take(places))

    def _by_family(self, series: Int32s) -> Iterator[tuple[int, Int64s]]:
        return _runs(self._family_of_kind[self._kind_of[series]])


def _runs(numbers: Int32s) -> Iterator[tuple[int, Int64s]]:
    """Each distinct number with its places, ascending."""
    if len(numbers):
        order = np.argsort(numbers, kind="stable")
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        for places in np.split(order, starts[1:]):
            yield int(numbers[places[0]]), places


def _find(wanted: Int64s, known: Int64s) -> tuple[Int64s, Bools]:
    """Which of some ascending keys are known, as a mask, and where these are among the known ones."""
    if not len(known):
        return np.zeros(0, np.int64), np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    both = known[at] == wanted
    return at[both], both


def _count_values(plan: Plan, cells: Int64s, cell: Int32s, values: Float64s, extra: Labels) -> list[Samples]:
    """How many nodes have which value, for some cells: one set of samples for each value."""
    wanted = np.zeros(plan.size, np.bool_)
    wanted[cells] = True
    mine = wanted[cell]
    distinct, value = np.unique(values[mine], return_inverse=True)
    pairs, counts = np.unique(value * plan.size + cell[mine], return_counts=True)
    value, place = np.divmod(pairs, plan.size)
    starts = np.searchsorted(value, np.arange(1, len(distinct)))
    return [
        Samples(plan.series[of], plan.group[of], count, extra=(*extra, (VALUE, render_number(number))))
        for number, of, count in zip(distinct.tolist(), np.split(place, starts), np.split(counts, starts), strict=True)
    ]

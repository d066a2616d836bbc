"""One look at a state through a view: copies of what it needs, so that the state is held only for the copying.

The tables are then reduced to the cells of the view, one way for each kind of value, and split by family.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.catalog import COUNTERS, GAUGES, Family, Labels, SeriesEntry
from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.lifecycle import Coverage, live_rows
from fog_aggregator.core.merge import COUNT, FRACTIONS, NOT_COUNTED, SUMMARIES
from fog_aggregator.core.state import State
from fog_aggregator.query.gauges import COUNT_VALUES, STATS, Gauges, Summarised, Valued, valued_of_branches
from fog_aggregator.query.histograms import Bounds, show_at
from fog_aggregator.query.plan import Draft, Plan, Slots, Version
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.rollup import (
    any_of,
    number_cells,
    places_by_kind,
    ranges,
    sum_buckets,
    sum_fractions,
    sum_whole,
)
from fog_aggregator.query.samples import STAT, VALUE, Samples
from fog_aggregator.query.selection import ViewKey
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.totals import Totals, gauge_summaries
from utilityfog_frontend.telemetry.exposition.samples import render_number
from utilityfog_frontend.telemetry.model import HistogramValue

T = TypeVar("T")
Found: TypeAlias = dict[int, list[Samples]]
"""Samples by their family's number."""
Hold: TypeAlias = Callable[[Samples], list[float]]
"""Gives the values to export of some samples."""


@dataclass(frozen=True, slots=True)
class Column:
    """A table's slots in a view, as copies: those of a plan that is known, or all with the draft of a plan.

    Attributes:
        live: whether a writer still has them; None where that does not matter.
        epoch: their epoch's row; gauges only.
    """

    plan: Plan | Draft
    values: NDArray[Any]
    sums: Float64s
    live: Bools | None
    epoch: Int32s

    def planned(self) -> Planned:
        """The slots of the plan, which is made now if it was not known."""
        if isinstance(self.plan, Plan):
            return Planned(self.plan, self.values, self.sums, self.live, self.epoch)
        plan = self.plan.make()
        slots = plan.slots
        return Planned(
            plan,
            self.values[slots],
            self.sums[slots] if len(self.sums) else self.sums,
            None if self.live is None else self.live[slots],
            self.epoch[slots] if len(self.epoch) else self.epoch,
        )


class Planned(NamedTuple):
    """A column whose every entry is at ``plan.slots``."""

    plan: Plan
    values: NDArray[Any]
    sums: Float64s
    live: Bools | None
    epoch: Int32s


class ViewSnapshot:
    """Copies of what a view needs of a state. Hold the state while it is made; nothing else of it needs the state.

    Args:
        state: what to copy from.
        planner: of the same state.
        view: what is asked for.
        now: server's time.

    Attributes:
        paths: the groups of the view.
        bounds: at which each family of histograms is shown, once it was `found`.
        fresh: the plans that were made by then, to be remembered.
    """

    def __init__(self, state: State, planner: Planner, view: ViewKey, now: float) -> None:
        live, node = live_rows(state, now), state.rows.epoch_node
        self.view = view
        self.paths = planner.groups(view).paths
        self.bounds: dict[int, Bounds] = {}
        self.fresh: list[tuple[int, Draft, Plan]] = []
        version, self._axis = planner.axis(view)
        self._survey = planner.variants.survey(live)
        self._kinds = self._survey.kinds
        self._groups = max(1, len(self.paths))
        self._choices = [family.rollup for family in state.catalog.families]
        self._kept = ~state.retired_series(np.arange(len(state.catalog.series)))
        self._counts: Bools = state.rows.shows_gauges & (node >= 0) & live[node]
        self._heard: Float64s = state.rows.heard[node]
        self._valued = valued_of_branches(state, self._counts)
        self._copies = {width: _copy(state, planner, view, width, (version, self._axis)) for width in state.tables}
        self._columns: dict[int, Planned] = {}

    @property
    def series(self) -> list[SeriesEntry]:
        """All series of the view, or classes of them, by number."""
        return self._axis.entries

    @property
    def _kind_of(self) -> Int32s:
        """What each of `series` is of."""
        return self._axis.kind_of

    @property
    def is_empty(self) -> bool:
        """Whether nobody in the view has any of its series, be they counted now or not."""
        self._plan()
        return not any(column.plan.size for column in self._columns.values())

    def found(self, hold: Hold) -> Found:
        """All samples by family; values of fractional counters go through `hold`."""
        self._plan()
        histograms = [column.plan for width, column in self._columns.items() if width > 0]
        self.bounds = self._survey.shown_bounds({kind for plan in histograms for kind, _ in plan.kinds})
        found: Found = defaultdict(list)
        self._counters(found, hold)
        self._gauges(found)
        self._histograms(found)
        hidden = self._survey.hidden(found)
        return {family: samples for family, samples in found.items() if family not in hidden}

    def totals(self, families: Sequence[Family], coverage: Coverage) -> Totals:
        """Everything as absolute totals; for a view of one group, of all series."""
        self._plan()
        plan, values = self._columns[COUNTERS][:2]
        counters: dict[int, int | float] = self._kept_only(plan, sum_whole(plan.cell, plan.size, values).tolist())
        plan, values = self._columns[FRACTIONS][:2]
        for number, total in self._kept_only(plan, sum_fractions(plan.cell, plan.size, values).tolist()).items():
            counters[number] = total + counters.get(number, 0)
        histograms: dict[int, HistogramValue] = {}
        for width, (plan, values, sums, *_) in self._columns.items():
            if width > 0:
                counts = sum_buckets(plan.cell, plan.size, values).tolist()
                added = zip(counts, sum_fractions(plan.cell, plan.size, sums).tolist(), strict=True)
                histograms |= self._kept_only(plan, [HistogramValue(tuple(row), total) for row, total in added])
        gauges = self._merged(self._counts[self._columns[GAUGES].epoch])
        choices = [self._choices[self._kinds[kind][0]] for kind, _ in gauges.kinds]
        summaries = dict(gauge_summaries(gauges, choices))
        return Totals(counters, histograms, summaries, self.series, families, coverage)

    def _kept_only(self, plan: Plan, values: list[T]) -> dict[int, T]:
        """The values, one for each cell, by series, but for those that have left."""
        kept, numbers = self._kept[plan.series].tolist(), plan.series.tolist()
        return {number: value for number, value, stays in zip(numbers, values, kept, strict=True) if stays}

    def _plan(self) -> None:
        self._columns = {width: column.planned() for width, column in self._copies.items()}
        drafts = [(width, column.plan) for width, column in self._copies.items() if isinstance(column.plan, Draft)]
        self.fresh = [(width, draft, self._columns[width].plan) for width, draft in drafts]

    def _counters(self, found: Found, hold: Hold) -> None:
        """Whole counters, and those of which some writer has counted fractions."""
        column = self._columns[COUNTERS]
        plan = column.plan
        counts, shown = sum_whole(plan.cell, plan.size, column.values), self._shown(column)
        if self._columns[FRACTIONS].plan.size:
            self._fractions(found, hold, plan, counts, shown)
        self._add(found, Samples(plan.series, plan.group, counts, plan.born), plan, shown)

    def _fractions(self, found: Found, hold: Hold, whole: Plan, counts: Int64s, whole_shown: Bools) -> None:
        """Add fractional counters; where a cell has whole ones too they are part of it, and no longer shown alone."""
        column = self._columns[FRACTIONS]
        plan = column.plan
        sums, born = sum_fractions(plan.cell, plan.size, column.values), plan.born.copy()
        shown = self._shown(column)
        at, both = _find(self._key(plan), self._key(whole))
        sums[both] += counts[at]
        born[both] = np.minimum(born[both], whole.born[at])
        shown[both] |= whole_shown[at]
        whole_shown[at] = False
        samples = Samples(plan.series, plan.group, sums, born)
        sums[shown] = hold(samples.take(shown))
        self._add(found, samples, plan, shown)

    def _gauges(self, found: Found) -> None:
        """Gauges of live nodes, merged as their family asks; a node's own as it is, NaN and infinities too."""
        plan, values, _, _, epoch = self._columns[GAUGES]
        counts = self._counts[epoch]
        if self.view.selection.own:
            counts = self._alone(found, plan, values, counts)
        gauges = self._merged(counts)
        choices = {kind: self._choices[self._kinds[kind][0]] for kind, _ in gauges.kinds}
        statistics = gauges.statistics({stat for choice in choices.values() for stat in choice or STATS})
        for kind, cells in gauges.kinds:
            present = np.flatnonzero(statistics["count"][cells]) + cells.start
            if not len(present):
                continue
            parts = found[self._kinds[kind][0]]
            for position, stat in enumerate(choices[kind] or STATS):
                if stat == COUNT_VALUES:
                    parts += _count_values(gauges, present)
                    continue
                extra: Labels = () if choices[kind] and position == 0 else ((STAT, stat),)
                # A branch that knows the family with other choices does not tell a newest value.
                told = present[statistics["last_at"][present] > -np.inf] if stat == "last" else present
                parts.append(Samples(gauges.series[told], gauges.group[told], statistics[stat][told], extra=extra))

    def _merged(self, counts: Bools) -> Gauges:
        """The gauges to be merged: those that `counts` of the single ones, and those of branches."""
        plan, values, _, _, epoch = self._columns[GAUGES]
        chosen = np.flatnonzero(counts & np.isfinite(values))
        single = (plan.cell[chosen], values[chosen], self._heard[epoch[chosen]])
        theirs, rows, _, _, epoch = self._columns[SUMMARIES]
        if not theirs.size:
            return Gauges(plan.series, plan.group, plan.kinds, *single)
        keys, inverse = np.unique(np.concatenate((self._key(plan), self._key(theirs))), return_inverse=True)
        series, group = np.zeros(len(keys), np.int32), np.zeros(len(keys), np.int32)
        series[inverse] = np.concatenate((plan.series, theirs.series))
        group[inverse] = np.concatenate((plan.group, theirs.group))
        place = inverse.astype(np.int32)
        single = (place[: plan.size][single[0]], *single[1:])
        # A row of no node is one whose values were refused, or that was defined alone: its zeros are no least value.
        cell, counts = place[plan.size :][theirs.cell], self._counts[epoch] & (rows[:, COUNT] > 0)
        merged = Summarised(cell[counts], rows[counts])
        valued = _valued(self._valued, theirs.slots, cell)
        return Gauges(series, group, list(ranges(self._kind_of[series])), *single, merged, valued)

    def _alone(self, found: Found, plan: Plan, values: Float64s, counts: Bools) -> Bools:
        """Add the gauges that one writer alone has; return which are left to be merged."""
        once: Bools = np.bincount(plan.cell[counts], minlength=plan.size) == 1
        mine = np.zeros(plan.size)
        alone = once[plan.cell] & counts
        mine[plan.cell[alone]] = values[alone]
        self._add(found, Samples(plan.series, plan.group, mine), plan, once)
        return counts & ~alone

    def _histograms(self, found: Found) -> None:
        """Histograms, at one set of bounds for each family."""
        parts: Found = defaultdict(list)
        for width, column in self._columns.items():
            if width <= 0:
                continue
            plan = column.plan
            counts = sum_buckets(plan.cell, plan.size, column.values)
            sums = sum_fractions(plan.cell, plan.size, column.sums)
            samples, shown = Samples(plan.series, plan.group, counts, plan.born, sums), self._shown(column)
            for kind, part in self._split(samples, plan, shown):
                family, own = self._kinds[kind]
                parts[family].append(part.with_values(show_at(self.bounds[family], own, part.values)))
        for family, several in parts.items():
            found[family] += several if len(several) == 1 else [self._merge(several)]

    def _merge(self, parts: list[Samples]) -> Samples:
        """Histograms of one family that had other bounds, and so other series: those of equal labels become one."""
        numbers, inverse = np.unique(np.concatenate([part.series for part in parts]), return_inverse=True)
        first: dict[Labels, int] = {}
        same = np.array([first.setdefault(self.series[number].labels, number) for number in numbers.tolist()])
        cells, cell = number_cells(same[inverse] * self._groups + np.concatenate([part.group for part in parts]))
        size = len(cells)
        series, group = np.divmod(cells, self._groups)
        born = np.full(size, np.inf)
        np.minimum.at(born, cell, np.concatenate([part.born for part in parts if part.born is not None]))
        counts = sum_buckets(cell, size, np.concatenate([part.values for part in parts]))
        sums = sum_fractions(cell, size, np.concatenate([part.sums for part in parts if part.sums is not None]))
        return Samples(series.astype(np.int32), group.astype(np.int32), counts, born, sums)

    def _shown(self, column: Planned) -> Bools:
        """Whether a cell is exposed: a node shows what its writers have, the fleet what anybody had lately."""
        plan = column.plan
        return self._kept[plan.series] if column.live is None else any_of(plan.cell, plan.size, column.live)

    @cached_property
    def _place(self) -> Int64s:
        return places_by_kind(self._kind_of)

    def _key(self, plan: Plan) -> Int64s:
        """The cells' keys, ascending."""
        return self._place[plan.series] * self._groups + plan.group

    def _add(self, found: Found, samples: Samples, plan: Plan, shown: Bools) -> None:
        for kind, part in self._split(samples, plan, shown):
            found[self._kinds[kind][0]].append(part)

    def _split(self, samples: Samples, plan: Plan, shown: Bools) -> Iterator[tuple[int, Samples]]:
        """Those of the samples, one for each cell of a plan, that are shown, by kind."""
        kinds: list[tuple[int, slice]] = plan.kinds
        if not shown.all():
            samples = samples.take(shown)
            kinds = list(ranges(self._kind_of[samples.series]))
        for kind, places in kinds:
            yield kind, samples.take(places)


def _copy(state: State, planner: Planner, view: ViewKey, width: int, axis: tuple[Version, SeriesAxis]) -> Column:
    table = state.tables[width]
    plan = planner.known(view, width, axis[0])
    slots = slice(0, table.size) if plan is None else plan.slots
    none = slice(0, 0)
    return Column(
        planner.draft(view, width, axis) if plan is None else plan,
        np.array(table.values[slots]),
        np.array(table.sums[slots if width > 0 else none]),
        np.array(table.live[slots]) if view.selection.own else None,
        np.array(table.epoch[slots if width in NOT_COUNTED else none]),
    )


def _find(wanted: Int64s, known: Int64s) -> tuple[Int64s, Bools]:
    """Which of some ascending keys are known, as a mask, and where these are among the known ones."""
    if not len(known):
        return np.zeros(0, np.int64), np.zeros(len(wanted), np.bool_)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    both = known[at] == wanted
    return at[both], both


def _valued(valued: Valued, slots: Slots, cell: Int32s) -> Valued:
    """What is known by slot, by cell; `slots` are those of a plan, `cell` where each of them goes."""
    if not len(valued.place):
        return valued
    of_slot = np.full(int(valued.place.max()) + 1, -1, np.int32)
    known = np.arange(slots.start, slots.stop) if isinstance(slots, slice) else slots
    inside = known < len(of_slot)
    of_slot[known[inside]] = cell[inside]
    place = of_slot[valued.place]
    return Valued(place[place >= 0].astype(np.int64), valued.value[place >= 0], valued.nodes[place >= 0])


def _count_values(gauges: Gauges, cells: Int64s) -> list[Samples]:
    """How many nodes have which value, for some cells: one set of samples for each value."""
    place, value, nodes = gauges.by_value(cells)
    if not len(place):  # no branch has told
        return []
    starts = np.flatnonzero(np.diff(value, prepend=np.nan))
    places, counts = np.split(place, starts[1:]), np.split(nodes, starts[1:])
    return [
        Samples(gauges.series[of], gauges.group[of], count, extra=((STAT, COUNT_VALUES), (VALUE, number)))
        for number, of, count in zip(map(render_number, value[starts].tolist()), places, counts, strict=True)
    ]

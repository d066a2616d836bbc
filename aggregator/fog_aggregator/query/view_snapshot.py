"""Copy what a view needs of a fleet, so that the fleet is held only for the copying.

The kinds of value then reduce their columns to the cells of the view; the samples are split by family.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.core.families.known import Family
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import KINDS, Kind
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.kinds.view import Cells, ColumnCopy, ViewColumns
from fog_aggregator.core.places.coverage import Coverage
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import Bounds, SeriesEntry
from fog_aggregator.query.plan import Draft, Version
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.selection import ViewKey
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.totals import Totals

Found: TypeAlias = dict[int, list[Samples]]
"""Samples by their family's number."""


MOST_BUCKETS: Final = 1_000_000
"""So many buckets a family may always have in a view; with more, at most twice as many as its nodes have."""


@dataclass(frozen=True, slots=True)
class Column:
    """The slots of one kind in a view, as copies: those of a plan that is known, or all with the draft of a plan."""

    plan: RunPlan | Draft
    copy: ColumnCopy

    def planned(self) -> tuple[RunPlan, ColumnCopy]:
        """Return the plan, which is made now if it was not known, and its slots."""
        if isinstance(self.plan, RunPlan):
            return self.plan, self.copy
        plan = self.plan.make()
        return plan, self.copy.at(plan.slots)


class ViewSnapshot:
    """Copies of what a view needs of a fleet. Hold the fleet while it is made; nothing else of it needs the fleet.

    Args:
        fleet: what to copy from.
        planner: of the same fleet.
        view: what is asked for.
        now: server's time.

    Attributes:
        paths: the groups of the view.
        bounds: at which each family of histograms is shown, once it was `found`.
        fresh: the plans that were made by then, to be remembered.
    """

    def __init__(self, fleet: Fleet, planner: Planner, view: ViewKey, now: float) -> None:
        self.view = view
        self.paths = planner.groups(view).paths
        self.bounds: dict[int, Bounds] = {}
        self.fresh: list[tuple[Kind, Draft, RunPlan]] = []
        version, self._axis = planner.axis(view)
        fleet.describe_families(now)
        fleet.choose_families(now, final=False)
        self._survey = planner.variants.survey(now)
        self._choices = [family.rollup for family in fleet.catalog.families]
        self._present = ~fleet.left_series()
        axis = (version, self._axis)
        self._copies = {kind: _copy(fleet, planner, view, kind, axis) for kind in fleet.kinds}
        gauges = [column.copy.epoch for column in self._copies.values() if len(column.copy.epoch)]
        self._counting, self._last_seen = fleet.gauges_of_epochs(now, gauges)
        self._cells: dict[Kind, Cells] = {}

    @property
    def series(self) -> list[SeriesEntry]:
        """Return all series of the view, or classes of them, by number."""
        return self._axis.entries

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody in the view has any of its series, be they counted now or not."""
        self._plan()
        return not any(cells.plan.size for cells in self._cells.values())

    def found(self, clamp: Clamp) -> Found:
        """Reduce all columns to samples by family; values of fractional counters go through `clamp`."""
        self._plan()
        self.bounds = self._survey.shown_bounds({shape for plan, _ in self._cells.values() for shape, _ in plan.shapes})
        self._narrow()
        found: Found = defaultdict(list)
        view = self._columns()
        for kinds in KINDS:
            for family, samples in kinds.expose(view, clamp):
                found[family].append(samples)
        hidden = self._survey.hidden(found)
        return {family: samples for family, samples in found.items() if family not in hidden}

    def totals(self, families: Sequence[Family], coverage: Coverage) -> Totals:
        """Reduce all columns to absolute totals; for a view of one group, of all series."""
        self._plan()
        view = self._columns()
        values = {series: total for kinds in KINDS for series, total in kinds.totals(view).items()}
        return Totals(values, self.series, families, coverage)

    def _plan(self) -> None:
        self.fresh = []
        for kind, column in self._copies.items():
            plan, copy = column.planned()
            self._cells[kind] = Cells(plan, copy)
            if isinstance(column.plan, Draft):
                self.fresh.append((kind, column.plan, plan))

    def _narrow(self) -> None:
        """Show histograms with +Inf alone where the bounds of one, for all of the family, take too much."""
        shown: Counter[int] = Counter()
        own: Counter[int] = Counter()
        for plan, _ in self._cells.values():
            for shape, cells in plan.shapes:
                family, bounds = self._survey.shapes[shape]
                shown[family] += (cells.stop - cells.start) * (len(self.bounds[family]) + 1)
                own[family] += (cells.stop - cells.start) * (len(bounds) + 1)
        for family, values in shown.items():
            if values > max(MOST_BUCKETS, 2 * own[family]):
                self.bounds[family] = ()

    def _columns(self) -> ViewColumns:
        return ViewColumns(
            self._cells,
            self.series,
            self._axis.shape_of,
            self._survey.shapes,
            self._choices,
            self.bounds,
            max(1, len(self.paths)),
            _is_single(self.view),
            np.ones(len(self.series), np.bool_) if self._axis.is_merged else self._present,
            self._counting,
            self._last_seen,
        )


def _copy(fleet: Fleet, planner: Planner, view: ViewKey, kind: Kind, axis: tuple[Version, SeriesAxis]) -> Column:
    plan = planner.known(view, kind, axis[0])
    if plan is not None:
        return Column(plan, _copy_planned(fleet, kind, plan, planner, live=_is_single(view)))
    draft = planner.draft(view, kind, axis)
    if draft.is_quick:
        plan = draft.make()
        planner.offer(view, kind, draft, plan)
        return Column(plan, _copy_planned(fleet, kind, plan, planner, live=_is_single(view)))
    return Column(draft, fleet.copy_slots(kind, None, live=_is_single(view)))


def _copy_planned(fleet: Fleet, kind: Kind, plan: RunPlan, planner: Planner, *, live: bool) -> ColumnCopy:
    return kind.copy_planned(fleet.parts.slots.tables[kind], plan, planner.kernels, live=live)


def _is_single(view: ViewKey) -> bool:
    """Tell whether a view is of one node, each series for itself: then it shows what the node's writers have."""
    return view.selection.own and view.grouping.by is None

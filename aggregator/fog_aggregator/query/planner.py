"""The tree, the groups and the plans of one state, remembered while they hold."""

from __future__ import annotations

from collections import OrderedDict, deque
from functools import cached_property
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.query.family_variants import FamilyVariants
from fog_aggregator.query.listing.disagreements import Disagreements
from fog_aggregator.query.nodes import info_of
from fog_aggregator.query.plan import Draft, TakenOut, Version
from fog_aggregator.query.selection import EVERYTHING, Grouping, Selection, ViewKey
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SlotIndex, epochs_of, slots_of
from fog_aggregator.query.tree import Groups, Tree

MOST_PLANS: Final = 2_000
"""Anybody may ask for names and labels that nobody has: such plans are small, and would be many."""
FEW: Final = 256
"""So many places have their slots looked up one by one; of more, all slots of the fleet are looked at, at once."""
_GROUPS: Final = 64
_NOBODY: Final[Int32s] = np.zeros(0, np.int32)
_AXES: Final = 16


class Planner:
    """Plan views of one state, and remember what was planned while it holds.

    Args:
        fleet: the state.
        kernels: add up what is planned; None for numpy.
    """

    def __init__(self, fleet: Fleet, kernels: Kernels | None = None) -> None:
        self.kernels = kernels
        self._fleet = fleet
        self._most = fleet.limits.memory.plans
        self._variants = FamilyVariants(fleet)
        self._tree: tuple[int, Tree] | None = None
        self._groups: OrderedDict[ViewKey, tuple[Version, Groups]] = OrderedDict()
        self._axes: OrderedDict[ViewKey, tuple[Version, SeriesAxis]] = OrderedDict()
        self._plans: OrderedDict[tuple[ViewKey, Kind], tuple[Version, RunPlan]] = OrderedDict()
        self._remembered = 0
        self._offered: deque[tuple[ViewKey, Kind, Draft, RunPlan]] = deque()
        self._indexes: dict[Kind, tuple[int, SlotIndex]] = {}
        self._series: tuple[int, list[SeriesEntry], Int32s] | None = None

    @property
    def variants(self) -> FamilyVariants:
        """The variants of families, and their holders."""
        return self._variants

    @cached_property
    def disagreements(self) -> Disagreements:
        """The metrics that nodes disagree about."""
        return Disagreements(self._fleet, self._variants)

    @property
    def tree(self) -> Tree:
        """Return all nodes in path order."""
        fleet, version = self._fleet, self._fleet.places_version
        if self._tree is None or self._tree[0] != version:
            news = None if self._tree is None else fleet.place_news(self._tree[0])
            if self._tree is None or news is None:
                tree = Tree(fleet.places, fleet.place_rows)
            else:
                tree = self._tree[1].after(news, fleet.place_rows)
            self._tree = (version, tree)
        return self._tree[1]

    def groups(self, view: ViewKey) -> Groups:
        """Return the groups of a view as the tree and its nodes' information are now."""
        selection, grouping = Selection(view.selection.under, view.selection.own), view.grouping
        key = ViewKey(selection, Grouping(grouping.level, grouping.info))
        version, known = self._nodes_version(grouping), self._groups.get(key)
        if known is None or known[0] != version:
            known = self._groups[key] = (version, self._group(key))
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        return known[1]

    def axis(self, view: ViewKey) -> tuple[Version, SeriesAxis]:
        """Return the series of a view as the catalog is now, and the version of what they depend on."""
        (selection, grouping), catalog = view, self._fleet.catalog
        series = Selection(names=selection.names, matchers=selection.matchers, without=selection.without)
        if series == EVERYTHING and grouping.by is None:
            return (), SeriesAxis(*self._known_series())
        shown = None if grouping.by is None else self._shown(selection)
        version = (catalog.version, 0 if shown is None else hash(shown.tobytes()))
        key = ViewKey(series, Grouping(by=grouping.by))
        known = self._axes.get(key)
        if known is None or known[0] != version:
            known = self._axes[key] = (version, self._axis(key, shown))
            if len(self._axes) > _AXES:
                self._axes.popitem(last=False)
        return known

    def known(self, view: ViewKey, kind: Kind, axis: Version) -> RunPlan | None:
        """Return the plan of a table in a view, when it was made and still holds."""
        while self._offered:
            self._remember(*self._offered.popleft())
        plan = self._plans.get((view, kind))
        if plan is None or plan[0] != self._version(view.grouping, kind, axis):
            return None
        self._plans.move_to_end((view, kind))
        return plan[1]

    def draft(self, view: ViewKey, kind: Kind, axis: tuple[Version, SeriesAxis]) -> Draft:
        """Return what the plan of a table in a view is made of; `axis` is the view's."""
        groups, version = self.groups(view), self._version(view.grouping, kind, axis[0])
        index, epochs = self._index_of(view.selection, kind)
        if index.is_empty:
            return Draft(version, index, _NOBODY, max(1, len(groups.paths)), _NOBODY if kind.ordered else None)
        node = self._fleet.places_of_epochs(kind, slice(None) if epochs is None else epochs)
        return Draft(
            version,
            index,
            _by_row(np.where(node >= 0, groups.of_node[node], np.int32(-1)), epochs),
            max(1, len(groups.paths)),
            # Sums of fractions depend on the order in which they are added; that must not be who was heard first.
            _by_row(self.tree.rank[node], epochs) if kind.ordered else None,
            None if axis[1].is_identity else axis[1],
            self._taken_out(groups) if kind.counted else None,
        )

    def _index_of(self, selection: Selection, kind: Kind) -> tuple[SlotIndex, Int64s | None]:
        """Return an index with at least the slots of a view, and the rows of the epochs that hold them, None for all.

        Where few places of many are selected, nothing else is looked at.
        """
        tree = self.tree
        span = tree.selected(selection)
        if len(span) > FEW or 2 * len(span) > len(tree.paths):
            return self._index(kind), None
        few = [self._fleet.places[path] for path in tree.paths[span.start : span.stop]]
        columns, shape_of = self._fleet.slot_columns(kind), self._known_series()[1]
        return SlotIndex(columns, shape_of, slots_of(few, kind)), epochs_of(few)

    def _taken_out(self, groups: Groups) -> TakenOut | None:
        """Return what an operator has taken out of the groups of a view."""
        taken = self._fleet.taken_out_of_epochs()
        if taken is None:
            return None
        node, at = taken
        return TakenOut(np.where(node >= 0, groups.of_node[node], np.int32(-1)), at)

    def offer(self, view: ViewKey, kind: Kind, draft: Draft, plan: RunPlan) -> None:
        """Take a plan that a view has made, for later views. Any thread may call it, whoever holds the fleet."""
        self._offered.append((view, kind, draft, plan))

    def _remember(self, view: ViewKey, kind: Kind, draft: Draft, plan: RunPlan) -> None:
        """Keep a plan for as long as it holds."""
        self._forget(view, kind)
        self._plans[view, kind] = (draft.version, plan)
        self._remembered += _weight(plan)
        while self._remembered > self._most or len(self._plans) > MOST_PLANS:
            self._forget(*next(iter(self._plans)))

    def _forget(self, view: ViewKey, kind: Kind) -> None:
        known = self._plans.pop((view, kind), None)
        if known is not None:
            self._remembered -= _weight(known[1])

    def _index(self, kind: Kind) -> SlotIndex:
        """Which epochs and series hold the slots of a table now: the same for every view."""
        version, known = self._fleet.slots_version(kind), self._indexes.get(kind)
        if known is None or known[0] != version:
            known = self._indexes[kind] = (version, self._index_after(kind, known))
        return known[1]

    def _index_after(self, kind: Kind, known: tuple[int, SlotIndex] | None) -> SlotIndex:
        """Lay out anew what changed hands since the index that is known; without one, or after too much, everything."""
        columns, shape_of = self._fleet.slot_columns(kind), self._known_series()[1]
        news = (
            None
            if known is None or not known[1].is_laid_out
            else self._fleet.parts.slots.tables[kind].news.since(known[0])
        )
        if known is None or news is None or not known[1].may_follow(len(columns.series)):
            return SlotIndex(columns, shape_of)
        return known[1].after(news, columns, shape_of)

    def _group(self, view: ViewKey) -> Groups:
        if view.grouping.info is None:
            return self.tree.group(*view)
        return self.tree.group_by(view.selection, info_of(self._fleet, view.grouping.info))

    def _axis(self, view: ViewKey, shown: Bools | None) -> SeriesAxis:
        selection, grouping = view
        chosen = shown
        if selection.names:
            named = self._variants.called(selection.names)
            chosen = named if shown is None else named & shown
        if selection.without:
            others = ~self._variants.named(selection.without)
            chosen = others if chosen is None else chosen & others
        return SeriesAxis(*self._known_series(), chosen, selection.matchers, grouping.by)

    def _known_series(self) -> tuple[list[SeriesEntry], Int32s]:
        """Copy the catalog's series and the shape of each, once for all views until the catalog changes."""
        catalog = self._fleet.catalog
        if self._series is None or self._series[0] != catalog.version:
            self._series = (catalog.version, list(catalog.series), self._variants.shape_of())
        return self._series[1:]

    def _shown(self, selection: Selection) -> Bools:
        """Which series a view without labels would show, by number: those that are added up by their labels."""
        return self._fleet.series_of(selection.under) if selection.own else ~self._fleet.left_series()

    def _version(self, grouping: Grouping, kind: Kind, axis: Version) -> Version:
        return *self._nodes_version(grouping), self._fleet.slots_version(kind), *axis

    def _nodes_version(self, grouping: Grouping) -> Version:
        return self._fleet.places_version, 0 if grouping.info is None else self._fleet.info_version


def _by_row(values: Int32s, rows: Int64s | None) -> Int32s:
    """Return values by their rows, -1 for all others; without rows they are of all of them."""
    if rows is None:
        return values
    by_row = np.full(int(rows.max(initial=0)) + 1, -1, np.int32)
    by_row[rows] = values
    return by_row


def _weight(plan: RunPlan) -> int:
    """Count a plan's slots and cells."""
    return plan.weight

"""The tree, the groups and the plans of one state, remembered while they hold."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np

from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.view import Plan
from fog_aggregator.core.state import State
from fog_aggregator.query.family_variants import FamilyVariants
from fog_aggregator.query.plan import Draft, Version
from fog_aggregator.query.selection import Selection, ViewKey
from fog_aggregator.query.series_axis import SeriesAxis
from fog_aggregator.query.slot_index import SlotIndex
from fog_aggregator.query.tree import Groups, Tree

REMEMBERED: Final = 100_000_000
"""Slots and cells of all remembered plans together; each is 4 to 16 bytes."""
_GROUPS: Final = 64
_AXES: Final = 16


class Planner:
    """Plan views of one state, and remember what was planned while it holds."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._variants = FamilyVariants(state)
        self._tree: tuple[int, Tree] | None = None
        self._groups: OrderedDict[ViewKey, Groups] = OrderedDict()
        self._axes: OrderedDict[ViewKey, tuple[Version, SeriesAxis]] = OrderedDict()
        self._plans: OrderedDict[tuple[ViewKey, Kind], tuple[Version, Plan]] = OrderedDict()
        self._indexes: dict[Kind, tuple[int, SlotIndex]] = {}

    @property
    def variants(self) -> FamilyVariants:
        """Who holds which family."""
        return self._variants

    @property
    def tree(self) -> Tree:
        """All nodes in path order."""
        version = self._state.tree_version
        if self._tree is None or self._tree[0] != version:
            before = self._tree[1] if self._tree is not None else None
            self._tree = (version, Tree(self._state.nodes, len(self._state.rows.heard), before))
            self._groups.clear()
        return self._tree[1]

    def groups(self, view: ViewKey) -> Groups:
        """The groups of a view as the tree is now."""
        tree = self.tree
        groups = self._groups.get(view)
        if groups is None:
            groups = self._groups[view] = tree.group(view.selection, view.grouping)
            if len(self._groups) > _GROUPS:
                self._groups.popitem(last=False)
        return groups

    def axis(self, view: ViewKey) -> tuple[Version, SeriesAxis]:
        """The series of a view as the catalog is now, and the version of what they depend on."""
        catalog, names = self._state.catalog, view.selection.names
        if not names:
            return (), SeriesAxis(list(catalog.series), self._variants.shape_of())
        version = (catalog.version,)
        key = ViewKey(Selection(names=names))
        known = self._axes.get(key)
        if known is None or known[0] != version:
            axis = SeriesAxis(list(catalog.series), self._variants.shape_of(), self._variants.called(names))
            known = self._axes[key] = (version, axis)
            if len(self._axes) > _AXES:
                self._axes.popitem(last=False)
        return known

    def known(self, view: ViewKey, kind: Kind, axis: Version) -> Plan | None:
        """The plan of a table in a view, when it was made and still holds."""
        plan = self._plans.get((view, kind))
        if plan is None or plan[0] != self._version(kind, axis):
            return None
        self._plans.move_to_end((view, kind))
        return plan[1]

    def draft(self, view: ViewKey, kind: Kind, axis: tuple[Version, SeriesAxis]) -> Draft:
        """What the plan of a table in a view is made of; `axis` is the view's."""
        groups, rows = self.groups(view), self._state.rows
        node = rows.epoch_node
        # Counts of a branch's replicas were joined; whose gauges count is for the snapshot to say.
        counts = (node >= 0) & (rows.adds_up | (not kind.counted))
        return Draft(
            self._version(kind, axis[0]),
            self._index(kind),
            np.where(counts, groups.of_node[node], np.int32(-1)),
            max(1, len(groups.paths)),
            # Sums of fractions depend on the order in which they are added; that must not be who was heard first.
            self.tree.rank[node] if kind.ordered else None,
            None if axis[1].is_identity else axis[1],
        )

    def remember(self, view: ViewKey, kind: Kind, draft: Draft, plan: Plan) -> None:
        """Keep a plan for as long as it holds."""
        self._plans[view, kind] = (draft.version, plan)
        self._plans.move_to_end((view, kind))
        while sum(len(plan.cell) + plan.size for _, plan in self._plans.values()) > REMEMBERED:
            self._plans.popitem(last=False)

    def _index(self, kind: Kind) -> SlotIndex:
        """Which epochs and series hold the slots of a table now: the same for every view."""
        table = self._state.tables[kind]
        known = self._indexes.get(kind)
        if known is None or known[0] != table.version:
            known = self._indexes[kind] = (table.version, SlotIndex(table, self._state.catalog.shape_of))
        return known[1]

    def _version(self, kind: Kind, axis: Version) -> Version:
        return self._state.tree_version, self._state.tables[kind].version, *axis

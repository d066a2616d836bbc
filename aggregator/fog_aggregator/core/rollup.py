"""Rollups: grouped reductions over the tables, for a whole level of the tree at once. Computed when asked for.

A `View` says which nodes and how they are grouped; a `Plan` is where each slot of a table goes, remembered while
neither the table's slots nor the tree change; the reductions are a pass over the values each.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.state import State
from fog_aggregator.core.tables import Table
from fog_schema.limits import MAX_WHOLE
from fog_schema.paths import Path, is_under

PLANS: Final = 12
_EXACT: Final = 2.0**53
_LIMB: Final = 21


@dataclass(frozen=True, slots=True)
class View:
    """Which numbers are asked for.

    Attributes:
        under: only nodes at and under this path; all for the empty one.
        level: group by the path cut to ``level + 1`` tokens; None: everything in one group.
        own: only the node at `under` itself.
    """

    under: Path = ()
    level: int | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of a view: `paths` in path order, and each node's group by its row (-1: not in the view).

    `rank` is each node's place in path order, by its row.
    """

    paths: list[Path]
    of_node: Int64s
    rank: Int64s


@dataclass(frozen=True, slots=True)
class Plan:
    """Where slots go: `slots[i]` belongs to the cell `cell[i]`; cells are (series, group), ascending."""

    slots: Int64s
    cell: Int64s
    series: Int64s
    group: Int64s

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.series)


@dataclass(frozen=True, slots=True)
class Summary:
    """A gauge's merge, one entry a cell; cells without a value have count 0."""

    count: Int64s
    sum: Float64s
    min: Float64s
    max: Float64s
    last: Float64s


class Planner:
    """Groupings and plans of one state, remembered while they hold."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._groupings: OrderedDict[View, tuple[int, Grouping]] = OrderedDict()
        self._plans: OrderedDict[tuple[View, int], tuple[tuple[int, int], Plan]] = OrderedDict()

    def grouping(self, view: View) -> Grouping:
        """The groups of a view as the tree is now."""
        version = self._state.tree_version
        known = self._groupings.get(view)
        if known is None or known[0] != version:
            known = self._groupings[view] = (version, group_nodes(self._state, view))
            _trim(self._groupings)
        return known[1]

    def plan(self, view: View, width: int) -> Plan:
        """Where the slots of a table go in a view."""
        table = self._state.tables[width]
        version = (self._state.tree_version, table.version)
        known = self._plans.get((view, width))
        if known is None or known[0] != version:
            plan = make_plan(table, self._state.rows.epoch_node, self.grouping(view))
            known = self._plans[view, width] = (version, plan)
            _trim(self._plans)
        return known[1]


def group_nodes(state: State, view: View) -> Grouping:
    """Group every node of a view by its path; see `View`."""
    rows = len(state.rows.heard)
    of_node, rank = np.full(rows, -1, np.int64), np.zeros(rows, np.int64)
    numbers: dict[Path, int] = {}
    for place, path in enumerate(sorted(state.nodes)):
        node = state.nodes[path]
        rank[node.row] = place
        if path == view.under or (not view.own and is_under(path, view.under)):
            group = () if view.level is None else path[: view.level + 1]
            of_node[node.row] = numbers.setdefault(group, len(numbers))
    return Grouping(list(numbers), of_node, rank)


def make_plan(table: Table, epoch_node: np.ndarray, grouping: Grouping) -> Plan:
    """Assign every used slot of a table to its cell; slots in path order within a cell."""
    slots = table.used()
    node = epoch_node[table.epoch[slots]]
    group = grouping.of_node[node]
    if len(grouping.paths) and not (group >= 0).all():
        chosen = group >= 0
        slots, node, group = slots[chosen], node[chosen], group[chosen]
    if table.values.dtype == np.float64:
        order = np.argsort(grouping.rank[node], kind="stable")
        slots, group = slots[order], group[order]
    groups = max(1, len(grouping.paths))
    key = table.series[slots].astype(np.int64) * groups + group
    cells, cell = _number(key)
    return Plan(slots, cell, cells // groups, cells % groups)


def _number(key: Int64s) -> tuple[Int64s, Int64s]:
    """The distinct keys, ascending, and each key's place among them; without a sort where keys are dense."""
    space = int(key.max()) + 1 if len(key) else 0
    if space > 4 * len(key) + 100_000:
        cells, cell = np.unique(key, return_inverse=True)
        return cells, cell.reshape(-1)
    present = np.zeros(space, np.bool_)
    present[key] = True
    cells = np.flatnonzero(present)
    place = np.cumsum(present) - 1
    return cells, place[key]


def sum_whole(plan: Plan, values: Int64s) -> Int64s:
    """Exact sums of counts by cell, staying at 2^63 - 1. `values` are those at ``plan.slots``.

    A closed total may be negative, where an epoch that was folded early has come back; no cell's sum is.
    """
    if float(np.abs(values).sum(dtype=np.float64)) < _EXACT:
        return np.bincount(plan.cell, values, plan.size).astype(np.int64)
    # Doubles hold sums of 21-bit limbs exactly for as many values as there can be.
    limbs = [values & (2**_LIMB - 1), values >> _LIMB & (2**_LIMB - 1), values >> 2 * _LIMB]
    sums = [np.bincount(plan.cell, limb, plan.size).astype(np.int64) for limb in limbs]
    carried = sums[1] + (sums[0] >> _LIMB)
    high = sums[2] + (carried >> _LIMB)
    fits = high < 2**_LIMB
    exact = (high << (2 * _LIMB)) + ((carried & (2**_LIMB - 1)) << _LIMB) + (sums[0] & (2**_LIMB - 1))
    return np.where(fits, exact, MAX_WHOLE)


def sum_fractions(plan: Plan, values: Float64s) -> Float64s:
    """Sums of doubles by cell, added in path order."""
    return np.bincount(plan.cell, values, plan.size)


def earliest(plan: Plan, created: Float64s) -> Float64s:
    """The earliest time by cell."""
    out = np.full(plan.size, np.inf)
    np.minimum.at(out, plan.cell, created[plan.slots])
    return out


def held(plan: Plan, live: Bools) -> Bools:
    """Whether a writer still has the series, by cell."""
    out = np.zeros(plan.size, np.bool_)
    out[plan.cell[live[plan.slots]]] = True
    return out


def summarise(plan: Plan, values: Float64s, heard: Float64s, counts: Bools) -> Summary:
    """Merge gauges by cell.

    Args:
        plan: where each goes.
        values: the gauges at ``plan.slots``.
        heard: when each one's node was last heard; the newest one's value is `last`.
        counts: which of them count; NaN and infinities never do.
    """
    chosen = counts & np.isfinite(values)
    cell, values, heard = plan.cell[chosen], values[chosen], heard[chosen]
    low, high, last = (np.full(plan.size, start) for start in (np.inf, -np.inf, np.nan))
    np.minimum.at(low, cell, values)
    np.maximum.at(high, cell, values)
    newest = np.argsort(heard, kind="stable")
    last[cell[newest]] = values[newest]
    return Summary(np.bincount(cell, minlength=plan.size), np.bincount(cell, values, plan.size), low, high, last)


def _trim(remembered: OrderedDict) -> None:
    while len(remembered) > PLANS:
        remembered.popitem(last=False)

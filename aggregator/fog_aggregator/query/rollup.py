"""Rollups: grouped reductions over the tables, for a whole level of the tree at once. Computed when asked for.

A `Plan` is where each slot of a table goes in a view, remembered while neither the table's slots nor the tree change;
the reductions are a pass over the values each. Cells are (series, group), in the order of the series' kinds, so that a
family is a range of them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.merge import FRACTIONS, NOT_COUNTED
from fog_aggregator.core.state import State
from fog_aggregator.query.slot_index import Holding, Runs
from fog_aggregator.query.tree import Grouping, Tree, View
from fog_schema.limits import MAX_WHOLE

REMEMBERED: Final = 100_000_000
"""Slots and cells of all remembered plans together; each is 4 to 16 bytes."""
_GROUPINGS: Final = 64
_MAX_INT32: Final = 2**31 - 1
_SPARSE: Final = 16
"""Of so many possible keys at most one is there: then sorting is faster than a place for each possible one."""
_LOWER_BITS: Final = np.array([2**bit - 1 for bit in range(8)], np.uint8)
_LIMB_BITS: Final = 21
_LIMB: Final = 2**_LIMB_BITS - 1

Key = TypeVar("Key", np.int32, np.int64)
Slots: TypeAlias = slice | Int64s
"""Which slots of a table; a slice when it is all of them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Where slots go.

    Attributes:
        slots: the slots in the view.
        cell: the cell of each, shape of ``slots``.
        series: the catalog's number, by cell.
        group: the group's number, by cell.
        born: the earliest time at which any of its slots began to count, by cell; inf when that is not known.
        kinds: the range of cells that each kind of series has.
    """

    slots: Slots
    cell: Int32s
    series: Int32s
    group: Int32s
    born: Float64s
    kinds: list[tuple[int, slice]]

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.series)


class Planner:
    """The tree, groupings and plans of one state, remembered while they hold."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._tree: tuple[int, Tree] | None = None
        self._groupings: OrderedDict[View, Grouping] = OrderedDict()
        self._plans: OrderedDict[tuple[View, int], tuple[tuple[int, int], Plan]] = OrderedDict()
        self._holdings: dict[int, tuple[int, Holding]] = {}

    @property
    def tree(self) -> Tree:
        """All nodes in path order."""
        version = self._state.tree_version
        if self._tree is None or self._tree[0] != version:
            before = self._tree[1] if self._tree is not None else None
            self._tree = (version, Tree(self._state.nodes, len(self._state.rows.heard), before))
            self._groupings.clear()
        return self._tree[1]

    def grouping(self, view: View) -> Grouping:
        """The groups of a view as the tree is now."""
        tree = self.tree
        grouping = self._groupings.get(view)
        if grouping is None:
            grouping = self._groupings[view] = tree.group(view)
            if len(self._groupings) > _GROUPINGS:
                self._groupings.popitem(last=False)
        return grouping

    def known(self, view: View, width: int) -> Plan | None:
        """The plan of a table in a view, when it was made and still holds."""
        plan = self._plans.get((view, width))
        if plan is None or plan[0] != self._version(width):
            return None
        self._plans.move_to_end((view, width))
        return plan[1]

    def draft(self, view: View, width: int, wanted: Bools | None = None) -> Draft:
        """What the plan of a table in a view is made of; with `wanted` (by series) only of some series."""
        grouping, rows = self.grouping(view), self._state.rows
        node = rows.epoch_node
        # Counts of a branch's replicas were joined; whose gauges count is for the reading to say.
        counts = (node >= 0) & (rows.adds_up | (width in NOT_COUNTED))
        return Draft(
            self._version(width),
            self._holding(width),
            np.where(counts, grouping.of_node[node], np.int32(-1)),
            max(1, len(grouping.paths)),
            # Sums of fractions depend on the order in which they are added; that must not be who was heard first.
            self.tree.rank[node] if width == FRACTIONS else None,
            wanted,
        )

    def _holding(self, width: int) -> Holding:
        """Who holds the slots of a table now: the same for every view."""
        table = self._state.tables[width]
        known = self._holdings.get(width)
        if known is None or known[0] != table.version:
            known = self._holdings[width] = (table.version, Holding(table, self._state.catalog.kind_of))
        return known[1]

    def remember(self, view: View, width: int, draft: Draft, plan: Plan) -> None:
        """Keep a plan for as long as it holds."""
        self._plans[view, width] = (draft.version, plan)
        self._plans.move_to_end((view, width))
        while sum(len(plan.cell) + plan.size for _, plan in self._plans.values()) > REMEMBERED:
            self._plans.popitem(last=False)

    def _version(self, width: int) -> tuple[int, int]:
        return self._state.tree_version, self._state.tables[width].version


@dataclass(frozen=True, slots=True)
class Draft:
    """What a plan is made of: copies, so that making it, which takes long, needs no state.

    Attributes:
        version: of the tree and the table.
        holding: who holds the table's slots.
        group_of: the group's number, by epoch's row; -1 for what is not in the view.
        groups: how many groups there are, at least 1.
        rank: the node's place in path order, by epoch's row: slots are then in that order.
        wanted: which series are in the view, by their numbers; all when None.
    """

    version: tuple[int, int]
    holding: Holding
    group_of: Int32s
    groups: int
    rank: Int32s | None = None
    wanted: Bools | None = None

    def make(self) -> Plan:
        """Assign the used slots to their cells."""
        held = self.holding
        runs = self._runs()
        group = self.group_of[runs.epoch]
        dtype = np.int32 if len(held.series) * self.groups <= _MAX_INT32 else np.int64
        key = np.multiply(runs.place, self.groups, dtype=dtype)
        key += np.repeat(group, runs.lengths)
        # Whoever came first in a group mostly has all series of it.
        first = runs.is_first(group, self.groups)
        cells, cell = number_cells(key, key[np.repeat(first, runs.lengths)] if not first.all() else None)
        # Cells ascend, so those of a series are a range of them, and so are those of a kind.
        starts = np.multiply(np.arange(len(held.series) + 1, dtype=np.int32), self.groups, dtype=dtype)
        bounds = np.searchsorted(cells, starts)
        sizes = np.diff(bounds)
        of_group = (cells - np.repeat(starts[:-1], sizes)).astype(np.int32, copy=False)
        kinds = [(kind, slice(int(bounds[of.start]), int(bounds[of.stop]))) for kind, of in ranges(held.kinds)]
        return Plan(
            runs.slots,
            cell,
            np.repeat(held.series, sizes),
            of_group,
            runs.born(group, cell, of_group, self.groups),
            [(kind, cells) for kind, cells in kinds if cells.start < cells.stop],
        )

    def _runs(self) -> Runs:
        """The slots in the view."""
        runs = self.holding.runs
        chosen = self.group_of[runs.epoch] >= 0
        if self.rank is not None:
            order = np.argsort(self.rank[runs.epoch], kind="stable")
            runs = runs.take(order[chosen[order]])
        elif not chosen.all():
            runs = runs.take(np.flatnonzero(chosen))
        return runs if self.wanted is None else runs.only(self.wanted[self.holding.series])


def places_by_kind(kind_of: Int32s) -> Int64s:
    """Each series' place in the order of kinds, by its number."""
    by_kind = np.argsort(kind_of, kind="stable")
    place = np.empty(len(by_kind), np.int64)
    place[by_kind] = np.arange(len(by_kind))
    return place


def ranges(kinds: Int32s) -> Iterator[tuple[int, slice]]:
    """Each kind with its range, where equal ones stand together."""
    starts = np.flatnonzero(np.diff(kinds, prepend=-1)).tolist()
    for start, end in pairwise((*starts, len(kinds))):
        yield int(kinds[start]), slice(start, end)


def number_cells(key: NDArray[Key], likely: NDArray[Key] | None = None) -> tuple[NDArray[Key], Int32s]:
    """The distinct keys, ascending, and each key's place among them; without a sort where keys are dense.

    Keys are not negative; shapes (cells,) and (keys,). `likely` are a few of them that may be all there are.
    """
    space = int(key.max()) + 1 if len(key) else 0
    if space > _SPARSE * len(key) + 100_000:
        cells, places = np.unique(key, return_inverse=True)
        return cells, places.astype(np.int32)
    present = np.zeros(space, np.bool_)
    for some in (key,) if likely is None else (likely, key):
        present[some] = True
        if present.all():
            return np.arange(space, dtype=key.dtype), key.astype(np.int32, copy=False)
    # A key's place is how many keys are below it: those of the bytes before its own, and the lower bits of its own.
    packed = np.packbits(present, bitorder="little")
    sizes, byte = np.bitwise_count(packed), key >> 3
    place = (np.cumsum(sizes, dtype=np.int32) - sizes)[byte]
    place += np.bitwise_count(packed[byte] & _LOWER_BITS[key & 7])
    return np.flatnonzero(present).astype(key.dtype), place


def sum_whole(cell: Int32s | Int64s, size: int, values: Int64s) -> Int64s:
    """Exact sums of counts by cell, staying at 2^63 - 1. Shapes (slots,), (slots,), result (size,).

    A closed total may be negative, where an epoch that was folded early has come back; no cell's sum is.
    """
    if not len(values) or len(values) * max(int(values.max()), -int(values.min())) <= MAX_WHOLE:
        return _add_up(cell, size, values)
    # A sum may pass 2^63: three limbs of 21 bits each, whose sums cannot.
    limbs = (values & _LIMB, values >> _LIMB_BITS & _LIMB, values >> 2 * _LIMB_BITS)
    low, middle, high = (_add_up(cell, size, limb) for limb in limbs)
    middle += low >> _LIMB_BITS
    high += middle >> _LIMB_BITS
    exact = (high << 2 * _LIMB_BITS) + ((middle & _LIMB) << _LIMB_BITS) + (low & _LIMB)
    return np.where(high <= _LIMB, exact, MAX_WHOLE)


def sum_buckets(cell: Int32s, size: int, counts: Int64s) -> Int64s:
    """`sum_whole` of each column: shapes (slots,), (slots, width), result (size, width)."""
    width = counts.shape[1]
    flat = cell.astype(np.int64)[:, np.newaxis] * width + np.arange(width)
    return sum_whole(flat.reshape(-1), size * width, counts.reshape(-1)).reshape(size, width)


def _add_up(cell: Int32s | Int64s, size: int, values: Int64s) -> Int64s:
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, values)
    return sums


def sum_fractions(cell: Int32s, size: int, values: Float64s) -> Float64s:
    """Sums of doubles by cell, added in the order given. Shapes (slots,), (slots,), result (size,)."""
    return np.bincount(cell, values, size).astype(np.float64)


def any_of(cell: Int32s, size: int, mask: Bools) -> Bools:
    """Whether the mask is true anywhere in a cell. Shapes (slots,), (slots,), result (size,)."""
    found = np.zeros(size, np.bool_)
    found[cell[mask]] = True
    return found

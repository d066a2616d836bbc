"""What time does to a state: silent epochs fold, departed nodes retire, label sets that nobody holds leave.

No count is ever dropped: it moves to where its group's total still includes it, at last into the ledger.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.table import FREE, Table, grow
from fog_aggregator.core.nodes import CLOSED, Epoch, Node
from fog_aggregator.core.retired_counts import add_counted
from fog_aggregator.core.state import DAY, State
from fog_schema.paths import RETIRED, Path, ancestors, is_under

LONG: Final = 365 * DAY
"""How long an epoch that was folded without its final is remembered."""


@dataclass(slots=True)
class Swept:
    """What a sweep did: paths that retired, epochs folded, label sets that left."""

    retired: list[Path] = field(default_factory=list)
    folded: int = 0
    label_sets: int = 0


def sweep(state: State) -> Swept:
    """Do what time asks for, by the state's watched time; cheap when there is nothing to do."""
    swept = Swept()
    for node in _silent(state):
        for epoch in [epoch for epoch in node.epochs.values() if state.watched - epoch.watched > state.horizon]:
            state.fold(node, epoch, final=False, lasts=LONG)
            swept.folded += 1
        if not (node.epochs or node.branch) and state.watched - node.closed.watched > state.horizon:
            swept.retired.append(node.path)
    if swept.retired:
        living = _living(state)
        for path in swept.retired:
            _retire(state, path, living)
        _lift(state, living)
    state.tombstones = {key: stone for key, stone in state.tombstones.items() if stone.expires > state.watched}
    _bound_tombstones(state)
    swept.label_sets = _retire_label_sets(state)
    return swept


def forget(state: State, under: Path, at: float, departed_after: float) -> list[Path]:
    """Retire the nodes at and under a path that had departed by `at` (server's time), on somebody's request.

    Not branches: their totals are absolute, and would count twice should they come back.
    """
    gone = [
        path
        for path, node in state.nodes.items()
        if is_under(path, under)
        and not (state.rows.retired[node.row] or node.branch)
        and at - state.rows.heard[node.row] > departed_after
    ]
    for path in gone:
        retire(state, path)
    return gone


def retire(state: State, path: Path) -> None:
    """Fold what is left of a node and move its counts to a group of their own, below the lowest path that lives on."""
    living = _living(state)
    _retire(state, path, living)
    _lift(state, living)


def _retire(state: State, path: Path, living: Counter[Path]) -> None:
    node = state.nodes[path]
    for epoch in list(node.epochs.values()):
        state.fold(node, epoch, final=False, lasts=LONG)
    del state.nodes[path]
    living.subtract(ancestors(path))
    home = path
    while len(home) > 1 and not living[home]:
        home = home[:-1]
    _move(state, node, (*home, RETIRED))


def _silent(state: State) -> list[Node]:
    """Nodes that have something older than the horizon."""
    return [
        node
        for node in state.nodes.values()
        if not state.rows.retired[node.row]
        and min([epoch.watched for epoch in node.epochs.values()], default=node.closed.watched)
        < state.watched - state.horizon
    ]


def _living(state: State) -> Counter[Path]:
    """How many nodes there are at and under each path, groups of retired ones aside."""
    return Counter(place for path in state.nodes if path[-1] != RETIRED for place in ancestors(path))


def _move(state: State, node: Node, home: Path) -> None:
    group = state.nodes.get(home)
    if group is None:
        row = state.rows.new_node()
        state.rows.retired[row] = True
        group = state.nodes[home] = Node(home, row, Epoch(state.rows.new_epoch(row), CLOSED))
    state.merge_closed(group.closed, node.closed)
    state.rows.free_epoch(node.closed.row)
    state.rows.free_node(node.row)
    state.tree_version += 1


def _lift(state: State, living: Counter[Path]) -> None:
    """Groups of retired nodes under which nothing lives any more go up, so that they do not pile up."""
    for path in sorted((path for path in state.nodes if path[-1] == RETIRED), key=len, reverse=True):
        home = path[:-1]
        if len(home) > 1 and not living[home]:
            node = state.nodes.pop(path)
            _move(state, node, (*home[:-1], RETIRED))


def _bound_tombstones(state: State) -> None:
    """Those of the path that has most of them go first: no path can have another's forgotten."""
    excess = len(state.tombstones) - state.limits.tombstones
    if excess > 0:
        crowd = Counter(path for path, _ in state.tombstones)
        first = sorted(state.tombstones.items(), key=lambda item: (-crowd[item[0][0]], item[1].expires))
        for key, _ in first[:excess]:
            del state.tombstones[key]


def _retire_label_sets(state: State) -> int:
    """Note which series somebody holds; move those nobody has held for the horizon to the ledger."""
    count = len(state.catalog.series)
    if len(state.series_held) < count:
        known = len(state.series_held)
        state.series_held = grow(state.series_held, count)
        state.series_held[known:] = state.watched
    for table in state.tables.values():
        live = table.live[: table.size] & (table.series[: table.size] != FREE)
        state.series_held[table.series[: table.size][live]] = state.watched
    old = state.watched - state.series_held > state.horizon
    old[state.catalog.free] = False
    if not old.any():
        return 0
    movable = old & _only_closed(state)
    numbers = np.flatnonzero(movable)
    for kind, table in state.tables.items():
        _to_ledger(state, kind, table, movable)
    state.catalog.forget(numbers.tolist())
    state.series_held[numbers] = state.watched
    return len(numbers)


def _only_closed(state: State) -> Bools:
    """Series whose every slot belongs to a closed total: no epoch will speak of them again."""
    closed_rows = np.zeros(len(state.rows.epoch_node), np.bool_)
    closed_rows[[node.closed.row for node in state.nodes.values()]] = True
    only = np.ones(len(state.catalog.series), np.bool_)
    for table in state.tables.values():
        slots = table.used()
        only[table.series[slots[~closed_rows[table.epoch[slots]]]]] = False
    return only


def _to_ledger(state: State, kind: Kind, table: Table, movable: Bools) -> None:
    slots = table.used()
    slots = slots[movable[table.series[slots]]]
    if not len(slots):
        return
    owners: dict[int, list[int]] = defaultdict(list)
    for slot, counted in zip(slots.tolist(), kind.exact_counts(table, slots), strict=True):
        owners[int(table.epoch[slot])].append(slot)
        if kind.counted:
            family = state.catalog.series[int(table.series[slot])].family
            add_counted(state.ledger, family, counted)
    closed = {node.closed.row: node.closed for node in state.nodes.values()}
    for row, mine in owners.items():
        gone: Int64s = np.array(mine, np.int64)
        closed[row].map(kind).discard(table.ids[gone])
    table.release(slots)

"""Watch the counts of all epochs of a fleet: each is a counter of one writer, so none is negative and none falls."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.table import FREE, Table
from fog_aggregator.core.places.epoch import Epoch


class _Column(NamedTuple):
    """The counts of one kind at a moment, by slot."""

    epoch: np.ndarray
    ids: np.ndarray
    values: np.ndarray


class EpochCounts:
    """The counts of a fleet's epochs as they were when somebody looked last.

    A look is a few operations on each column: the simulator takes one after every step of a history.
    """

    def __init__(self) -> None:
        self._epochs: dict[int, Epoch] = {}
        self._columns: dict[Kind, _Column] = {}

    def wrong(self, fleet: Fleet) -> str:
        """Look again; return which count of an epoch is negative, or has fallen, for people; empty where none is."""
        epochs = {epoch.row: epoch for place in fleet.places.values() for epoch in place.epochs.values()}
        of_epochs, known = (np.zeros(max(epochs, default=0) + 1, np.bool_) for _ in range(2))
        of_epochs[list(epochs)] = True
        known[[row for row, epoch in epochs.items() if self._epochs.get(row) is epoch]] = True
        columns, found = dict[Kind, _Column](), ""
        for kind, table in fleet.parts.slots.tables.items():
            if kind.counted and table.size:
                columns[kind] = now = _column(kind, table, of_epochs)
                found = found or _negative(kind, now) or _fallen(kind, self._columns.get(kind), now, known)
        self._epochs, self._columns = epochs, columns
        return found


def _column(kind: Kind, table: Table, of_epochs: np.ndarray) -> _Column:
    """Copy the columns of a table; a slot that no epoch has, such as one of a closed total, gets the epoch -1."""
    epoch, size = table.epoch[: table.size].copy(), table.size
    owned = (table.series[:size] != FREE) & (epoch < len(of_epochs))
    owned[owned] = of_epochs[epoch[owned]]
    epoch[~owned] = -1
    return _Column(epoch, table.ids[:size].copy(), kind.growing(table.values[:size]).copy())


def _negative(kind: Kind, now: _Column) -> str:
    wrong = now.values[now.epoch >= 0]
    return f"a count of an epoch is negative: {kind} {wrong[wrong < 0][0]}" if (wrong < 0).any() else ""


def _fallen(kind: Kind, before: _Column | None, now: _Column, known: np.ndarray) -> str:
    """Compare the slots that the same epoch has for the same id; `known`: the epochs that were there, by row."""
    if before is None:
        return ""
    size = len(before.ids)  # a table never shrinks
    epoch = now.epoch[:size]
    same = (epoch >= 0) & (epoch == before.epoch) & (now.ids[:size] == before.ids)
    same[same] = known[epoch[same]]
    old, new = before.values[same], now.values[:size][same]
    return f"a count of an epoch fell: {kind} {old[new < old][0]} to {new[new < old][0]}" if (new < old).any() else ""

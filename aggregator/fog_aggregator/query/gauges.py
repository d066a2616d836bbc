"""Gauges of many nodes, merged: those that come one by one, and those that branches have merged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.merge import COUNT, LAST, LAST_AT, MAX, MIN, SUM, SUMMARIES
from fog_aggregator.core.state import State

STATS: Final = ("min", "max", "avg", "count")
"""What a gauge without a choice of its own shows."""
COUNT_VALUES: Final = "count_values"


class Summarised(NamedTuple):
    """Gauges that were merged before: where each goes, and its row as in the table of SUMMARIES."""

    cell: Int32s
    rows: Float64s


NONE: Final = Summarised(np.zeros(0, np.int32), np.zeros((0, LAST_AT + 1)))


class Valued(NamedTuple):
    """Where there is a value, which, and how many nodes have it; shapes (n,)."""

    place: Int64s
    value: Float64s
    nodes: Int64s


@dataclass(frozen=True, slots=True)
class Gauges:
    """The gauges of a view that count: finite ones of live nodes, and rows of live branches.

    Attributes:
        series: the catalog's number, by cell.
        group: the group's number, by cell.
        kinds: the range of cells that each kind of series has.
        cell: where each single gauge goes.
        values: its value.
        heard: when its node was last heard.
        merged: those of branches.
        valued: of branches, how many nodes have which value, by cell.
    """

    series: Int32s
    group: Int32s
    kinds: list[tuple[int, slice]]
    cell: Int32s
    values: Float64s
    heard: Float64s
    merged: Summarised = NONE
    valued: Valued = Valued(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))  # noqa: RUF009 - never changed

    @property
    def size(self) -> int:
        """How many cells there are."""
        return len(self.series)

    def statistics(self, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
        """The statistics that are wanted, and count always; see `summarise`."""
        return summarise(self.cell, self.size, self.values, self.heard, wanted, self.merged)

    def by_value(self, cells: Int64s) -> Valued:
        """How many nodes have which value, for some cells: ascending by value, then by cell."""
        wanted = np.zeros(self.size, np.bool_)
        wanted[cells] = True
        mine, theirs = wanted[self.cell], wanted[self.valued.place]
        cell = np.concatenate((self.cell[mine], self.valued.place[theirs])).astype(np.int64)
        distinct, number = np.unique(
            np.concatenate((self.values[mine], self.valued.value[theirs])), return_inverse=True
        )
        count = np.concatenate((np.ones(np.count_nonzero(mine), np.int64), self.valued.nodes[theirs]))
        pairs, inverse = np.unique(number * self.size + cell, return_inverse=True)
        counts = np.zeros(len(pairs), np.int64)
        np.add.at(counts, inverse, count)
        of_value, place = np.divmod(pairs, self.size)
        return Valued(place, distinct[of_value], counts)


def summarise(
    cell: Int32s,
    size: int,
    values: Float64s,
    heard: Float64s,
    wanted: Iterable[str],
    merged: Summarised = NONE,
) -> dict[str, NDArray[Any]]:
    """Merge gauges by cell: the statistics `wanted` of sum, avg, min, max and last, and count always.

    Where count is 0 the others mean nothing. With last comes last_at, when its node was heard.

    Args:
        cell: where each goes; shape (n,).
        size: how many cells there are.
        values: the gauges that count: finite ones of live nodes; shape (n,).
        heard: when each one's node was last heard; the newest one's value is `last`, of several the largest.
        wanted: names of statistics; others than these six are not ours.
        merged: more of them, each standing for several.
    """
    ours, rows = merged
    counts = np.bincount(cell, minlength=size) + np.bincount(ours, rows[:, COUNT], size).astype(np.int64)
    found: dict[str, NDArray[Any]] = {"count": counts}
    wanted = set(wanted)
    if wanted & {"sum", "avg"}:
        found["sum"] = np.bincount(cell, values, size) + np.bincount(ours, rows[:, SUM], size)
        found["avg"] = found["sum"] / np.maximum(counts, 1)
    if "min" in wanted:
        found["min"] = np.full(size, np.inf)
        np.minimum.at(found["min"], cell, values)
        np.minimum.at(found["min"], ours, rows[:, MIN])
    if "max" in wanted:
        found["max"] = np.full(size, -np.inf)
        np.maximum.at(found["max"], cell, values)
        np.maximum.at(found["max"], ours, rows[:, MAX])
    if "last" in wanted:
        dated = ~np.isnan(rows[:, LAST_AT])
        places, moments = np.concatenate((cell, ours[dated])), np.concatenate((heard, rows[dated, LAST_AT]))
        lasts = np.concatenate((values, rows[dated, LAST]))
        found["last_at"], found["last"] = np.full(size, -np.inf), np.full(size, -np.inf)
        np.maximum.at(found["last_at"], places, moments)
        latest = moments == found["last_at"][places]
        np.maximum.at(found["last"], places[latest], lasts[latest])
    return found


def valued_of_branches(state: State, counts: Bools) -> Valued:
    """How many nodes of branches have which value, by the slot of the summary.

    Args:
        state: what was read.
        counts: whose gauges count, by epoch's row.
    """
    slots, values, numbers = [np.zeros(0, np.int64)], [np.zeros(0)], [np.zeros(0, np.int64)]
    for node in state.branches():
        for epoch in node.epochs.values():
            if epoch.value_counts and counts[epoch.row]:
                ids = np.array(sorted(epoch.value_counts), np.int64)
                found, _ = epoch.map(SUMMARIES).find(ids)
                held = [epoch.value_counts[number] for number in ids.tolist()]
                slots.append(np.repeat(found, [len(value) for value, _ in held]))
                values += [value for value, _ in held]
                numbers += [count for _, count in held]
    return Valued(np.concatenate(slots), np.concatenate(values), np.concatenate(numbers))

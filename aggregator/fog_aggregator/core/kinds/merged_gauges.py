"""Merge the gauges of many nodes: those that come one by one, and those that branches have merged."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.columns import Float64s, Int32s, Int64s
from fog_aggregator.core.rollups.reductions import sum_fractions

COUNT, SUM, MIN, MAX, LAST, LAST_AT = range(6)
"""The columns of a summary. The last two are NaN where the family does not ask for a newest value."""
STATS: Final = ("min", "max", "avg", "count")
"""The statistics that a gauge without a choice of its own shows."""
COUNT_VALUES: Final = "count_values"


class Summarised(NamedTuple):
    """Gauges that were merged before: where each goes, and its row of COUNT … LAST_AT."""

    cell: Int32s
    rows: Float64s


NONE: Final = Summarised(np.zeros(0, np.int32), np.zeros((0, LAST_AT + 1)))


class Valued(NamedTuple):
    """How many nodes of a cell have which value; shapes (n,)."""

    place: Int64s
    value: Float64s
    nodes: Int64s


@dataclass(frozen=True, slots=True)
class Gauges:
    """The gauges of a view that count: finite ones of live nodes, and rows of live branches.

    Attributes:
        series: the catalog's number, by cell.
        group: the group's number, by cell.
        shapes: the range of cells that each shape of series has.
        cell: where each single gauge goes.
        values: its value.
        last_seen: when its node sent its last frame.
        merged: those of branches.
        valued: of branches, how many nodes have which value, by cell.
    """

    series: Int32s
    group: Int32s
    shapes: list[tuple[int, slice]]
    cell: Int32s
    values: Float64s
    last_seen: Float64s
    merged: Summarised = NONE
    valued: Valued = Valued(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, np.int64))  # noqa: RUF009 - never changed

    @property
    def size(self) -> int:
        """Count the cells."""
        return len(self.series)

    def statistics(self, wanted: Iterable[str]) -> dict[str, NDArray[Any]]:
        """Return the statistics that are wanted, and count always; see `summarise`."""
        return summarise(self.cell, self.size, self.values, self.last_seen, wanted, self.merged)

    def by_value(self, cells: Int64s) -> Valued:
        """Count the nodes that have each value, for some cells: ascending by value, then by cell."""
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
    last_seen: Float64s,
    wanted: Iterable[str],
    merged: Summarised = NONE,
) -> dict[str, NDArray[Any]]:
    """Merge gauges by cell: the statistics `wanted` of sum, avg, min, max and last, and count always.

    Where count is 0 the others mean nothing. With last comes last_at, when its node sent its last frame.

    Args:
        cell: where each goes; shape (n,).
        size: how many cells there are.
        values: the gauges that count: finite ones of live nodes; shape (n,).
        last_seen: when each one's node sent its last frame; the newest one's value is `last`, of several the largest.
        wanted: names of statistics; others than these six are not ours.
        merged: more of them, each standing for several.
    """
    ours, rows = merged
    counts = np.bincount(cell, minlength=size) + np.bincount(ours, rows[:, COUNT], size).astype(np.int64)
    found: dict[str, NDArray[Any]] = {"count": counts}
    wanted = set(wanted)
    if wanted & {"sum", "avg"}:
        places, added = np.concatenate((cell, ours)), np.concatenate((values, rows[:, SUM]))
        found["sum"] = sum_fractions(places, size, added)
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
        found["last_at"], found["last"] = _lasts(cell, size, values, last_seen, merged)
    return found


def _lasts(
    cell: Int32s, size: int, values: Float64s, last_seen: Float64s, merged: Summarised
) -> tuple[Float64s, Float64s]:
    """Return when the newest value of each cell was set, and that value; -inf where no value has a time."""
    ours, rows = merged
    dated = ~np.isnan(rows[:, LAST_AT])
    places, moments = np.concatenate((cell, ours[dated])), np.concatenate((last_seen, rows[dated, LAST_AT]))
    lasts = np.concatenate((values, rows[dated, LAST]))
    last_at, last = np.full(size, -np.inf), np.full(size, -np.inf)
    np.maximum.at(last_at, places, moments)
    latest = moments == last_at[places]
    np.maximum.at(last, places[latest], lasts[latest])
    return last_at, last


def summaries_of(gauges: Gauges, choices: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, GaugeSummary]]:
    """Return the gauges of each series as one summary.

    Args:
        gauges: of a view with one group.
        choices: how each of the `gauges.shapes` asks to be merged.
    """
    asked = {stat for choice in choices for stat in choice}
    found = gauges.statistics({"sum", "min", "max"} | (asked & {"last"}))
    wants = np.zeros((2, gauges.size), np.bool_)
    for (_, cells), choice in zip(gauges.shapes, choices, strict=True):
        wants[:, cells] = [["last" in choice], [COUNT_VALUES in choice]]
    present = np.flatnonzero(found["count"])
    values = dict(_by_value(gauges, present[wants[1, present]]))
    columns = [found[stat][present].tolist() for stat in ("count", "sum", "min", "max")]
    lasts: list[tuple[float, float] | None] = [None] * len(present)
    if "last" in asked:
        pairs = zip(found["last"][present].tolist(), found["last_at"][present].tolist(), strict=True)
        wanted = wants[0, present] & (found["last_at"][present] > -np.inf)  # not every branch tells one
        lasts = [pair if known else None for pair, known in zip(pairs, wanted.tolist(), strict=True)]
    numbers, counts = gauges.series[present].tolist(), [values.get(cell, ()) for cell in present.tolist()]
    yield from zip(numbers, map(GaugeSummary, *columns, lasts, counts), strict=True)


def _by_value(gauges: Gauges, cells: Int64s) -> Iterator[tuple[int, tuple[tuple[float, int], ...]]]:
    """Return how many nodes have which value, for some cells."""
    if not len(cells):
        return
    place, value, nodes = gauges.by_value(cells)
    if not len(place):  # no branch has told
        return
    order = np.argsort(place, kind="stable")  # within a cell they stay ascending by value
    place, value, nodes = place[order], value[order], nodes[order]
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    pairs = list(zip(value.tolist(), nodes.tolist(), strict=True))
    for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(pairs)], strict=True):
        yield int(place[start]), tuple(pairs[start:end])

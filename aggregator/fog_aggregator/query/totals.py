"""A view's absolute totals, as an aggregator sends them up: every series once, nothing finished, nothing hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from fog_agent.core.summary import GaugeSummary
from fog_aggregator.core.catalog import Family, SeriesEntry
from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.lifecycle import Coverage
from fog_aggregator.query.gauges import COUNT_VALUES, Gauges
from utilityfog_frontend.telemetry.model import HistogramValue


@dataclass(frozen=True, slots=True)
class Totals:
    """What a subtree has counted, by the catalog's number of the series.

    Attributes:
        counters: absolute totals; a float where any writer has counted fractions.
        histograms: absolute totals, at the series' own bounds.
        gauges: merged, of those that live nodes have now.
        entries: all series by number, as they were.
        families: the catalog's.
        coverage: what it stands on.
    """

    counters: dict[int, int | float]
    histograms: dict[int, HistogramValue]
    gauges: dict[int, GaugeSummary]
    entries: list[SeriesEntry]
    families: Sequence[Family]
    coverage: Coverage


def gauge_summaries(gauges: Gauges, choices: Sequence[tuple[str, ...]]) -> Iterator[tuple[int, GaugeSummary]]:
    """Each series' gauges as one.

    Args:
        gauges: of a view with one group.
        choices: how each of the `gauges.kinds` asks to be merged.
    """
    asked = {stat for choice in choices for stat in choice}
    found = gauges.statistics({"sum", "min", "max"} | (asked & {"last"}))
    wants = np.zeros((2, gauges.size), np.bool_)
    for (_, cells), choice in zip(gauges.kinds, choices, strict=True):
        wants[:, cells] = [["last" in choice], [COUNT_VALUES in choice]]
    present = np.flatnonzero(found["count"])
    values = dict(_by_value(gauges, present[wants[1, present]]))
    columns = [found[stat][present].tolist() for stat in ("count", "sum", "min", "max")]
    lasts: list[tuple[float, float] | None] = [None] * len(present)
    if "last" in asked:
        pairs = zip(found["last"][present].tolist(), found["last_at"][present].tolist(), strict=True)
        wanted = wants[0, present] & (found["last_at"][present] > -np.inf)  # not every branch tells one
        lasts = [pair if told else None for pair, told in zip(pairs, wanted.tolist(), strict=True)]
    numbers, counts = gauges.series[present].tolist(), [values.get(cell, ()) for cell in present.tolist()]
    yield from zip(numbers, map(GaugeSummary, *columns, lasts, counts), strict=True)


def _by_value(gauges: Gauges, cells: Int64s) -> Iterator[tuple[int, tuple[tuple[float, int], ...]]]:
    """For some cells, how many nodes have which value."""
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

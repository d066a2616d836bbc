"""A view of the fleet as family snapshots, the language of every exporter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.core.catalog import COUNTERS, GAUGES, Catalog, FamilyKey, Labels, SeriesEntry
from fog_aggregator.core.columns import Bools
from fog_aggregator.core.histograms import Bounds, show_at
from fog_aggregator.core.lifecycle import live_rows
from fog_aggregator.core.merge import FRACTIONS
from fog_aggregator.core.ratchet import Ratchet
from fog_aggregator.core.rollup import (
    Plan,
    Planner,
    Summary,
    View,
    earliest,
    held,
    sum_fractions,
    sum_whole,
    summarise,
)
from fog_aggregator.core.state import State
from fog_schema.paths import Path
from utilityfog_frontend.telemetry.model import (
    Family,
    FamilySnapshot,
    HistogramValue,
    MetricType,
    SeriesSnapshot,
)

STATS: Final = ("min", "max", "avg", "count")
"""What a gauge without a choice of its own shows."""
_OURS: Final = frozenset({"fog_path", "fog_level", "stat"})

Found: TypeAlias = dict[int, list[SeriesSnapshot]]
"""Series by their family's number."""


@dataclass(slots=True)
class _Histogram:
    """A histogram on its way: its parts by bounds."""

    parts: list[tuple[Bounds, list[int]]]
    sum: float = 0.0
    created: float = float("inf")


class Snapshots:
    """Turns views of a state into snapshots.

    Args:
        ratchet: keeps exported fractional counters from falling when floats are added in another order.
    """

    def __init__(self, state: State, planner: Planner, ratchet: Ratchet) -> None:
        self._state = state
        self._planner = planner
        self._ratchet = ratchet

    def collect(self, view: View, now: float) -> list[FamilySnapshot]:
        """Every family that somebody in the view has, in the order of names."""
        labels = _Labels(self._state.catalog, self._planner.grouping(view).paths, view.level)
        found: Found = defaultdict(list)
        self._counters(view, labels, found)
        self._gauges(view, labels, found, now)
        bounds = self._histograms(view, labels, found)
        return list(self._families(found, bounds))

    def _counters(self, view: View, labels: _Labels, found: Found) -> None:
        state, fractional = self._state, {}
        plan = self._planner.plan(view, FRACTIONS)
        if plan.size:
            table = state.tables[FRACTIONS]
            sums, born = sum_fractions(plan, table.values[plan.slots]), earliest(plan, table.created)
            shown = self._shown(view, plan, table.live)
            rows = zip(_cells(plan), sums.tolist(), born.tolist(), shown.tolist(), strict=True)
            fractional = {cell: (value, when, show) for cell, value, when, show in rows}
        plan, table = self._planner.plan(view, COUNTERS), state.tables[COUNTERS]
        whole, born = sum_whole(plan, table.values[plan.slots]), earliest(plan, table.created)
        shown = self._shown(view, plan, table.live)
        for cell, value, when, show in zip(_cells(plan), whole.tolist(), born.tolist(), shown.tolist(), strict=True):
            part = fractional.pop(cell, None)
            if part is not None:
                fractional[cell] = (value + part[0], min(when, part[1]), show or part[2])
            elif show:
                labels.add(found, cell, value, when)
        for cell, (value, when, show) in fractional.items():
            if show:
                labels.add(
                    found, cell, self._ratchet.hold((*_whose(view, labels.paths[cell[1]]), cell[0]), value), when
                )

    def _gauges(self, view: View, labels: _Labels, found: Found, now: float) -> None:
        state, table = self._state, self._state.tables[GAUGES]
        plan = self._planner.plan(view, GAUGES)
        epoch = table.epoch[plan.slots]
        node = state.rows.epoch_node[epoch]
        counts = state.rows.shows_gauges[epoch] & live_rows(state, now)[node]
        summary = summarise(plan, table.values[plan.slots], state.rows.heard[node], counts)
        if view.own:
            self._own_gauges(plan, table.values[plan.slots], counts, labels, found)
            return
        tallies = self._tallies(plan, table.values[plan.slots], counts)
        for place, cell in enumerate(_cells(plan)):
            if summary.count[place]:
                choice = state.catalog.family_of(cell[0]).rollup
                for extra, value in _gauge_samples(summary, place, choice, tallies.get(place, {})):
                    labels.add(found, cell, value, None, extra)

    def _own_gauges(self, plan: Plan, values: np.ndarray, counts: Bools, labels: _Labels, found: Found) -> None:
        """A node's own gauges as they are, NaN and infinities too."""
        cells = list(_cells(plan))
        for place, value, count in zip(plan.cell.tolist(), values.tolist(), counts.tolist(), strict=True):
            if count:
                labels.add(found, cells[place], value, None)

    def _tallies(self, plan: Plan, values: np.ndarray, counts: Bools) -> dict[int, dict[float, int]]:
        """How many nodes have which value, for the gauges whose family asks for it."""
        catalog = self._state.catalog
        wanted = [
            series for series in np.unique(plan.series).tolist() if "count_values" in catalog.family_of(series).rollup
        ]
        tallies: dict[int, dict[float, int]] = {}
        if wanted:
            chosen = counts & np.isfinite(values) & np.isin(plan.series[plan.cell], wanted)
            for place, value in zip(plan.cell[chosen].tolist(), values[chosen].tolist(), strict=True):
                tally = tallies.setdefault(place, {})
                tally[value] = tally.get(value, 0) + 1
        return tallies

    def _histograms(self, view: View, labels: _Labels, found: Found) -> dict[int, Bounds]:
        """Collect histograms; return the bounds each family is shown at."""
        gathered: dict[tuple[int, Labels, int], _Histogram] = {}
        votes: dict[int, dict[Bounds, int]] = defaultdict(lambda: defaultdict(int))
        for width, table in self._state.tables.items():
            plan = self._planner.plan(view, width) if width > 0 else None
            if plan is None or not plan.size:
                continue
            values = table.values[plan.slots]
            counts = np.stack([sum_whole(plan, values[:, bucket]) for bucket in range(width)], axis=1).tolist()
            sums = sum_fractions(plan, table.sums[plan.slots]).tolist()
            born, shown = earliest(plan, table.created).tolist(), self._shown(view, plan, table.live).tolist()
            holders = np.bincount(plan.cell, table.live[plan.slots], plan.size).tolist()
            for place, (series, group) in enumerate(_cells(plan)):
                entry = self._state.catalog.series[series]
                votes[entry.family][entry.bounds] += int(holders[place])
                if shown[place]:
                    key = (entry.family, entry.labels, group)
                    histogram = gathered.setdefault(key, _Histogram([]))
                    histogram.parts.append((entry.bounds, counts[place]))
                    histogram.sum += sums[place]
                    histogram.created = min(histogram.created, born[place])
        bounds = {family: max(of.items(), key=lambda vote: (vote[1], vote[0]))[0] for family, of in votes.items()}
        for (family, own, group), histogram in gathered.items():
            value = HistogramValue(show_at(bounds[family], histogram.parts), histogram.sum)
            found[family].append(SeriesSnapshot(labels.of(own, group), value, _moment(histogram.created)))
        return bounds

    def _shown(self, view: View, plan: Plan, live: Bools) -> Bools:
        """Whether a cell is exposed: a node shows what its writers have, the fleet what anybody had lately."""
        return held(plan, live) if view.own else ~self._state.retired_series(plan.series)

    def _families(self, found: Found, bounds: dict[int, Bounds]) -> Iterator[FamilySnapshot]:
        catalog = self._state.catalog
        names: dict[str, list[int]] = defaultdict(list)
        for family in found:
            names[catalog.families[family].key.name].append(family)
        for name in sorted(names):
            family = self._state.shown_family(names[name])
            entry = catalog.families[family]
            described = Family(
                name, _metric_type(entry.key), entry.help, entry.key.unit, bounds.get(family, ()), entry.rollup
            )
            yield FamilySnapshot(described, found[family])


class _Labels:
    """The labels of a cell: the series' own and, in a view by level, the group's."""

    def __init__(self, catalog: Catalog, paths: list[tuple[str, ...]], level: int | None) -> None:
        self.paths = paths
        self._series: list[SeriesEntry] = catalog.series
        self._grouped = level is not None
        self._extra: list[Labels] = [(("fog_level", str(level)), ("fog_path", "/".join(path))) for path in paths]

    def add(self, found: Found, cell: tuple[int, int], value: float, created: float | None, extra: Labels = ()) -> None:
        """Note one sample of the series and group of a cell."""
        entry = self._series[cell[0]]
        snapshot = SeriesSnapshot(self.of(entry.labels, cell[1], extra), value, _moment(created))
        found[entry.family].append(snapshot)

    def of(self, own: Labels, group: int, extra: Labels = ()) -> Labels:
        """All labels, sorted; a user's label that is called as one of ours gets the prefix ``exported_``."""
        ours = (*self._extra[group], *extra) if self._grouped else extra
        if not ours:
            return own
        taken = {name for name, _ in ours}
        kept = ((f"exported_{name}" if name in taken else name, value) for name, value in own)
        return tuple(sorted((*kept, *ours)))


def _whose(view: View, group: Path) -> tuple[bool, Path]:
    """Whether a group of a view is a node alone or its subtree, and the path: the same number has the same name."""
    if view.level is None:
        return view.own, view.under
    return len(group) <= view.level, group


def _cells(plan: Plan) -> Iterable[tuple[int, int]]:
    return zip(plan.series.tolist(), plan.group.tolist(), strict=True)


def _moment(created: float | None) -> float | None:
    return created if created is not None and np.isfinite(created) else None


def _metric_type(key: FamilyKey) -> MetricType:
    return MetricType(key.type_name)


def _gauge_samples(
    summary: Summary, place: int, choice: tuple[str, ...], tally: dict[float, int]
) -> Iterator[tuple[Labels, float]]:
    """The samples of one merged gauge: the headline bare, every other statistic with a label ``stat``."""
    for position, stat in enumerate(choice or STATS):
        bare = bool(choice) and position == 0
        if stat == "count_values":
            for value, count in sorted(tally.items()):
                yield (("stat", stat), ("value", f"{value:g}")), count
        else:
            yield (() if bare else (("stat", stat),)), _statistic(summary, place, stat)


def _statistic(summary: Summary, place: int, stat: str) -> float:
    if stat == "count":
        return int(summary.count[place])
    if stat == "avg":
        return float(summary.sum[place] / summary.count[place])
    column: dict[str, np.ndarray] = {"sum": summary.sum, "min": summary.min, "max": summary.max, "last": summary.last}
    return float(column[stat][place])

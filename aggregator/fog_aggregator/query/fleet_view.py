"""A view of the fleet as values: made in one go from a state, read by any thread at any time later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.families.known import Family
from fog_aggregator.core.fleet.lifecycle import Coverages
from fog_aggregator.core.fleet.silent_cover import Losses
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.samples import Clamp, Samples
from fog_aggregator.core.places.coverage import Coverage, Life
from fog_aggregator.core.rollups.run_plan import RunPlan
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.family_variants import described
from fog_aggregator.query.nodes import info_family
from fog_aggregator.query.plan import Draft
from fog_aggregator.query.samples import GroupLabels, Labeller, LazySeries
from fog_aggregator.query.selection import TOGETHER, Matcher, Selection, ViewKey
from fog_aggregator.query.totals import Totals
from fog_aggregator.query.view_snapshot import Found, ViewSnapshot
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry import model
from utilityfog_frontend.telemetry.model import FamilySnapshot, MetricType, SeriesSnapshot
from utilityfog_frontend.telemetry.names import sample_names

_NODES: Final = model.Family("fog_aggregator_nodes", MetricType.GAUGE, "Nodes by state")
_OLDEST: Final = model.Family(
    "fog_aggregator_oldest_frame_age_seconds",
    MetricType.GAUGE,
    "Age of the last frame of the live node that has been silent longest",
    unit="seconds",
)
_GAPPED: Final = model.Family(
    "fog_aggregator_nodes_gapped", MetricType.GAUGE, "Live nodes whose counts wait for a keyframe"
)
_SATURATED: Final = model.Family(
    "fog_aggregator_saturated_sums",
    MetricType.GAUGE,
    "Sums of a metric that stay at 2^63 - 1, or at the largest double: the true ones are larger",
)
_SILENT: Final = model.Family("fog_aggregator_silent", MetricType.GAUGE, "Silent nodes, at the paths that cover them")
MERGED_VALUES: Final = "fog_aggregator_group_values_total"
LATE_VALUES: Final = "fog_aggregator_group_values_late_total"
_MERGED: Final = (
    model.Family(MERGED_VALUES, MetricType.COUNTER, "Values merged"),
    model.Family(LATE_VALUES, MetricType.COUNTER, "Values that came late"),
)
"""Families of the history alone: `rate()` shows a burst where values came late."""
COVERAGE_FAMILIES: Final = (_NODES, _OLDEST, _GAPPED, _SATURATED, _SILENT)
"""Families that views have beside the nodes' own; the last one that of everything alone."""
SITE_TOKENS: Final = 2
"""So many tokens of a path name a site: alerts of one site are grouped by them."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Keep a part of a view for later ones.

    Attributes:
        clamp: gives the values to export of some fractional counters, none below what was exported before.
        offer: gives a plan to the next view of the same key.
        version: of what numbers of series and groups stand for: while it is the same, so are the label sets.
    """

    clamp: Callable[[ViewSnapshot, Samples], list[float]]
    offer: Callable[[ViewKey, Kind, Draft, RunPlan], None]
    version: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Beside:
    """Hold the part of a view that is not of the nodes' own families.

    Attributes:
        coverages: what each group stands on.
        info: what nodes tell of themselves, where that is shown.
        own: the aggregator's own metrics, where they are part of the view.
        losses: the nodes that are silent, where that is part of the view.
    """

    coverages: Coverages
    info: Sequence[tuple[Path, Mapping[str, str]]] = ()
    own: Sequence[FamilySnapshot] = ()
    losses: Losses | None = None


class FamilySamples(NamedTuple):
    """A family with its samples as columns.

    Attributes:
        family: the family.
        parts: its samples, each part of one statistic.
        labeller: knows their labels.
    """

    family: model.Family
    parts: list[Samples]
    labeller: Labeller


class FleetView:
    """Show a fleet as a selection and a grouping ask for it, at one moment.

    Everything is computed from copies when it is first asked for, so that the state is held only for the copying; it
    stays what it was then. A fractional counter is shown at least as high as it was exported by anybody before: what
    one reader saw must not fall for the next, whichever view is older.

    Args:
        snapshot: the copies.
        families: the catalog's.
        beside: what is shown with them.
        memory: what outlives the view.
    """

    def __init__(self, snapshot: ViewSnapshot, families: Sequence[Family], beside: Beside, memory: Memory) -> None:
        self._snapshot = snapshot
        self._families = families
        self._beside = beside
        self._memory = memory

    @property
    def coverages(self) -> Coverages:
        """Return the coverage of each group."""
        return self._beside.coverages

    @property
    def coverage(self) -> Coverage:
        """Return the coverage of all groups together."""
        return self.coverages.total()

    @property
    def is_empty(self) -> bool:
        """Tell whether nobody in the view has any of its series, be they counted now or not."""
        return self._snapshot.is_empty

    @cached_property
    def shown(self) -> frozenset[int]:
        """Return the numbers of the series that have a sample."""
        found = self._snapshot.found(lambda samples: samples.values.tolist())  # nothing is exported of it
        self._offer()
        numbers = [samples.series for parts in found.values() for samples in parts]
        return frozenset(np.concatenate([np.zeros(0, np.int32), *numbers]).tolist())

    @cached_property
    def metrics(self) -> list[FamilySnapshot]:
        """Return the nodes' families, in the order of names; their series are made while they are read."""
        found = self._found
        bounds, entries = self._snapshot.bounds, self._snapshot.series
        labeller = Labeller(entries, self._group_labels)
        return [
            FamilySnapshot(
                described(self._families[number], bounds.get(number, ())), LazySeries(found[number], labeller)
            )
            for number in sorted(found, key=lambda number: self._families[number].key)
        ]

    @property
    def saturated(self) -> list[FamilySnapshot]:
        """Return how many sums of each metric stay at the most that there can be; no family where none does."""
        return [FamilySnapshot(one.family, LazySeries(one.parts, one.labeller)) for one in self._saturated(self._found)]

    def families(self) -> list[FamilySnapshot]:
        """Everything that a response shows: the nodes' families, coverage, information, the aggregator's own.

        Whatever metrics were asked for, sums of them that are no true ones are told.
        """
        selection = self._snapshot.view.selection
        info = [info_family(self._beside.info, selection.matchers)] if self._beside.info else []
        own = (
            [_matched(one, selection.matchers) for one in self._beside.own] if selection.matchers else self._beside.own
        )
        beside = [one for one in (*self._covered(), *info, *own) if _is_asked_for(one.family, selection)]
        return self.metrics + self.saturated + beside

    def sampled(self) -> list[FamilySamples]:
        """Return the nodes' families and coverage as columns; fractional counters as they were added up."""
        found = self._snapshot.found(lambda samples: samples.values.tolist())
        self._offer()
        bounds, labeller = self._snapshot.bounds, Labeller(self._snapshot.series, self._group_labels)
        families = [
            FamilySamples(described(self._families[number], bounds.get(number, ())), found[number], labeller)
            for number in sorted(found, key=lambda number: self._families[number].key)
        ]
        return families + self._coverage_samples() + self._merged_samples() + self._saturated(found)

    def losses(self) -> list[FamilySnapshot]:
        """Return the places that cover silent nodes, as a family, where it is part of the view."""
        return [_silent(self._beside.losses)] if self._beside.losses is not None else []

    @property
    def version(self) -> tuple[int, int]:
        """Return the version of what label sets depend on."""
        return self._memory.version

    def totals(self) -> Totals:
        """Return the absolute totals of a view of one group, as they go up to a parent."""
        totals = self._snapshot.totals(self._families, self.coverage)
        self._offer()
        return totals

    @cached_property
    def _found(self) -> Found:
        found = self._snapshot.found(self._clamp)
        self._offer()
        return found

    def _saturated(self, found: Found) -> list[FamilySamples]:
        """Count the sums that stay at the most, by the name of their metric and by group, where there are any."""
        entries: list[SeriesEntry] = []
        columns: list[tuple[Int32s, Int32s, Int64s]] = []
        for number, parts in sorted(found.items()):
            stayed = [one.group[chosen] for one in parts if (chosen := one.saturated) is not None]
            if stayed:
                group, counts = np.unique(np.concatenate(stayed), return_counts=True)
                columns.append((np.full(len(group), len(entries), np.int32), group, counts))
                entries.append(SeriesEntry(0, (("name", self._families[number].key.name),)))
        if not entries:
            return []
        series, groups, sums = (np.concatenate(column) for column in zip(*columns, strict=True))
        return [FamilySamples(_SATURATED, [Samples(series, groups, sums)], Labeller(entries, self._group_labels))]

    @property
    def _clamp(self) -> Clamp:
        return lambda samples: self._memory.clamp(self._snapshot, samples)

    def _offer(self) -> None:
        for kind, draft, plan in self._snapshot.fresh:
            self._memory.offer(self._snapshot.view, kind, draft, plan)

    @cached_property
    def _group_labels(self) -> GroupLabels:
        return GroupLabels(self._snapshot.view.grouping, self._snapshot.paths)

    def _covered(self) -> list[FamilySnapshot]:
        """Coverage as metrics, beside the numbers it qualifies."""
        counted = [FamilySnapshot(one.family, LazySeries(one.parts, one.labeller)) for one in self._coverage_samples()]
        return [*counted, self._gapped(), *self.losses()]

    def _gapped(self) -> FamilySnapshot:
        """Return how many nodes are late with their counts: of groups, of those alone that have any."""
        covered, group, labeller = self._covered_groups
        late = self._shown(covered.gapped)
        samples = Samples(np.zeros_like(group), group, covered.gapped).take(late)
        return FamilySnapshot(_GAPPED, LazySeries([samples], labeller))

    def _shown(self, counts: Int64s) -> Bools:
        """Tell where a count is shown that is mostly 0: not for each group, which may be a node each."""
        grouping = self._snapshot.view.grouping
        return (counts > 0) | (grouping.level is None and grouping.info is None)

    @cached_property
    def _covered_groups(self) -> tuple[Coverages, Int32s, Labeller]:
        """Return what stands behind the groups that are shown, with their numbers and their labels."""
        grouping, covered = self._snapshot.view.grouping, self.coverages
        if grouping.level is None and grouping.info is None:
            covered = covered.together()
        group = np.arange(len(covered.paths), dtype=np.int32)
        return covered, group, Labeller([SeriesEntry(0, ())], GroupLabels(grouping, covered.paths))

    def _merged_samples(self) -> list[FamilySamples]:
        covered, group, labeller = self._covered_groups
        return [
            FamilySamples(family, [Samples(np.zeros_like(group), group, covered.merged[:, column])], labeller)
            for column, family in enumerate(_MERGED)
        ]

    def _coverage_samples(self) -> list[FamilySamples]:
        covered, group, labeller = self._covered_groups
        nodes = [
            Samples(np.zeros_like(group), group, covered.nodes[:, life], extra=(("state", life.label),))
            for life in Life
        ]
        nodes[Life.UNREAD] = nodes[Life.UNREAD].take(self._shown(covered.nodes[:, Life.UNREAD]))
        ages = [Samples(np.zeros_like(group), group, covered.oldest)]
        return [FamilySamples(_NODES, nodes, labeller), FamilySamples(_OLDEST, ages, labeller)]


def shows_losses(view: ViewKey) -> bool:
    """Tell whether the places that cover silent nodes are part of a view: each node is looked at for them."""
    selection, grouping = view
    return grouping == TOGETHER and not selection.under and _is_asked_for(_SILENT, selection)


def _is_asked_for(family: model.Family, selection: Selection) -> bool:
    return not selection.names or not selection.names.isdisjoint(sample_names(family))


def _silent(losses: Losses) -> FamilySnapshot:
    """Make a sample for each place that covers silent nodes."""
    return FamilySnapshot(
        _SILENT,
        [
            SeriesSnapshot(
                (
                    ("fog_kind", entry.extent.value),
                    ("fog_path", format_path(entry.path)),
                    ("fog_site", format_path(entry.path[:SITE_TOKENS])),
                ),
                entry.nodes,
            )
            for entry in losses.cover()
        ],
    )


def _matched(family: FamilySnapshot, matchers: Sequence[Matcher]) -> FamilySnapshot:
    """Keep the series of a family that all matchers select."""
    series = [one for one in family.series if all(matcher.matches(one.labels) for matcher in matchers)]
    return FamilySnapshot(family.family, series)

"""The families and series that lines of statsd have begun. Pure.

Series of one family may have different labels, as lines of one name have different tags: so they are not instruments
but totals that a collector reads, exact as its own are.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Final, NamedTuple

from fog_agent.sources.names import Names, valid_label_name
from fog_schema.limits import MAX_LABELS, MAX_NAME_LENGTH
from utilityfog_frontend.telemetry.labels import sorted_labels
from utilityfog_frontend.telemetry.model import Exponential, Family, FamilySnapshot, Labels, MetricType, SeriesSnapshot
from utilityfog_frontend.telemetry.names import RESERVED, check_family, refuse_clashes, sample_names

from .lines import CLASH, NAME, NEW_SERIES, SERIES, STATSD, TAGS, RefusedError
from .mapping import UPDOWN, Mapping
from .plan import Allowance, Plan
from .series import Count, Distinct, Distribution, ExponentialDistribution, Level, Room, StatsdSeries

LOOKS: Final = 4
"""A series ends that had no line between so many looks, one after the other."""
MAX_MEMBERS_IN_ALL: Final = 100_000
"""Members of all sets: about 10 MB."""


class _Kind(NamedTuple):
    """How lines of one type are shown."""

    type: MetricType
    suffix: str
    unit: str
    scale: int
    words: str


KINDS: Final = {
    "c": _Kind(MetricType.COUNTER, "_total", "", 1, "counter"),
    UPDOWN: _Kind(MetricType.GAUGE, "", "", 1, "counter that goes up and down"),
    "g": _Kind(MetricType.GAUGE, "", "", 1, "gauge"),
    "s": _Kind(MetricType.GAUGE, "", "", 1, "set, distinct values of the last interval"),
    "ms": _Kind(MetricType.HISTOGRAM, "_seconds", "seconds", 1_000, "timer"),
    "h": _Kind(MetricType.HISTOGRAM, "", "", 1, "histogram"),
}


class _FamilyTotals:
    """One family."""

    __slots__ = ("family", "kind", "series")

    def __init__(self, family: Family, kind: str) -> None:
        self.family = family
        self.kind = kind
        self.series: dict[Labels, StatsdSeries] = {}


class Families:
    """All families of a listener. One call at a time.

    Args:
        plan: how lines are read.
        names: makes names valid.
        taken: tells whether a name of a sample is another's, in the collector that will show these.

    Attributes:
        ended: how many series have ended.
    """

    def __init__(self, plan: Plan, names: Names, taken: Callable[[str], bool]) -> None:
        self.ended = 0
        self._plan = plan
        self._names = names
        self._taken = taken
        self._families: dict[str, _FamilyTotals] = {}
        self._owners: dict[str, str] = {}
        self._live = 0
        self._newcomers = Allowance(plan.limits.new_series)
        self._room = Room(MAX_MEMBERS_IN_ALL)
        self._looked: float | None = None
        self._interval_began: float | None = None

    def series(self, name: str, kind: str, tags: dict[str, str], mapping: Mapping, now: float) -> StatsdSeries:
        """Return the series of a name and tags; made when it is new.

        Raises:
            RefusedError: it cannot be.
        """
        state = self._family(name, kind, mapping)
        labels = self._labels(tags, state.family)
        series = state.series.get(labels)
        if series is None:
            if self._live >= self._plan.limits.series:
                raise RefusedError(SERIES)
            if not self._newcomers.take(now):
                raise RefusedError(NEW_SERIES)
            series = state.series[labels] = self._begin(state, now)
            self._live += 1
        return series

    def _family(self, name: str, kind: str, mapping: Mapping) -> _FamilyTotals:
        shown = KINDS[kind]
        if len(name) > MAX_NAME_LENGTH - len(shown.suffix):
            raise RefusedError(NAME)
        valid = self._names.metric(name, shown.suffix)
        state = self._families.get(valid)
        if state is None:
            if len(self._families) >= self._plan.limits.series:
                raise RefusedError(SERIES)
            state = self._families[valid] = _FamilyTotals(self._new_family(valid, name, kind, mapping), kind)
        if state.kind != kind:
            raise RefusedError(CLASH)
        return state

    def _new_family(self, valid: str, name: str, kind: str, mapping: Mapping) -> Family:
        type_, _, unit, _, words = KINDS[kind]
        help_text = f"statsd {words}: {name}"
        family = Family(valid, type_, help_text, unit, rollup=() if type_.incremental else mapping.rollup)
        if type_.has_buckets:
            buckets = self._plan.buckets if mapping.buckets is None else mapping.buckets
            if isinstance(buckets, Exponential):
                family = Family(valid, MetricType.EXPONENTIAL_HISTOGRAM, help_text, unit, exponential=buckets)
            else:
                family = Family(valid, type_, help_text, unit, buckets)
        try:
            check_family(family)
        except ValueError:
            raise RefusedError(NAME) from None
        if valid.startswith(RESERVED):
            raise RefusedError(NAME)
        samples = list(sample_names(family))
        try:
            refuse_clashes(family, self._owners)
        except ValueError:
            raise RefusedError(CLASH) from None
        if any(self._taken(sample) for sample in samples):
            raise RefusedError(CLASH)
        self._owners.update(dict.fromkeys(samples, valid))
        return family

    def _labels(self, tags: dict[str, str], family: Family) -> Labels:
        found = {}
        for tag, value in tags.items():
            if tag not in self._plan.drop_tags:
                name = valid_label_name(tag)
                found["exported_" + name if name in family.type.reserved_labels else name] = value
        if len(found) > MAX_LABELS:
            raise RefusedError(TAGS)
        return sorted_labels(found)

    def _begin(self, state: _FamilyTotals, now: float) -> StatsdSeries:
        family, kind = state.family, state.kind
        if kind == "c":
            return Count(now)
        if kind == "s":
            return Distinct(now, self._room)
        if family.exponential is not None:
            return ExponentialDistribution(now, KINDS[kind].scale, family.exponential)
        if family.bounds:
            return Distribution(now, KINDS[kind].scale, family.bounds)
        return Level(now, signed=self._plan.dialect == STATSD, adds=kind == UPDOWN)

    def collect(self, now: float) -> list[FamilySnapshot]:
        """Return all series that have a value. A series that was idle for too long has ended, and was told before."""
        limits = self._plan.limits
        if is_over(self._interval_began, limits.interval, now):
            if self._interval_began is not None:  # the first one begins
                self._end_interval()
            self._interval_began = now
        if is_over(self._looked, limits.idle / LOOKS, now):
            self._end_idle()
            self._looked = now
        snapshots = []
        for state in self._families.values():
            values = [(labels, series.read(), series.created) for labels, series in state.series.items()]
            shown = [SeriesSnapshot(labels, value, since) for labels, value, since in values if value is not None]
            if shown:
                snapshots.append(FamilySnapshot(state.family, shown))
        return snapshots

    def _end_interval(self) -> None:
        sets = [state.series.values() for state in self._families.values() if state.kind == "s"]
        for series in chain.from_iterable(sets):
            if isinstance(series, Distinct):
                series.end_interval()

    def _end_idle(self) -> None:
        for state in self._families.values():
            idle = [labels for labels, series in state.series.items() if series.rest() >= LOOKS]
            for labels in idle:
                series = state.series.pop(labels)
                if isinstance(series, Distinct):
                    series.end_interval()  # its members make room for others
            self.ended += len(idle)
            self._live -= len(idle)


def is_over(since: float | None, seconds: float, now: float) -> bool:
    """Tell whether so many seconds have passed; also the first time, and when the clock went back."""
    return since is None or not 0 <= now - since < seconds

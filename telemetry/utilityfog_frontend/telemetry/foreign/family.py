"""One family of a source: its series, and the metric that shows them."""

from collections.abc import Iterable, Sequence
from itertools import compress, count, repeat
from operator import is_not
from typing import Final, NamedTuple, Protocol

from utilityfog_frontend.telemetry.instruments.family import Scope
from utilityfog_frontend.telemetry.instruments.metric import Metric, MetricState
from utilityfog_frontend.telemetry.instruments.series import Series
from utilityfog_frontend.telemetry.kinds import is_count
from utilityfog_frontend.telemetry.labels import label_value, sorted_labels
from utilityfog_frontend.telemetry.model import Family, Labels, MetricValue, SeriesSnapshot, Value, joined_values
from utilityfog_frontend.telemetry.names import check_label_names
from utilityfog_frontend.telemetry.support.arguments import shown
from utilityfog_frontend.telemetry.support.breathing import Breather

from .series import ForeignSeries

TOLD_TOGETHER: Final = 64
"""Values that are taken without a breath between them."""


class Teller(Protocol):
    """A part of a source."""

    @property
    def immutable(self) -> bool:
        """Whether it never changes what it has told: the same object is the same series with the same value."""


Reported = Sequence[tuple[Teller, Sequence[SeriesSnapshot]]]
"""The series of a family by the part of the source that reports them."""


class _Report(NamedTuple):
    """The last report of one part of a source: its series as it reported them, and as they are here."""

    part: Teller
    reported: Sequence[SeriesSnapshot]
    series: Sequence[ForeignSeries]


class ForeignState(MetricState):
    """The series of one family of a source.

    Attributes:
        family: its name, type and so on.
        teller: the part of the source whose series are being taken.
    """

    def __init__(self, family: Family, scope: Scope) -> None:
        self.family = family
        self._scope = scope
        self._live: dict[Labels, ForeignSeries] = {}
        self._last: list[_Report] | None = None  # where all that was told last is here, and each once
        self._counts = family.type.incremental
        self.teller: object = None
        self._has_odd_labels = self._has_odd_values = False

    def update(self, reported: Reported) -> None:
        """Take what each part of the source says now; what none says any more has ended. One thread at a time.

        A series that two parts tell is the first one's.

        The lock is held for those that begin and end alone: a program that makes a child waits for it.
        """
        if not self._is_as_last(reported) or not self._go_on(reported, self._last or ()):
            self._last = self._take_all(reported)

    def _is_as_last(self, reported: Reported) -> bool:
        """Tell whether each part tells as many series as it told last."""
        last = [(report.part, len(report.reported)) for report in self._last or ()]
        return self._last is not None and last == [(part, len(series)) for part, series in reported]

    def _go_on(self, reported: Reported, last: Iterable[_Report]) -> bool:
        """Take the values that are new of the series that were told last; tell whether they are the same series.

        Where they are not, all of it is to be taken once more.
        """
        reports, breathe = [], Breather()
        for (teller, latest), before in zip(reported, last, strict=True):
            self.teller = teller
            changed = map(is_not, latest, before.reported) if teller.immutable else repeat(1, len(latest))
            for number, at in enumerate(compress(count(), changed)):
                if not number % TOLD_TOGETHER:
                    breathe()
                one, series = latest[at], before.series[at]
                if one.labels is not series.labels and one.labels != series.labels:
                    return False
                if not series.advance(one) and not self._tell_sound(series, one):
                    return False
            reports.append(_Report(teller, latest, before.series))
        self._last = reports
        return True

    def _tell_sound(self, series: ForeignSeries, reported: SeriesSnapshot) -> bool:
        """Take a value that its series goes on with; tell whether it is one."""
        goes_on = self._is_sound(reported.value) and not self.began_anew(series, reported)
        if goes_on:
            series.tell(reported)
        return goes_on

    def _take_all(self, reported: Reported) -> list[_Report] | None:
        """Take all that is told; return it, or None where some of it is refused."""
        gone = dict(self._live)
        seen: set[Labels] = set()
        reports = []
        breathe = Breather()
        for teller, latest in reported:
            self.teller = teller
            taken = []
            for one in latest:
                breathe()
                known = _normal(one, gone)
                if one.labels in seen or not self._is_sound(one.value):
                    self._refuse(one)
                    continue
                seen.add(one.labels)
                series = self._take(one, known)
                if series is not None:
                    taken.append(series)
            reports.append(_Report(teller, latest, taken))
        with self._scope.lifetimes.lock:
            for labels, series in gone.items():
                del self._live[labels]
                self._scope.lifetimes.ended(series)
                self._vanish(series)
        return reports if all(len(one.series) == len(one.reported) for one in reports) else None

    def _take(self, reported: SeriesSnapshot, series: ForeignSeries | None) -> ForeignSeries | None:
        """Take one value; return its series, which may be a new one, or None where none may begin."""
        if series is not None and not self.began_anew(series, reported):
            series.tell(reported)
            return series
        with self._scope.lifetimes.lock:
            if not self._scope.lifetimes.refusing:
                self._begin(reported, series)
            elif series is not None:
                series.tell(reported)
        return self._live.get(reported.labels)

    def _vanish(self, series: ForeignSeries) -> None:
        """Take leave of a series that nobody tells any more."""

    def _is_sound(self, value: Value) -> bool:
        return not self._counts or is_count(value)

    def _refuse(self, reported: SeriesSnapshot) -> None:
        self._scope.problems.count("source_value")
        if not self._has_odd_values:
            self._has_odd_values = True
            self._scope.problems.warn(
                "a source tells %s%s twice, or with a value that no count has (%s): its last good one stays",
                self.family.name,
                dict(reported.labels) or "",
                shown(reported.value),
            )

    def _begin(self, reported: SeriesSnapshot, old: ForeignSeries | None) -> None:
        try:
            check_label_names([name for name, _ in reported.labels], self.family)
        except ValueError:
            if not self._has_odd_labels:
                self._has_odd_labels = True
                self._scope.problems.count("source_family")
            return
        self._live[reported.labels] = self._new_series(reported, old)
        self._scope.lifetimes.started()
        if old is not None:
            self._scope.lifetimes.ended(old)

    def _new_series(self, reported: SeriesSnapshot, old: ForeignSeries | None) -> ForeignSeries:
        del old
        return ForeignSeries(self.family, reported, self._scope.clock())

    def began_anew(self, series: ForeignSeries, reported: SeriesSnapshot) -> bool:
        """Tell whether a series' source began to count anew since it was read last."""
        return series.went_down(reported.value)

    def series(self) -> Iterable[Series]:
        """Its live series."""
        return list(self._live.values())

    def snapshots(self) -> list[SeriesSnapshot]:
        """Its live series now."""
        return [series.snapshot() for series in list(self._live.values())]

    def sweep(self) -> None:
        """Nothing: the source decides what ends."""

    def reset(self) -> None:
        """Show counts from zero again; the source itself is not touched."""
        for series in list(self._live.values()):
            series.restart(self._scope.clock())

    def forget(self) -> None:
        """In a forked child: have no series; the parent's watches are closed, so that nobody is told."""
        self._live.clear()
        self._last = None

    def renew(self) -> None:
        """In a forked child: what the parent counted until now is the parent's."""
        self._last = None
        if not self._counts:
            return
        now = self._scope.clock()
        for labels, series in self._live.items():
            reported = SeriesSnapshot(labels, series.reported)
            self._live[labels] = ForeignSeries(self.family, reported, now, since=series.reported)


def _normal(reported: SeriesSnapshot, gone: dict[Labels, ForeignSeries]) -> ForeignSeries | None:
    """Give what is told the labels that its series has, or would have; return and take out the one that is known."""
    try:
        series = gone.pop(reported.labels, None)
    except TypeError:  # a source of the program's may have labels in lists
        series = None
    if series is None:
        reported.labels = sorted_labels({name: label_value(text) for name, text in reported.labels})
        series = gone.pop(reported.labels, None)
    if series is not None:
        reported.labels = series.labels  # one tuple of them is enough
    return series


class ForeignMetric(Metric):
    """A metric that is only read here."""

    __slots__ = ("_scope", "_state")

    def __init__(self, state: ForeignState, scope: Scope) -> None:
        self._state = state
        self._scope = scope

    @property
    def family(self) -> Family:
        """Name, type, help, unit, bounds and rollup."""
        return self._state.family

    def get_value(self) -> MetricValue | list[MetricValue]:
        """One value, or a list for a histogram and for more than one series."""
        return joined_values(self.family, self._state.snapshots(), self._scope.clock())

    def reset(self) -> None:
        """Show counts from zero again; the source itself is not touched."""
        self._state.reset()

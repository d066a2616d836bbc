"""One family of a source: its series, and the metric that shows them."""

from collections.abc import Iterable

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
        self.teller: object = None
        self._has_odd_labels = self._has_odd_values = False

    def update(self, reported: Iterable[tuple[object, Iterable[SeriesSnapshot]]]) -> None:
        """Take what each part of the source says now; what none says any more has ended. One thread at a time.

        A series that two parts tell is the first one's.

        The lock is held for those that begin and end alone: a program that makes a child waits for it.
        """
        gone = dict(self._live)
        seen = set()
        breathe = Breather()
        for self.teller, one in ((part, series) for part, all_of_it in reported for series in all_of_it):
            breathe()
            one.labels = sorted_labels({name: label_value(text) for name, text in one.labels})
            series = gone.pop(one.labels, None)
            if series is not None:
                one.labels = series.labels  # one tuple of them is enough
            if one.labels in seen or not self._is_sound(one.value):
                self._refuse(one)
                continue
            seen.add(one.labels)
            self._take(one, series)
        with self._scope.lifetimes.lock:
            for labels, series in gone.items():
                del self._live[labels]
                self._scope.lifetimes.ended(series)

    def _take(self, reported: SeriesSnapshot, series: ForeignSeries | None) -> None:
        if series is not None and not self.began_anew(series, reported):
            series.tell(reported)
            return
        with self._scope.lifetimes.lock:
            if not self._scope.lifetimes.refusing:
                self._begin(reported, series)
            elif series is not None:
                series.tell(reported)

    def _is_sound(self, value: Value) -> bool:
        return not self.family.type.incremental or is_count(value)

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

    def renew(self) -> None:
        """In a forked child: what the parent counted until now is the parent's."""
        if not self.family.type.incremental:
            return
        now = self._scope.clock()
        for labels, series in self._live.items():
            reported = SeriesSnapshot(labels, series.reported)
            self._live[labels] = ForeignSeries(self.family, reported, now, since=series.reported)


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

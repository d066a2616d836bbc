"""Metrics that are counted elsewhere and only read here: another library's registry, the host's counters."""

from collections.abc import Callable, Iterable

from .instruments.family import Scope
from .instruments.gate import Gate
from .instruments.metric import Metric, MetricState
from .instruments.series import Series
from .kinds import is_count, size_of
from .labels import label_value, sorted_labels
from .model import (
    Family,
    FamilySnapshot,
    Labels,
    MetricValue,
    SeriesSnapshot,
    Value,
    add_values,
    metric_values,
    subtract_values,
)
from .names import check_label_names

Collect = Callable[[], Iterable[FamilySnapshot]]


class ForeignSeries(Series):
    """One series as its source last reported it."""

    __slots__ = ("_base", "_carried", "_since", "_value", "exemplars")

    def __init__(self, family: Family, reported: SeriesSnapshot, created: float, since: Value | None = None) -> None:
        super().__init__(family, reported.labels, reported.created or created, _NO_GATE)
        self.exemplars = reported.exemplars
        self._value = reported.value
        self._since = since  # what a forked child's parent had counted
        self._carried: Value | None = None  # what was counted before the source started again
        self._base: Value | None = None  # what the node no longer shows

    @property
    def reported(self) -> Value:
        """The value as the source reported it."""
        return self._value

    def went_down(self, value: Value) -> bool:
        """Whether `value` is less than was reported before, so that its source must have started again."""
        if not self.family.type.incremental:
            return False
        return size_of(value) < size_of(self._value)

    def tell(self, reported: SeriesSnapshot) -> None:
        """Take a new value."""
        if self.went_down(reported.value):
            self._carried, self._since = self.read(), None
        self._value = reported.value
        self.exemplars = reported.exemplars

    def read(self) -> Value:
        """Return the count since this series began."""
        value = self._value
        if self._since is not None:
            value = subtract_values(value, self._since)
        if self._carried is not None:
            value = add_values(value, self._carried)
        return value

    def current(self) -> Value:
        """As `read`, since `restart`."""
        return self.read() if self._base is None else subtract_values(self.read(), self._base)

    def snapshot(self) -> SeriesSnapshot:
        """Return the series with its exemplars."""
        return SeriesSnapshot(
            self.labels, self.current(), self.created, self.exemplars, self._rendered or self.render()
        )

    def restart(self, now: float) -> None:
        """Count from zero again for the node; a gauge stays what its source says."""
        if self.family.type.incremental:
            self._base = self.read()
            self.created = now

    def activity(self) -> object:
        """Say that it is always in use: its source decides when it ends."""
        return object()


class ForeignState(MetricState):
    """The series of one family of a source."""

    def __init__(self, family: Family, scope: Scope) -> None:
        self.family = family
        self._scope = scope
        self._live: dict[Labels, ForeignSeries] = {}

    def update(self, reported: Iterable[SeriesSnapshot]) -> None:
        """Take what the source says now; what it no longer says has ended."""
        lifetimes = self._scope.lifetimes
        with lifetimes.lock:
            gone = dict(self._live)
            seen = set()
            for one in reported:
                one.labels = sorted_labels({name: label_value(text) for name, text in one.labels})
                series = gone.pop(one.labels, None)
                if one.labels in seen or not self._is_sound(one.value):
                    self._scope.problems.count("source_value")
                    continue
                seen.add(one.labels)
                if series is not None and (lifetimes.refusing or not series.went_down(one.value)):
                    series.tell(one)
                elif not lifetimes.refusing:
                    self._begin(one, series)
            for labels, series in gone.items():
                del self._live[labels]
                lifetimes.ended(series)

    def _is_sound(self, value: Value) -> bool:
        return not self.family.type.incremental or is_count(value)

    def _begin(self, reported: SeriesSnapshot, old: ForeignSeries | None) -> None:
        try:
            check_label_names([name for name, _ in reported.labels], self.family)
        except ValueError:
            self._scope.problems.count("source_family")
            return
        self._live[reported.labels] = ForeignSeries(self.family, reported, self._scope.clock())
        self._scope.lifetimes.started()
        if old is not None:
            self._scope.lifetimes.ended(old)

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


class ForeignSource:
    """One source of a collector. Its caller sees to it that only one thread at a time refreshes it."""

    def __init__(self, collect: Collect, scope: Scope, add: Callable[[MetricState, Metric], None]) -> None:
        self._collect = collect
        self._scope = scope
        self._add = add
        self._states: dict[str, ForeignState] = {}
        self._refused: set[str] = set()

    def refresh(self) -> None:
        """Asks the source. Never raises."""
        try:
            reported = list(self._collect())
        except Exception:  # noqa: BLE001 - a broken source must not break the scrape
            self._scope.problems.report("source", "a source of metrics failed", exc_info=True)
            return
        # A source may tell of one family in several parts; of what it no longer tells, nothing is left.
        parts: dict[str, list[SeriesSnapshot]] = {name: [] for name in self._states}
        for snapshot in reported:
            name = snapshot.family.name
            if self._state(snapshot.family) is None:
                parts.pop(name, None)
            else:
                parts.setdefault(name, []).extend(snapshot.series)
        for name, series in parts.items():
            self._states[name].update(series)

    def _state(self, family: Family) -> ForeignState | None:
        state = self._states.get(family.name)
        if state is None and family.name not in self._refused:
            state = self._begin(family)
        if state is None or (state.family.type, state.family.bounds) != (family.type, family.bounds):
            self._scope.problems.count("source_family")
            return None
        return state

    def _begin(self, family: Family) -> ForeignState | None:
        state = ForeignState(family, self._scope)
        try:
            self._add(state, ForeignMetric(state, self._scope))
        except ValueError as error:
            self._refused.add(family.name)
            self._scope.problems.warn("a source's metric is left out: %s", error)
            return None
        self._states[family.name] = state
        return state


def joined_values(family: Family, series: Iterable[SeriesSnapshot], now: float) -> MetricValue | list[MetricValue]:
    """One value when there is one series, and it is no histogram; else the values of all in one list."""
    values = [metric_values(family, one, now) for one in series]
    if len(values) == 1:
        return values[0]
    return [value for several in values for value in (several if isinstance(several, list) else [several])]


_NO_GATE = Gate(lambda _amount: None)  # reported values are replaced whole: there is nothing to guard

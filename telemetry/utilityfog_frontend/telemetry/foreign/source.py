"""One source of a collector: a function that tells of families and their series."""

from collections.abc import Callable, Iterable

from utilityfog_frontend.telemetry.instruments.family import Scope
from utilityfog_frontend.telemetry.instruments.metric import Metric, MetricState
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, SeriesSnapshot

from .family import ForeignMetric, ForeignState

Collect = Callable[[], Iterable[FamilySnapshot]]


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

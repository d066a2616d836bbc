"""One source of a collector: a function that tells of families and their series."""

from collections.abc import Callable, Iterable
from typing import Final

from utilityfog_frontend.telemetry.instruments.family import Scope
from utilityfog_frontend.telemetry.instruments.metric import Metric, MetricState
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, LeftOut, SeriesSnapshot

from .family import ForeignMetric, ForeignState
from .rollups import RollupByName, RollupChoice

Collect = Callable[[], Iterable[FamilySnapshot | LeftOut]]

MAX_LEFT_OUT: Final = 10_000
"""Names that are remembered as left out, so that each is counted once; those beyond are not counted."""


class ForeignSource:
    """One source of a collector. Its caller sees to it that only one thread at a time refreshes it.

    Raises:
        ValueError: `rollup` has a choice that is none.
    """

    def __init__(
        self,
        collect: Collect,
        scope: Scope,
        add: Callable[[MetricState, Metric], None],
        rollup: RollupByName | None = None,
    ) -> None:
        self._collect = collect
        self._scope = scope
        self._add = add
        self._states: dict[str, ForeignState] = {}
        self._rollup = RollupChoice(rollup)
        self._refused: set[str] = set()
        self._left_out: set[LeftOut] = set()

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
            if isinstance(snapshot, LeftOut):
                self._leave_out(snapshot)
                continue
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
            self._leave_out(LeftOut(family.name, "source_family"))
            return None
        return state

    def _leave_out(self, what: LeftOut) -> None:
        """Count what is left out once, not at each reading."""
        if what not in self._left_out and len(self._left_out) < MAX_LEFT_OUT:
            self._left_out.add(what)
            self._scope.problems.count(what.reason)

    def _begin(self, family: Family) -> ForeignState | None:
        state = ForeignState(self._rollup.apply(family), self._scope)
        try:
            self._add(state, ForeignMetric(state, self._scope))
        except ValueError as error:
            self._refused.add(family.name)
            self._scope.problems.warn("a source's metric is left out: %s", error)
            return None
        self._states[family.name] = state
        return state

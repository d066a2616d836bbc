"""Tell which part of the values that a rate stands on came late: those of the alert's own part of the tree."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Final

from fog_aggregator.history.routing import LATE_VALUES, LEVEL, MERGED_VALUES, PATH
from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import label
from fog_aggregator.promql.language.tree import Call, Expression, Window
from fog_aggregator.rules.ports import RuleStorage
from fog_aggregator.rules.verdicts.reads import Scope, subexpressions
from fog_schema.paths import Path, parse_path

LATE_SHARE: Final = 0.01
"""So many of the values may come late before an alert on a rate waits."""

_RATES: Final = frozenset({"rate", "increase", "irate", "delta", "idelta", "deriv"})


def _rate_window(expression: Expression) -> int:
    """Return the longest window of a rate in an expression, in milliseconds; 0 without any."""
    calls = (one for one in subexpressions(expression) if isinstance(one, Call) and one.function in _RATES)
    return max((part.range for call in calls for part in call.arguments if isinstance(part, Window)), default=0)


class Lateness:
    """The late values in the window of a rule's rates, in one evaluation: each level of the tree is looked at once.

    Args:
        storage: The samples of the fleet.
        at: The time of the samples in milliseconds.
        expression: The rule's.
    """

    def __init__(self, storage: RuleStorage, at: int, expression: Expression) -> None:
        self._storage = storage
        self._at = at
        self._expression = expression
        self._known: dict[str, dict[Path, float] | None] = {}

    @cached_property
    def _window(self) -> int:
        """Return the milliseconds that its rates look at; few evaluations ask for it."""
        return _rate_window(self._expression)

    def words(self, scopes: Iterable[Scope]) -> str:
        """Tell how many values of some parts of the tree came late; empty when they are few."""
        paths = {scope.path for scope in scopes if not scope.of_silence} if self._window else set()
        if not paths or not self._shares("", 0.0):  # one small look instead of one at each level
            return ""
        share = max(map(self._share, paths))
        return f"{share:.1%} of the values of the last {self._window // 1000} s came late" if share else ""

    def _share(self, path: Path) -> float:
        """Return the share of a path; where its level is not kept, that of the nearest one above it that is."""
        for length in range(len(path), 0, -1):
            shares = self._shares(f'{{{LEVEL}="{length - 1}"}}')
            if shares is not None:
                return shares.get(path[:length], 0.0)
        return (self._shares("") or {}).get((), 0.0)

    def _shares(self, view: str, most: float = LATE_SHARE) -> dict[Path, float] | None:
        """Return the shares that are above `most` of the groups of a view, by path; None when it is not kept."""
        window = f"{view}[{self._window}ms]"
        question = f"increase({LATE_VALUES}{window}) / increase({MERGED_VALUES}{window}) > {most}"
        if question not in self._known:
            try:
                found = self._storage.query(question, self._at)
                self._known[question] = {_path(label(labels, PATH)): value for labels, value in found}
            except QueryError:
                self._known[question] = None
        return self._known[question]


def _path(text: str) -> Path:
    return parse_path(text) if text else ()

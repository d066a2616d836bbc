"""Judge a label set: true, false, or unknown while nodes behind it are silent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from fog_aggregator.promql.errors import QueryError
from fog_aggregator.promql.labels import NAME, Labels, drop, keep, without_name
from fog_aggregator.promql.language.tree import Expression, Matching
from fog_aggregator.rules.verdicts.coverage import Behind, Coverage, Silence, merged, silence_behind, silence_now
from fog_aggregator.rules.verdicts.reads import Scope
from fog_aggregator.rules.verdicts.skeleton import Claim, Combined, Skeleton, claims
from fog_aggregator.rules.verdicts.truth import Truth, both, either

LabelsOf: TypeAlias = Callable[[Expression], Sequence[Labels]]
"""Evaluates an expression at the moment of the judgement, and returns the label sets of its result."""

_Fits: TypeAlias = Callable[[Labels], bool]


def scopes_of(part: Skeleton, labels: Labels) -> tuple[Scope, ...]:
    """List the scopes behind a label set of a skeleton's result."""
    return merged(read.at(labels) for claim in claims(part) for read in claim.reads)


class Judge:
    """Judge the label sets of one expression at one moment.

    Most of the time all nodes speak, and the result of the query is the verdict. The parts of the skeleton are
    evaluated only when one is silent that could have made the difference.

    Args:
        part: The expression's skeleton.
        coverage: Knows the nodes.
        labels_of: Evaluates parts of the expression.
    """

    def __init__(self, part: Skeleton, coverage: Coverage, labels_of: LabelsOf) -> None:
        self._part = part
        self._coverage = coverage
        self._labels_of = labels_of
        self._known: dict[int, Sequence[Labels] | None] = {}

    def present(self, labels: Labels, behind: Behind | None) -> tuple[Truth, Silence]:
        """Judge a label set of the result, with those who are silent of its nodes.

        Args:
            labels: The label set.
            behind: The nodes that stood behind it, when it was true before.
        """
        silence = self._silence(self._part, labels, behind)
        joined = self._part.joined if isinstance(self._part, Combined) else self._part
        if not silence or not joined.doubtful:
            return Truth.TRUE, silence
        return self._judge(self._part, labels, self._equals(labels), behind), silence

    def missing(self, labels: Labels, behind: Behind) -> tuple[Truth, Silence]:
        """Judge a label set that is not in the result, and was there when `behind` was noted."""
        silence = self._silence(self._part, labels, behind)
        if not silence:
            return Truth.FALSE, silence
        return self._judge(self._part, labels, self._equals(labels), behind), silence

    def _equals(self, labels: Labels) -> _Fits:
        return lambda other: without_name(other) == labels

    def _silence(self, part: Skeleton, labels: Labels, behind: Behind | None) -> Silence:
        scopes = scopes_of(part, labels)
        if behind is None:
            return silence_now(scopes, self._coverage)
        return silence_behind(behind, scopes, self._coverage)

    def _judge(self, part: Skeleton, labels: Labels, fits: _Fits, behind: Behind | None) -> Truth:
        if isinstance(part, Claim):
            return self._claim(part, labels, fits, behind)
        left = self._judge(part.left, labels, fits, behind)
        if part.operator == "or":
            return either(left, self._judge(part.right, labels, fits, behind))
        right = self._side(part.right, labels, _matches(part.matching, labels), behind)
        return both(left, right if part.operator == "and" else ~right)

    def _side(self, part: Skeleton, labels: Labels, fits: _Fits, behind: Behind | None) -> Truth:
        """Judge the right side of `and` or `unless`: whether any of its label sets matches."""
        if isinstance(part, Combined) and part.operator == "or":
            sides = (self._side(one, labels, fits, behind) for one in (part.left, part.right))
            return either(*sides)
        return self._claim(part.joined if isinstance(part, Combined) else part, labels, fits, behind)

    def _claim(self, claim: Claim, labels: Labels, fits: _Fits, behind: Behind | None) -> Truth:
        found = self._labels(claim.expression)
        if found is None:
            return Truth.UNKNOWN
        seen = any(map(fits, found))
        silent = bool(self._silence(claim, labels, behind))
        if seen:
            return Truth.UNKNOWN if silent and claim.doubtful else Truth.TRUE
        return Truth.UNKNOWN if silent and not claim.shows_presence else Truth.FALSE

    def _labels(self, expression: Expression) -> Sequence[Labels] | None:
        """Evaluate a part once; None when it cannot be evaluated."""
        key = id(expression)
        if key not in self._known:
            try:
                self._known[key] = self._labels_of(expression)
            except QueryError:
                self._known[key] = None
        return self._known[key]


def _matches(matching: Matching, labels: Labels) -> _Fits:
    """Make the test for label sets that match one, as `on` and `ignoring` say."""
    names = frozenset(matching.labels)
    if matching.on:
        wanted = keep(labels, names)
        return lambda other: keep(other, names) == wanted
    ignored = names | {NAME}
    without = drop(labels, ignored)
    return lambda other: drop(other, ignored) == without

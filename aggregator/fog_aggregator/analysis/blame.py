"""Find the part of the tree that explains how an expression changed between two moments.

At each place the expression is evaluated for the place's children at once. A child that explains enough of the change
is looked into, until none does: the last place is the deepest that explains the change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final, Protocol

import numpy as np

from fog_aggregator.analysis.rewriting import check_names_no_view, of_children, of_node, of_subtree
from fog_aggregator.analysis.shares import ENOUGH, Part, Share, explanation, shares
from fog_aggregator.history.routing import PATH
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.evaluation.context import Options
from fog_aggregator.promql.labels import label
from fog_aggregator.promql.language.tree import Expression, ValueType, type_of
from fog_aggregator.promql.query import MatrixResult, Result, range_query
from fog_aggregator.promql.storage import Storage
from fog_schema.paths import Path

MOST_ALONE: Final = 32
"""Children that are evaluated one by one, where no history has them as a level."""
_EXACT: Final = 1e-6
"""Sums whose relative difference is smaller are the same."""
_NOT_FINITE: Final = "values that are infinite, or no numbers, count as 0"


class Places(Protocol):
    """The tree, and the levels that there is history of."""

    def children(self, place: Path) -> Sequence[Path]:
        """Return the paths of one more token with nodes at or under them, and the place itself if it is a node."""

    def has_level(self, level: int, since: int) -> bool:
        """Tell whether there is history of a level since a time, milliseconds."""

    def has_total(self, place: Path, since: int) -> bool:
        """Tell whether there is history of the total of a place since a time."""


@dataclass(frozen=True, slots=True)
class Question:
    """A change to be explained.

    Attributes:
        expression: a sum, or anything that adds up over the children of a place.
        path: the place whose children are looked at first.
        start: the earlier moment, milliseconds.
        end: the later moment.
        enough: the share of the change that a place must have to explain it.
    """

    expression: Expression
    path: Path
    start: int
    end: int
    enough: float = ENOUGH


@dataclass(frozen=True, slots=True)
class Child:
    """One child of a place, or the place's own values.

    Attributes:
        path: where it is.
        part: its values.
        share: what it has to do with the change of the place.
        suspect: whether it is one of those that explain the change together.
    """

    path: Path
    part: Part
    share: Share
    suspect: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One place that was looked into.

    Attributes:
        path: the place.
        part: its values: the sum of its children's.
        children: the largest contributions first.
        share: of the change that is to be explained, which is the change of the first place.
        rest: how much of the place's change its children do not have; 0 for what adds up.
    """

    path: Path
    part: Part
    children: Sequence[Child]
    share: float | None
    rest: float


@dataclass(frozen=True, slots=True)
class Blame:
    """Where a change comes from.

    Attributes:
        steps: the places that were looked into, each below the one before.
        path: the deepest place that explains the change.
        share: the share of the change that it has; None when nothing changed.
        reason: why it is not looked into any deeper.
        warnings: what the numbers should be read with.
    """

    steps: Sequence[Step]
    path: Path
    share: float | None
    reason: str
    warnings: tuple[str, ...] = ()


def blame(question: Question, storage: Storage, places: Places, options: Options) -> Blame:
    """Find the deepest place that explains a change.

    Raises:
        QueryError: the expression cannot be evaluated, or not for each child of a place.
    """
    check_names_no_view(question.expression)
    if type_of(question.expression) is not ValueType.VECTOR:
        raise BadQueryError("the expression must be an instant vector: a sum, a rate or a counter")
    if question.end <= question.start:
        raise BadQueryError("the earlier moment must come before the later one")
    return _Descent(question, storage, places, options).run()


class _Descent:
    """One question on its way down."""

    def __init__(self, question: Question, storage: Storage, places: Places, options: Options) -> None:
        self._question = question
        self._storage = storage
        self._places = places
        self._options = options
        self._warnings: dict[str, None] = {}

    def run(self) -> Blame:
        """Look into one place after the other."""
        place, known = self._question.path, self._first_part()
        steps: list[Step] = []
        share: float | None = None
        while True:
            if steps and list(self._places.children(place)) == [place]:
                reason = "nothing lies below it"
                break
            try:
                parts = self._children(place)
            except _TooDeepError as error:
                reason = str(error)
                break
            step = _step(place, parts, known, steps[0].part.change if steps else None, self._question.enough)
            steps.append(step)
            if known is None and not step.part.before and step.part.change:
                self._warn_of_nothing_before()
            share = step.share
            chosen = self._chosen(step, steps[0].part.change)
            if chosen is None:
                reason = self._why_not(step)
                break
            place, share, known = chosen.path, chosen.part.change / steps[0].part.change, chosen.part
            if place == step.path:
                reason = "these are its own values"
                break
        return Blame(steps, place, share, reason, tuple(self._warnings))

    def _warn_of_nothing_before(self) -> None:
        since = self._question.start / 1000
        text = f"no history of the total reaches back to {since:.3f}: what is not known of then counts as 0"
        self._warnings[text] = None

    def _chosen(self, step: Step, change: float) -> Child | None:
        if not change:
            return None
        best = max(step.children, key=lambda child: child.part.change / change, default=None)
        return best if best is not None and best.part.change / change >= self._question.enough else None

    def _why_not(self, step: Step) -> str:
        if not step.part.change:
            return "nothing has changed"
        return f"none of its children has {self._question.enough:.0%} of the change"

    def _first_part(self) -> Part | None:
        """Return the values of the first place as they are; None where there is no history of them."""
        question = self._question
        if not self._places.has_total(question.path, question.start):
            return None
        return _sum(list(self._values(of_subtree(question.expression, question.path)).values()))

    def _children(self, place: Path) -> dict[Path, Part]:
        if self._places.has_level(len(place), self._question.start):
            found = self._values(of_children(self._question.expression, place))
            if "" in found:
                raise BadQueryError(
                    "the expression does not tell the children of a place apart: its result has no fog_path"
                )
            return {tuple(path.split("/")): part for path, part in found.items()}
        children = self._places.children(place)
        if len(children) > MOST_ALONE:
            raise _TooDeepError(
                f"it has {len(children)} children, and there is no history of level {len(place)}: "
                f"no more than {MOST_ALONE} are read one by one"
            )
        return {child: self._alone(child, own=child == place) for child in children}

    def _alone(self, child: Path, *, own: bool) -> Part:
        is_leaf = own or list(self._places.children(child)) == [child]
        expression = (of_node if is_leaf else of_subtree)(self._question.expression, child)
        return _sum(list(self._values(expression).values()))

    def _values(self, expression: Expression) -> dict[str, Part]:
        """Evaluate at both moments; return the sums by `fog_path`. A series that is not there has 0."""
        start, end = self._question.start, self._question.end
        result = range_query(expression, self._storage, start, end, end - start, self._options)
        self._warnings.update(dict.fromkeys((*result.warnings, *result.infos)))
        if not _is_finite(result):
            self._warnings[_NOT_FINITE] = None
        return _by_path(result)


class _TooDeepError(Exception):
    """The children of a place cannot be had."""


def _is_finite(result: Result) -> bool:
    """Tell whether all values that are there are finite."""
    if not isinstance(result.data, MatrixResult):
        return True
    matrix = result.data.matrix
    return bool(np.isfinite(matrix.values[matrix.present]).all())


def _by_path(result: Result) -> dict[str, Part]:
    found: dict[str, list[Part]] = defaultdict(list)
    if isinstance(result.data, MatrixResult):
        matrix = result.data.matrix
        for labels, values, present in zip(matrix.labels, matrix.values.tolist(), matrix.present.tolist(), strict=True):
            there = [
                value if is_there and isfinite(value) else 0.0 for value, is_there in zip(values, present, strict=True)
            ]
            found[label(labels, PATH)].append(Part(there[0], there[-1]))
    return {path: _sum(parts) for path, parts in found.items()}


def _sum(parts: Sequence[Part]) -> Part:
    return Part(sum(part.before for part in parts), sum(part.after for part in parts))


def _step(place: Path, parts: dict[Path, Part], known: Part | None, change: float | None, enough: float) -> Step:
    """Take a place apart.

    Args:
        place: the place.
        parts: its children's values.
        known: its own value, if it is known otherwise.
        change: the change that is to be explained; None for that of this place.
        enough: the share that explains a change.
    """
    total = _sum(list(parts.values()))
    found = shares(list(parts.values()), [path != place for path in parts])
    suspects = set(explanation(found, enough=enough))
    children = [
        Child(path, part, share, number in suspects)
        for number, ((path, part), share) in enumerate(zip(parts.items(), found, strict=True))
    ]
    children.sort(key=lambda child: (-(child.share.contribution or 0.0), child.path))
    asked = total.change if change is None else change
    rest = 0.0 if known is None else known.change - total.change
    if abs(rest) <= _EXACT * (abs(total.before) + abs(total.after)):
        rest = 0.0
    return Step(place, total, children, total.change / asked if asked else None, rest)

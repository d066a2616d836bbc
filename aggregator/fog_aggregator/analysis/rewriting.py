"""Put a view of the fleet into an expression: every selector gets the labels that name it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from fog_aggregator.history.routing import LEVEL, NODE, PATH
from fog_aggregator.promql.errors import BadQueryError
from fog_aggregator.promql.labels import Matcher, MatchKind
from fog_aggregator.promql.language.tree import (
    Aggregation,
    Binary,
    Call,
    Expression,
    Matching,
    Negation,
    Selector,
    Subquery,
    Window,
)
from fog_schema.paths import Path, format_path

OF_VIEWS: Final = frozenset((LEVEL, PATH, NODE))


def selectors(expression: Expression) -> Iterator[Selector]:
    """Yield all selectors of an expression."""
    match expression:
        case Selector():
            yield expression
        case Window(selector=selector):
            yield selector
        case Subquery(expression=inner) | Negation(expression=inner):
            yield from selectors(inner)
        case Call(arguments=arguments):
            for argument in arguments:
                yield from selectors(argument)
        case Aggregation(expression=inner, parameter=parameter):
            yield from selectors(inner)
            if parameter is not None:
                yield from selectors(parameter)
        case Binary(left=left, right=right):
            yield from selectors(left)
            yield from selectors(right)


def check_names_no_view(expression: Expression) -> None:
    """Refuse an expression that names a part of the fleet itself, or selects nothing.

    Raises:
        BadQueryError: it does; the text says what to write instead.
    """
    found = list(selectors(expression))
    if not found:
        raise BadQueryError("the expression selects no metric: there is nothing to take apart")
    for selector in found:
        named = next((matcher for matcher in selector.matchers if matcher.name in OF_VIEWS), None)
        if named is not None:
            raise BadQueryError(f"{named}: leave the place out of the expression, and name it with path")


def of_children(expression: Expression, place: Path) -> Expression:
    """Let an expression tell apart what lies below a place: its results have a `fog_path` each."""
    matchers = [Matcher(MatchKind.EQUAL, LEVEL, str(len(place)))]
    if place:
        matchers.append(Matcher(MatchKind.REGEX, PATH, f"{format_path(place)}(/.*)?"))
    return _rewritten(expression, matchers, apart=True)


def of_subtree(expression: Expression, place: Path) -> Expression:
    """Let an expression be about all nodes at and under a place; about the whole fleet for the empty one."""
    return _rewritten(expression, [Matcher(MatchKind.EQUAL, PATH, format_path(place))] if place else [])


def of_node(expression: Expression, place: Path) -> Expression:
    """Let an expression be about the values of one node alone."""
    return _rewritten(expression, [Matcher(MatchKind.EQUAL, NODE, format_path(place))])


def _rewritten(expression: Expression, matchers: Sequence[Matcher], *, apart: bool = False) -> Expression:
    """Add matchers to every selector; with `apart` keep `fog_path` through aggregations and vector matching."""

    def rewrite(one: Expression) -> Expression:
        return _rewritten(one, matchers, apart=apart)

    changed = expression
    match expression:
        case Selector():
            changed = _selecting(expression, matchers)
        case Window(selector=selector):
            changed = replace(expression, selector=_selecting(selector, matchers))
        case Subquery(expression=inner) | Negation(expression=inner):
            changed = replace(expression, expression=rewrite(inner))
        case Call(arguments=arguments):
            changed = replace(expression, arguments=tuple(map(rewrite, arguments)))
        case Aggregation(expression=inner, parameter=parameter):
            labels = _grouping(expression) if apart else expression.labels
            limit = None if parameter is None else rewrite(parameter)
            changed = replace(expression, expression=rewrite(inner), parameter=limit, labels=labels)
        case Binary(left=left, right=right, matching=matching):
            matched = _matching(matching) if apart else matching
            changed = replace(expression, left=rewrite(left), right=rewrite(right), matching=matched)
    return changed


def _selecting(selector: Selector, matchers: Sequence[Matcher]) -> Selector:
    return replace(selector, matchers=(*selector.matchers, *matchers))


def _grouping(aggregation: Aggregation) -> tuple[str, ...]:
    if aggregation.without:
        return tuple(label for label in aggregation.labels if label != PATH)
    return tuple(dict.fromkeys((*aggregation.labels, PATH)))


def _matching(matching: Matching) -> Matching:
    if matching.on:
        return replace(matching, labels=tuple(dict.fromkeys((*matching.labels, PATH))))
    return replace(matching, labels=tuple(label for label in matching.labels if label != PATH))

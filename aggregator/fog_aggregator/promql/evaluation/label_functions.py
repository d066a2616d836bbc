"""Functions of labels: label_replace, label_join, and the labels of absent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from fog_aggregator.promql.errors import BadQueryError, EvaluationError
from fog_aggregator.promql.evaluation.matrix import Matrix, relabel
from fog_aggregator.promql.labels import NAME, Labels, MatchKind, compile_pattern, label, with_label
from fog_aggregator.promql.language.tree import Expression, Selector, Window

_TEMPLATE: Final = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})")


def replace_label(matrix: Matrix, target: str, template: str, source: str, pattern: str) -> Matrix:
    """Set a label to a template filled with what a pattern found in another label, where the pattern matches."""
    try:
        compiled = compile_pattern(pattern)
    except BadQueryError:
        raise EvaluationError(f"invalid regular expression in label_replace(): {pattern}") from None
    if not target:
        raise EvaluationError(f"invalid destination label name in label_replace(): {target}")

    def change(labels: Labels) -> Labels:
        found = compiled.fullmatch(label(labels, source))
        return labels if found is None else with_label(labels, target, _fill(template, found))

    return relabel(matrix, change)


def _fill(template: str, found: Any) -> str:
    """Fill ``$1``, ``${1}`` and ``$name``; unknown groups are empty."""

    def group(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name = match[2] or match[3]
        try:
            return found.group(int(name) if name.isdecimal() else name) or ""
        except (IndexError, KeyError, TypeError):
            return ""

    return _TEMPLATE.sub(group, template)


def join_labels(matrix: Matrix, target: str, separator: str, sources: Sequence[str]) -> Matrix:
    """Set a label to the values of others, joined."""
    for source in sources:
        if not source:
            raise EvaluationError(f"invalid source label name in label_join(): {source}")
    if not target:
        raise EvaluationError(f"invalid destination label name in label_join(): {target}")

    def change(labels: Labels) -> Labels:
        values = dict(labels)
        return with_label(labels, target, separator.join(values.get(source, "") for source in sources))

    return relabel(matrix, change)


def labels_of_absent(expression: Expression) -> Labels:
    """Tell the labels that `absent` gives: those of a selector's equalities, none that is named twice."""
    if isinstance(expression, Window):
        expression = expression.selector
    if not isinstance(expression, Selector):
        return ()
    named: dict[str, str] = {}
    seen: set[str] = set()
    for matcher in expression.matchers:
        if matcher.name == NAME:
            continue
        if matcher.kind is MatchKind.EQUAL and matcher.name not in seen:
            named[matcher.name] = matcher.value
        else:
            named.pop(matcher.name, None)
        if matcher.kind is MatchKind.EQUAL:
            seen.add(matcher.name)
    return tuple(sorted((name, value) for name, value in named.items() if value))

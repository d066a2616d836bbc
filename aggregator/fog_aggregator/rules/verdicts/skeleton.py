"""Cut an expression into its boolean skeleton: claims that are combined by `and`, `or` and `unless`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from fog_aggregator.promql.language.tree import (
    COMPARISONS,
    SET_OPERATORS,
    Binary,
    Call,
    Expression,
    Matching,
    Number,
    ValueType,
    type_of,
)
from fog_aggregator.rules.verdicts.reads import Read, reads, subexpressions

_ABSENCE: Final = frozenset({"absent", "absent_over_time"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A part of the skeleton that is true for the label sets of its result.

    Attributes:
        expression: The expression.
        reads: The choices of its selectors.
        doubtful: Missing data can make it true: it says that something is little, or not there.
        shows_presence: When it is false, the thing was seen: missing data cannot make it false.
    """

    expression: Expression
    reads: tuple[Read, ...]
    doubtful: bool
    shows_presence: bool = False


@dataclass(frozen=True, slots=True)
class Combined:
    """Two parts of the skeleton, combined by `and`, `or` or `unless`."""

    operator: str
    left: Skeleton
    right: Skeleton
    matching: Matching
    joined: Claim
    """The two as one claim, for where a part of the labels is known."""


Skeleton: TypeAlias = Claim | Combined


def skeleton(expression: Expression, recorded: Mapping[str, Expression] | None = None) -> Skeleton:
    """Cut an expression; `recorded` has the expressions of recording rules by the names that they record."""
    if isinstance(expression, Binary) and expression.operator in SET_OPERATORS:
        return Combined(
            expression.operator,
            skeleton(expression.left, recorded),
            skeleton(expression.right, recorded),
            expression.matching,
            _claim(expression, recorded),
        )
    return _claim(expression, recorded)


def claims(part: Skeleton) -> tuple[Claim, ...]:
    """List the claims of a skeleton, from left to right."""
    return (part,) if isinstance(part, Claim) else claims(part.left) + claims(part.right)


def _claim(expression: Expression, recorded: Mapping[str, Expression] | None) -> Claim:
    return Claim(expression, reads(expression, recorded), _doubtful(expression), _is_absence(expression))


def _is_absence(expression: Expression) -> bool:
    return isinstance(expression, Call) and expression.function in _ABSENCE


def _doubtful(expression: Expression) -> bool:
    """Tell whether data that are missing can make an expression true.

    Of a comparison the operator decides, as it is written, also with data on both sides. A comparison with `bool`, or
    one that is counted, is a number like any other.
    """
    if isinstance(expression, Binary):
        if expression.operator == "unless":
            return True
        if expression.operator in SET_OPERATORS:
            return _doubtful(expression.left) or _doubtful(expression.right)
        if expression.operator in COMPARISONS and not expression.returns_bool:
            return _says_little(expression)
    if isinstance(expression, Call):
        return _is_absence(expression) or any(_doubtful(one) for one in expression.arguments)
    if isinstance(expression, Binary):
        return _doubtful(expression.left) or _doubtful(expression.right)
    return False


def _says_little(comparison: Binary) -> bool:
    operator = comparison.operator
    if not _has_data(comparison.left):
        operator = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(operator, operator)
    if operator == "!=":
        return not any(side == Number(0) for side in (comparison.left, comparison.right))
    return operator in {"<", "<=", "=="}


def _has_data(expression: Expression) -> bool:
    """Tell whether an expression reads series; a number does not, nor does the time."""
    return type_of(expression) is ValueType.VECTOR or any(
        type_of(part) is ValueType.VECTOR for part in subexpressions(expression)
    )

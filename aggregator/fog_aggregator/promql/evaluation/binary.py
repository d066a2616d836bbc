"""Operators between vectors and scalars, and how the series of two vectors are paired."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.evaluation.elementwise import ARITHMETIC, COMPARISON
from fog_aggregator.promql.evaluation.matrix import Matrix, Scalar, empty, relabel, stack, tidy
from fog_aggregator.promql.labels import NAME, Labels, drop, keep, label, show, with_label, without_name
from fog_aggregator.promql.language.tree import COMPARISONS, Binary, Cardinality, Matching
from fog_aggregator.promql.storage import Floats, Ints, Mask

_AMBIGUOUS: Final = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
_NOT_UNIQUE: Final = "multiple matches for labels: grouping labels must ensure unique matches"


def compute(operator: str, left: Floats, right: Floats) -> Floats:
    """Apply an operator to numbers; a comparison gives 1 or 0."""
    if operator in COMPARISONS:
        return np.asarray(COMPARISON[operator](left, right)).astype(np.float64)
    return ARITHMETIC[operator](left, right)


def scalars(operator: str, left: Scalar, right: Scalar) -> Scalar:
    """Apply an operator to two scalars."""
    return Scalar(compute(operator, left.values, right.values))


def vector_scalar(node: Binary, vector: Matrix, scalar: Scalar, *, swapped: bool) -> Matrix:
    """Apply an operator to each value and a scalar; a comparison filters, unless it returns bool."""
    sides = (scalar.values, vector.values) if swapped else (vector.values, scalar.values)
    found = compute(node.operator, *sides)
    if node.operator in COMPARISONS and not node.returns_bool:
        return tidy(Matrix(vector.labels, vector.values, vector.present & (found != 0)))
    return relabel(Matrix(vector.labels, found, vector.present))


def signature(matching: Matching) -> Callable[[Labels], Labels]:
    """Make the function from a series' labels to those that it is paired by."""
    if matching.on:
        names = frozenset(matching.labels)
        return lambda labels: keep(labels, names)
    gone = frozenset((*matching.labels, NAME))
    return lambda labels: drop(labels, gone)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Both sides, with the number of the signature of each row."""

    left: Matrix
    right: Matrix
    left_of: Ints
    right_of: Ints
    signatures: list[Labels]


def _sides(left: Matrix, right: Matrix, matching: Matching) -> _Sides:
    key = signature(matching)
    numbers: dict[Labels, int] = {}

    def number(matrix: Matrix) -> Ints:
        return np.fromiter(
            (numbers.setdefault(key(labels), len(numbers)) for labels in matrix.labels), np.int64, matrix.rows
        )

    left_of, right_of = number(left), number(right)
    return _Sides(left, right, left_of, right_of, list(numbers))


def _any_of(present: Mask, of_row: Ints, count: int) -> Mask:
    """Tell for each signature at which steps one of its rows is present."""
    found = np.zeros((count, present.shape[1]), np.bool_)
    if of_row.size:
        order = np.argsort(of_row, kind="stable")
        numbers, starts = np.unique(of_row[order], return_index=True)
        found[numbers] = np.logical_or.reduceat(present[order], starts, axis=0)
    return found


def set_operation(node: Binary, left: Matrix, right: Matrix) -> Matrix:
    """Apply `and`, `or` or `unless`."""
    sides = _sides(left, right, node.matching)
    count = len(sides.signatures)
    if node.operator == "or":
        in_left = _any_of(left.present, sides.left_of, count)
        rest = Matrix(right.labels, right.values, right.present & ~in_left[sides.right_of])
        return tidy(stack((left, rest), left.values.shape[1]))
    in_right = _any_of(right.present, sides.right_of, count)[sides.left_of]
    wanted = in_right if node.operator == "and" else ~in_right
    return tidy(Matrix(left.labels, left.values, left.present & wanted))


def vectors(node: Binary, left: Matrix, right: Matrix) -> Matrix:
    """Apply an arithmetic operator or a comparison to the pairs of two vectors, step by step."""
    steps = left.values.shape[1]
    if not left.rows or not right.rows:
        return empty(steps)
    matching = node.matching
    swapped = matching.cardinality is Cardinality.ONE_TO_MANY
    sides = _sides(right, left, matching) if swapped else _sides(left, right, matching)
    both: Mask = np.any(left.present, axis=0) & np.any(right.present, axis=0)
    _refuse_duplicates(sides, both, "left" if swapped else "right", node)
    many_rows, one_rows = _pairs(sides)
    if not many_rows.size:
        return empty(steps)
    present = sides.left.present[many_rows] & sides.right.present[one_rows]
    many, one = sides.left.values[many_rows], sides.right.values[one_rows]
    labels = _result_labels(node, sides, many_rows, one_rows)
    _refuse_ambiguity(node, sides.left_of[many_rows], labels, present)
    found = compute(node.operator, one, many) if swapped else compute(node.operator, many, one)
    if node.operator in COMPARISONS and not node.returns_bool:
        passed = present & (found != 0)
        return tidy(Matrix(labels, one if swapped else many, passed))
    return tidy(Matrix(labels, found, present))


def _refuse_duplicates(sides: _Sides, both: Mask, hand: str, node: Binary) -> None:
    """Refuse two series of one signature at one step on the side that must have one, matched or not."""
    numbers, sizes = np.unique(sides.right_of, return_counts=True)
    for number in numbers[sizes > 1]:
        rows = np.flatnonzero(sides.right_of == number)
        crowded = (sides.right.present[rows].sum(axis=0) > 1) & both
        if crowded.any():
            step = int(crowded.argmax())
            there = [row for row in rows if sides.right.present[row, step]]
            first, second = sorted(show(sides.right.labels[row]) for row in there[:2])
            group = _matched_labels(node.matching, sides.right.labels[there[1]])
            raise EvaluationError(
                f"found duplicate series for the match group {show(group)} on the {hand} hand-side of the operation: "
                f"[{first}, {second}];many-to-many matching not allowed: matching labels must be unique on one side"
            )


def _matched_labels(matching: Matching, labels: Labels) -> Labels:
    if matching.on:
        return keep(labels, frozenset(matching.labels))
    return drop(labels, frozenset((*matching.labels, NAME)))


def _pairs(sides: _Sides) -> tuple[Ints, Ints]:
    """List the rows of the many side and of the one side that have the same signature."""
    order = np.argsort(sides.right_of, kind="stable")
    ordered = sides.right_of[order]
    low, high = ordered.searchsorted(sides.left_of, "left"), ordered.searchsorted(sides.left_of, "right")
    counts = high - low
    many = np.repeat(np.arange(sides.left_of.size), counts)
    within = np.arange(many.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return many, order[np.repeat(low, counts) + within]


def _result_labels(node: Binary, sides: _Sides, many_rows: Ints, one_rows: Ints) -> list[Labels]:
    """Make the labels of each pair: of the many side, cut to what pairs one to one, with what group_… includes."""
    matching = node.matching
    names = frozenset(matching.labels)
    drops_name = node.returns_bool or node.operator not in COMPARISONS
    one_to_one = matching.cardinality is Cardinality.ONE_TO_ONE
    found = []
    for many_row, one_row in zip(many_rows.tolist(), one_rows.tolist(), strict=True):
        labels = sides.left.labels[many_row]
        if drops_name:
            labels = without_name(labels)
        if one_to_one:
            labels = keep(labels, names) if matching.on else drop(labels, names)
        for name in matching.include:
            labels = with_label(labels, name, label(sides.right.labels[one_row], name))
        found.append(labels)
    return found


def _refuse_ambiguity(node: Binary, of_pair: Ints, labels: list[Labels], present: Mask) -> None:
    """Refuse two pairs of one signature at one step: any, one to one; those with equal labels, for group_left."""
    one_to_one = node.matching.cardinality is Cardinality.ONE_TO_ONE
    numbers: dict[object, int] = {}
    keys = np.fromiter(
        (
            numbers.setdefault(number if one_to_one else (number, result), len(numbers))
            for number, result in zip(of_pair.tolist(), labels, strict=True)
        ),
        np.int64,
        len(labels),
    )
    crowded, sizes = np.unique(keys, return_counts=True)
    for key in crowded[sizes > 1]:
        if (present[keys == key].sum(axis=0) > 1).any():
            raise EvaluationError(_AMBIGUOUS if one_to_one else _NOT_UNIQUE)

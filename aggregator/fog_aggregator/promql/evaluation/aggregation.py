"""Aggregations: series are grouped by their labels, and each group is reduced at each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.evaluation.annotations import Annotations
from fog_aggregator.promql.evaluation.matrix import Matrix, empty, tidy
from fog_aggregator.promql.evaluation.over_time import quantile_of
from fog_aggregator.promql.evaluation.sums import group_sums, incremental_mean
from fog_aggregator.promql.formatting import format_plain
from fog_aggregator.promql.labels import NAME, NO_LABELS, Labels, drop, keep, with_label
from fog_aggregator.promql.storage import Floats, Ints, Mask

_INT64: Final = 2.0**63


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a matrix: the labels of each, the rows of each, and the group of each row."""

    labels: list[Labels]
    members: list[Ints]
    of_row: Ints


def grouping(labels: Sequence[str], *, without: bool) -> Callable[[Labels], Labels]:
    """Make the function from a series' labels to those of its group."""
    if without:
        gone = frozenset((*labels, NAME))
        return lambda series: drop(series, gone)
    names = frozenset(labels)
    if not names:
        return lambda _: NO_LABELS
    if len(names) == 1:
        return partial(_only, labels[0])
    return lambda series: keep(series, names)


def _only(name: str, series: Labels) -> Labels:
    """Keep the label of one name; faster than `keep`."""
    for pair in series:
        if pair[0] == name:
            return (pair,)
    return NO_LABELS


def group_rows(all_labels: Sequence[Labels], key: Callable[[Labels], Labels]) -> Groups:
    """Group rows; groups come in the order of their first row."""
    numbers: dict[Labels, int] = {}
    of_row = np.fromiter(
        (numbers.setdefault(key(labels), len(numbers)) for labels in all_labels), np.int64, len(all_labels)
    )
    order = np.argsort(of_row, kind="stable")
    members = np.split(order, np.cumsum(np.bincount(of_row, minlength=len(numbers)))[:-1]) if numbers else []
    return Groups(list(numbers), members, of_row)


_Reduce: TypeAlias = Callable[[Matrix, Groups], Floats]


def _filled(matrix: Matrix, filler: float) -> Floats:
    """Give the values, and `filler` where nothing is present."""
    return matrix.values if matrix.present.all() else np.where(matrix.present, matrix.values, filler)


def _reduceat(operation: np.ufunc, values: np.ndarray[tuple[int, int], np.dtype[np.generic]], groups: Groups) -> Floats:
    order = np.concatenate(groups.members)
    starts = np.cumsum([0, *(rows.size for rows in groups.members[:-1])])
    found: Floats = operation.reduceat(values[order], starts, axis=0)
    return found


def _counts(matrix: Matrix, groups: Groups) -> Ints:
    """Count what is present in each group at each step."""
    if matrix.present.all():
        sizes = np.array([rows.size for rows in groups.members], np.int64)
        return np.broadcast_to(sizes[:, None], (sizes.size, matrix.values.shape[1]))
    found: Ints = np.add.reduceat(
        matrix.present[np.concatenate(groups.members)].astype(np.int64),
        np.cumsum([0, *(rows.size for rows in groups.members[:-1])]),
        axis=0,
    )
    return found


def _sum(matrix: Matrix, groups: Groups) -> Floats:
    total, lost = group_sums(_filled(matrix, -0.0), groups.members)
    return np.where(np.isinf(total), total, total + lost)


def _average(matrix: Matrix, groups: Groups) -> Floats:
    total, lost = group_sums(_filled(matrix, -0.0), groups.members)
    counts = _counts(matrix, groups)
    found = total / counts + lost / counts
    for group, step in np.argwhere(np.isinf(total)):
        rows = groups.members[group]
        values = matrix.values[rows, step][matrix.present[rows, step]]
        found[group, step] = incremental_mean(values.tolist())
    return found


def _variance(matrix: Matrix, groups: Groups) -> Floats:
    """Go through the members of all groups in parallel, by Welford's method."""
    shape = (len(groups.members), matrix.values.shape[1])
    count, average, squares = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for position in range(max(rows.size for rows in groups.members)):
        active = np.array([group for group, rows in enumerate(groups.members) if rows.size > position])
        rows = np.array([groups.members[group][position] for group in active])
        values, present = matrix.values[rows], matrix.present[rows]
        new_count = count[active] + present
        delta = values - average[active]
        new_average = average[active] + delta / new_count
        added = delta * (values - new_average)
        # A first value that is not finite makes the whole NaN; a first finite one adds nothing.
        added = np.where(count[active] == 0, np.where(np.isfinite(values), 0.0, np.nan), added)
        count[active] = new_count
        average[active] = np.where(present, new_average, average[active])
        squares[active] = np.where(present, squares[active] + added, squares[active])
    return squares / count


def _quantiles(matrix: Matrix, groups: Groups, wanted: Floats) -> Floats:
    return np.stack([quantile_of(matrix.values[rows].T, matrix.present[rows].T, wanted) for rows in groups.members])


REDUCTIONS: Final[dict[str, _Reduce]] = {
    "avg": _average,
    "count": lambda matrix, groups: _counts(matrix, groups).astype(np.float64),
    "group": lambda matrix, groups: np.ones((len(groups.members), matrix.values.shape[1])),
    "max": lambda matrix, groups: _reduceat(np.fmax, _filled(matrix, np.nan), groups),
    "min": lambda matrix, groups: _reduceat(np.fmin, _filled(matrix, np.nan), groups),
    "stddev": lambda matrix, groups: np.sqrt(_variance(matrix, groups)),
    "stdvar": _variance,
    "sum": _sum,
}
"""Aggregations without a parameter."""


def reduce_groups(operator: str, matrix: Matrix, key: Callable[[Labels], Labels]) -> Matrix:
    """Apply an aggregation without a parameter."""
    if not matrix.rows:
        return matrix
    groups = group_rows(matrix.labels, key)
    return Matrix(groups.labels, REDUCTIONS[operator](matrix, groups), _counts(matrix, groups) > 0)


def quantile(matrix: Matrix, key: Callable[[Labels], Labels], wanted: Floats, annotations: Annotations) -> Matrix:
    """Compute a quantile of each group, which may differ from step to step."""
    if not matrix.rows:
        return matrix
    for bad in (wanted[np.isnan(wanted)][:1], wanted[wanted > 1], wanted[wanted < 0]):
        if bad.size:
            annotations.bad_quantile(float(bad[np.abs(bad).argmax()]))
    groups = group_rows(matrix.labels, key)
    return Matrix(groups.labels, _quantiles(matrix, groups, wanted), _counts(matrix, groups) > 0)


def count_values(matrix: Matrix, label: str, labels: Sequence[str], *, without: bool) -> Matrix:
    """Count the series of each value, which becomes a label written without an exponent."""
    if not label:
        raise EvaluationError('invalid label name ""')
    steps = matrix.values.shape[1]
    key = grouping(labels if without else (*labels, label), without=without)
    rows, columns = np.nonzero(matrix.present)
    bits, which = np.unique(matrix.values[rows, columns].view(np.int64), return_inverse=True)
    texts = [format_plain(value) for value in bits.view(np.float64).tolist()]
    pairs, pair_of = np.unique(rows * len(texts) + which.reshape(-1), return_inverse=True)
    numbers: dict[Labels, int] = {}
    result = np.empty(pairs.size, np.int64)
    for position, pair in enumerate(pairs.tolist()):
        row, text = divmod(pair, len(texts))
        group = key(with_label(matrix.labels[row], label, texts[text]))
        result[position] = numbers.setdefault(group, len(numbers))
    if not numbers:
        return empty(steps)
    counts = np.zeros((len(numbers), steps))
    np.add.at(counts, (result[pair_of.reshape(-1)], columns), 1.0)
    return Matrix(list(numbers), counts, counts > 0)


def top(matrix: Matrix, key: Callable[[Labels], Labels], wanted: Floats, *, largest: bool, in_order: bool) -> Matrix:
    """Choose the `wanted` largest or smallest series of each group at each step; of equal ones the earlier row.

    Args:
        matrix: The series to choose from.
        key: The grouping.
        wanted: How many, for each step.
        largest: For `topk`; else for `bottomk`.
        in_order: Whether the rows come in the order of their values, group by group, as in an instant query.
    """
    if not (wanted >= 1).any() and not np.isnan(wanted).all():
        return empty(wanted.size)
    if np.isnan(wanted).any():
        raise EvaluationError("Parameter value is NaN")
    if wanted.max() >= _INT64 or wanted.min() <= -_INT64:
        word = "overflows" if wanted.max() >= _INT64 else "underflows"
        bound = wanted.max() if word == "overflows" else wanted.min()
        raise EvaluationError(f"Scalar value {format_plain(float(bound))} {word} int64")
    if not matrix.rows:
        return matrix
    ranking = matrix.values if largest else -matrix.values
    count = np.maximum(0, wanted).astype(np.int64)
    chosen = np.zeros(matrix.present.shape, np.bool_)
    order: list[Ints] = []
    for rows in group_rows(matrix.labels, key).members:
        present = matrix.present[rows]
        picked = _pick(ranking[rows], present, count)
        chosen[rows] = picked
        if in_order:
            values = np.where(picked[:, 0], ranking[rows, 0], np.nan)
            ranks = np.lexsort((-values, ~picked[:, 0]))
            order.append(rows[ranks[: int(picked[:, 0].sum())]])
    if in_order:
        taken = np.concatenate(order)
        return Matrix([matrix.labels[row] for row in taken], matrix.values[taken], chosen[taken])
    return tidy(Matrix(matrix.labels, matrix.values, chosen))


def _pick(values: Floats, present: Mask, count: Ints) -> Mask:
    """Mark the `count` largest of each column; NaN comes after every number, equal values in the order of rows."""
    if (present.sum(axis=0) <= count).all():
        return present
    most = int(count.max())
    if most < values.shape[0] and (count == most).all():
        numbers = np.where(present & ~np.isnan(values), values, -np.inf).T
        bound = np.partition(numbers, numbers.shape[1] - most, axis=1)[:, numbers.shape[1] - most, None]
        if most and not np.isneginf(bound).any():
            above = numbers > bound
            equal = numbers == bound
            missing = most - above.sum(axis=1, keepdims=True)
            picked: Mask = (above | (equal & (np.cumsum(equal, axis=1) <= missing))).T
            return picked
    ranks = np.lexsort((-values, np.where(present, np.isnan(values).astype(np.int8), 2)), axis=0)
    place = np.empty_like(ranks)
    np.put_along_axis(place, ranks, np.broadcast_to(np.arange(values.shape[0])[:, None], ranks.shape), axis=0)
    return present & (place < count)

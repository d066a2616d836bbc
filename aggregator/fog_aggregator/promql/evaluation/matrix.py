"""Values of expressions: a matrix [series x steps] with a mask of what is present, a scalar per step, a string."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from fog_aggregator.promql.errors import EvaluationError
from fog_aggregator.promql.labels import Labels, without_name
from fog_aggregator.promql.storage import Floats, Ints, Mask

SAME_LABELS = "vector cannot contain metrics with the same labelset"


@dataclass(frozen=True, slots=True)
class Matrix:
    """Series with a value at each step at which they are present; `values` elsewhere mean nothing.

    Every series is present somewhere, and no two have the same labels, once `tidy` has seen it.
    """

    labels: list[Labels]
    values: Floats
    present: Mask

    @property
    def rows(self) -> int:
        """The number of series."""
        return len(self.labels)

    def take(self, rows: Ints) -> Matrix:
        """Choose rows, in this order."""
        return Matrix([self.labels[row] for row in rows.tolist()], self.values[rows], self.present[rows])


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number for each step."""

    values: Floats


@dataclass(frozen=True, slots=True)
class String:
    """A text."""

    value: str


Value: TypeAlias = Matrix | Scalar | String


def empty(steps: int) -> Matrix:
    """Make a matrix without series."""
    return Matrix([], np.empty((0, steps)), np.empty((0, steps), np.bool_))


def stack(matrices: Sequence[Matrix], steps: int) -> Matrix:
    """Put matrices under each other."""
    filled = [matrix for matrix in matrices if matrix.rows]
    if not filled:
        return empty(steps)
    if len(filled) == 1:
        return filled[0]
    return Matrix(
        [labels for matrix in filled for labels in matrix.labels],
        np.concatenate([matrix.values for matrix in filled]),
        np.concatenate([matrix.present for matrix in filled]),
    )


def drop_absent(matrix: Matrix) -> Matrix:
    """Drop the series that are present nowhere."""
    alive = matrix.present.any(axis=1)
    return matrix if alive.all() else matrix.take(np.flatnonzero(alive))


def tidy(matrix: Matrix, *, merge: bool = True) -> Matrix:
    """Drop absent series and join those with the same labels.

    Args:
        matrix: The result of an operation.
        merge: Whether series of the same labels may take turns; else they are an error wherever they are present.

    Raises:
        EvaluationError: for two series with the same labels at one step.
    """
    matrix = drop_absent(matrix)
    first: dict[Labels, int] = {}
    target = [first.setdefault(labels, position) for position, labels in enumerate(matrix.labels)]
    if len(first) == matrix.rows:
        return matrix
    if not merge:
        raise EvaluationError(SAME_LABELS)
    values, present = matrix.values.copy(), matrix.present.copy()
    for position, target_row in enumerate(target):
        if position != target_row:
            mask = present[position]
            if (present[target_row] & mask).any():
                raise EvaluationError(SAME_LABELS)
            values[target_row][mask] = values[position][mask]
            present[target_row] |= mask
    rows = np.fromiter(first.values(), np.int64, len(first))
    return Matrix(list(first), values[rows], present[rows])


def relabel(matrix: Matrix, change: Callable[[Labels], Labels] = without_name, *, merge: bool = True) -> Matrix:
    """Change the labels of each series, by default drop the name; see `tidy` for what becomes of equal ones."""
    return tidy(Matrix([change(labels) for labels in matrix.labels], matrix.values, matrix.present), merge=merge)

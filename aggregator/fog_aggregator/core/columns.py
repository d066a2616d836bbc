"""A frame's columns as numpy arrays, without copying where the bytes allow it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.unpacked import UNPACK
from fog_schema.columns import BITMAP, F64, I64, NUMPY_DTYPES, U64, Column, Ids
from fog_schema.limits import MAX_WHOLE
from fog_schema.packed import BITS

Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
Float64s: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]

MAX_FRACTION: Final = float(np.finfo(np.float64).max)
"""Sums of doubles stay at it, as integer sums stay at 2^63 - 1 (R12.38)."""

_DTYPES: Final = {code: np.dtype(name) for code, name in NUMPY_DTYPES.items()}
_LARGE: Final = range(U64, F64)
"""Types of integers that hold values which could be refused."""


def ids_array(ids: Ids) -> Int64s:
    """Return the ids of a set, ascending; shape (n,)."""
    if ids.form == BITMAP:
        found = np.unpackbits(np.frombuffer(ids.data, np.uint8), bitorder="little").nonzero()[0]
    else:
        found = np.frombuffer(ids.data, _DTYPES[ids.form]).astype(np.int64)
    found += ids.base
    return found


def layout(code: int) -> int:
    """Return what columns have in common whose values are read at once: the code, but one for all columns of bits."""
    return min(code, BITS)


def column_values(columns: Sequence[Column]) -> NDArray[Any]:
    """Return the values of columns of one layout, one column behind the other; shape (n,)."""
    code = layout(columns[0].code)
    if code <= F64:
        return np.frombuffer(b"".join([column.data for column in columns]), _DTYPES[code])
    return UNPACK[code](columns)


def whole_values(column: Column) -> tuple[NDArray[np.integer], Bools | None]:
    """Return counts and, when some must be refused (negative, 2^63 and more), a mask of those that are good.

    Refused ones read as 0.
    """
    values = column_values((column,))
    if is_small(column):
        return values, None
    good = values <= np.uint64(MAX_WHOLE) if column.code == U64 else values >= 0
    if good.all():
        return values.astype(np.int64), None
    return np.where(good, values, 0).astype(np.int64), good


def may_overflow(column: Column) -> bool:
    """Tell whether sums of such values can pass 2^63 - 1 in less than 2^31 frames."""
    return column.code in (U64, I64)


def is_small(column: Column) -> bool:
    """Tell by an integers' type alone that none can be refused, and that sums stay below 2^63 for 2^31 frames."""
    return column.code not in _LARGE


def float_values(column: Column) -> Float64s:
    """Return the values as doubles; shape (n,)."""
    values = column_values((column,))
    return values if values.dtype == np.float64 else values.astype(np.float64)


def saturating_add(base: Int64s, increments: Int64s) -> tuple[Int64s, int]:
    """Add non-negative counts, staying at 2^63 - 1; return also how many had to stay there.

    `base` may be negative: the closed total of an epoch that was closed early and has come back.
    """
    room = MAX_WHOLE - np.maximum(base, 0)
    over = increments > room
    return base + np.minimum(increments, room), int(np.count_nonzero(over))


def saturating_subtract(base: Int64s, counts: Int64s) -> Int64s:
    """Subtract non-negative counts, staying at -(2^63 - 1)."""
    left: Int64s = base - np.minimum(counts, MAX_WHOLE + np.minimum(base, 0))
    return left


def finite(sums: Float64s) -> Float64s:
    """Return sums of finite doubles, those that passed the largest double staying there; NaN of both signs is 0."""
    if np.isfinite(sums).all():
        return sums
    return np.nan_to_num(sums, nan=0.0, posinf=MAX_FRACTION, neginf=-MAX_FRACTION)


def row_sums(counts: NDArray[np.integer]) -> Int64s:
    """Sum each row of non-negative counts, staying at 2^63 - 1. Shape (n, width), result (n,)."""
    if not counts.size or int(counts.max()) <= MAX_WHOLE // counts.shape[1]:
        small: Int64s = counts.sum(axis=1, dtype=np.int64)
        return small
    exact: Int64s = np.minimum(counts.astype(object).sum(axis=1), MAX_WHOLE).astype(np.int64)
    return exact

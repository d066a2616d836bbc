"""Reduce the values of slots to one for each cell."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s, finite
from fog_schema.limits import MAX_WHOLE

_SPARSE: Final = 16
"""Of so many possible keys at most one is there: then sorting is faster than a place for each possible one."""
_LOWER_BITS: Final = np.array([2**bit - 1 for bit in range(8)], np.uint8)
_LIMB_BITS: Final = 21
_LIMB: Final = 2**_LIMB_BITS - 1

Key = TypeVar("Key", np.int32, np.int64)

_TOGETHER: Final = 1_000_000
"""So many values are added up at a time."""


def places_by_shape(shape_of: Int32s) -> Int64s:
    """Return each series' place in the order of shapes, by its number."""
    by_shape = np.argsort(shape_of, kind="stable")
    place = np.empty(len(by_shape), np.int64)
    place[by_shape] = np.arange(len(by_shape))
    return place


def ranges(shapes: Int32s) -> Iterator[tuple[int, slice]]:
    """Return each shape with its range, where equal ones stand together."""
    starts = np.flatnonzero(np.diff(shapes, prepend=-1)).tolist()
    for start, end in pairwise((*starts, len(shapes))):
        yield int(shapes[start]), slice(start, end)


def number_cells(key: NDArray[Key], likely: NDArray[Key] | None = None) -> tuple[NDArray[Key], Int32s]:
    """Return the distinct keys, ascending, and each key's place among them; without a sort where keys are dense.

    Keys are not negative; shapes (cells,) and (keys,). `likely` are a few of them that may be all there are.
    """
    space = int(key.max()) + 1 if len(key) else 0
    if space > _SPARSE * len(key) + 100_000:
        cells, places = np.unique(key, return_inverse=True)
        return cells, places.astype(np.int32)
    present = np.zeros(space, np.bool_)
    for some in (key,) if likely is None else (likely, key):
        present[some] = True
        if present.all():
            return np.arange(space, dtype=key.dtype), key.astype(np.int32, copy=False)
    # A key's place is how many keys are below it: those of the bytes before its own, and the lower bits of its own.
    packed = np.packbits(present, bitorder="little")
    sizes, byte = np.bitwise_count(packed), key >> 3
    place = (np.cumsum(sizes, dtype=np.int32) - sizes)[byte]
    place += np.bitwise_count(packed[byte] & _LOWER_BITS[key & 7])
    return np.flatnonzero(present).astype(key.dtype), place


def sum_integers(cell: Int32s | Int64s, size: int, values: Int64s) -> Int64s:
    """Sum counts by cell exactly, staying at 2^63 - 1. Shapes (slots,), (slots,), result (size,).

    A closed total may be negative, where an epoch that was folded early has come back; no cell's sum is.
    """
    if not len(values) or len(values) * max(int(values.max()), -int(values.min())) <= MAX_WHOLE:
        return _add_up(cell, size, values)
    # A sum may pass 2^63: three limbs of 21 bits each, whose sums cannot.
    limbs = (values & _LIMB, values >> _LIMB_BITS & _LIMB, values >> 2 * _LIMB_BITS)
    low, middle, high = (_add_up(cell, size, limb) for limb in limbs)
    middle += low >> _LIMB_BITS
    high += middle >> _LIMB_BITS
    exact = (high << 2 * _LIMB_BITS) + ((middle & _LIMB) << _LIMB_BITS) + (low & _LIMB)
    return np.where(high <= _LIMB, exact, MAX_WHOLE)


def sum_buckets(cell: Int32s, size: int, counts: Int64s) -> Int64s:
    """Sum each column as `sum_integers` does: shapes (slots,), (slots, buckets), result (size, buckets).

    Some columns at a time: the place of each value in the result takes as much as the value itself.
    """
    slots, buckets = counts.shape
    sums, together = np.empty((size, buckets), np.int64), max(1, _TOGETHER // max(1, slots))
    for start in range(0, buckets, together):
        some = counts[:, start : start + together]
        columns = some.shape[1]
        flat = cell.astype(np.int64)[:, np.newaxis] * columns + np.arange(columns)
        found = sum_integers(flat.reshape(-1), size * columns, some.reshape(-1))
        sums[:, start : start + columns] = found.reshape(size, columns)
    return sums


def _add_up(cell: Int32s | Int64s, size: int, values: Int64s) -> Int64s:
    sums = np.zeros(size, np.int64)
    np.add.at(sums, cell, values)
    return sums


def sum_fractions(cell: Int32s, size: int, values: Float64s) -> Float64s:
    """Sum finite doubles by cell in the order given; a sum stays finite. Shapes (slots,), (slots,), result (size,)."""
    return finite(np.bincount(cell, values, size).astype(np.float64))


def any_of(cell: Int32s, size: int, mask: Bools) -> Bools:
    """Tell whether the mask is true anywhere in a cell. Shapes (slots,), (slots,), result (size,)."""
    found = np.zeros(size, np.bool_)
    found[cell[mask]] = True
    return found

"""Hold exponential histograms as rows of integers, and merge them exactly; each kernel has its twin in plain Python.

A row has a head of six numbers and then the counts of its buckets: those above zero by ascending magnitude, then those
below, then zeros. A row of zeros is a histogram that has counted nothing, at the finest schema: what is merged with it
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s, row_sums, saturating_add, whole_values
from fog_aggregator.core.rollups.reductions import sum_buckets, sum_integers
from fog_schema.frames import Exponentials
from fog_schema.limits import MAX_EXPONENTIAL_BUCKETS, MAX_SCHEMA, MIN_SCHEMA
from fog_schema.sections.exponential_histogram import bucket_range
from utilityfog_frontend.telemetry.exponential.value import ExponentialValue, trimmed

COARSENESS, ZERO, ABOVE, ABOVE_LENGTH, BELOW, BELOW_LENGTH = range(6)
"""The head: how many schemas below the finest, observations at zero, the first bucket and how many, on each side."""
HEAD: Final = 6
ROW: Final = HEAD + MAX_EXPONENTIAL_BUCKETS
_SIDES: Final = (ABOVE, BELOW)
_COARSEST: Final = MAX_SCHEMA - MIN_SCHEMA
_LAYOUT: Final = [COARSENESS, ABOVE, ABOVE_LENGTH, BELOW, BELOW_LENGTH]
_TOGETHER: Final = 4_096
"""So many rows are laid out at a time."""


class _Reach(NamedTuple):
    """The first and the last bucket of some histograms on one side, and which of them have any there."""

    first: Int64s
    last: Int64s
    some: Bools


def layout_of(rows: Int64s, cell: Int64s, size: int) -> Int64s:
    """Return heads with room for all buckets of the rows of each cell, at the finest schema at which they fit.

    Shapes (rows, ROW), (rows,); result (size, HEAD), with nothing counted.
    """
    heads = np.zeros((size, HEAD), np.int64)
    np.maximum.at(heads[:, COARSENESS], cell, rows[:, COARSENESS])
    while True:
        steps = heads[cell, COARSENESS] - rows[:, COARSENESS]
        for side in _SIDES:
            reach = _reach(rows, side, steps)
            first, last = np.full(size, np.iinfo(np.int64).max), np.full(size, np.iinfo(np.int64).min)
            np.minimum.at(first, cell[reach.some], reach.first[reach.some])
            np.maximum.at(last, cell[reach.some], reach.last[reach.some])
            some = last >= first
            heads[:, side] = np.where(some, first, 0)
            heads[:, side + 1] = np.where(some, last - np.where(some, first, 0) + 1, 0)
        over = (heads[:, ABOVE_LENGTH] + heads[:, BELOW_LENGTH] > MAX_EXPONENTIAL_BUCKETS) & (
            heads[:, COARSENESS] < _COARSEST
        )
        if not over.any():
            return heads
        heads[over, COARSENESS] += 1


def laid_out(rows: Int64s, heads: Int64s) -> Int64s:
    """Return the same observations with the buckets of some heads, which have room for them: (n, ROW), (n, HEAD)."""
    if np.array_equal(rows[:, _LAYOUT], heads[:, _LAYOUT]):
        return rows
    made = np.zeros_like(rows)
    made[:, :HEAD] = heads
    made[:, ZERO] = rows[:, ZERO]
    row, place = np.nonzero(rows[:, HEAD:])
    if not len(row):
        return made
    length = rows[row, ABOVE_LENGTH]
    above = place < length
    index = np.where(above, rows[row, ABOVE] + place, rows[row, BELOW] + place - length)
    index = _coarser(index, heads[row, COARSENESS] - rows[row, COARSENESS])
    index += np.where(above, -heads[row, ABOVE], heads[row, ABOVE_LENGTH] - heads[row, BELOW])
    counts = sum_integers(row * ROW + HEAD + index, made.size, rows[row, HEAD + place])
    counts.reshape(made.shape)[:, :HEAD] = made[:, :HEAD]
    return counts.reshape(made.shape)


def added(known: Int64s, others: Int64s) -> tuple[Int64s, int]:
    """Add row by row; return also how many counts had to stay at the most. Shapes (n, ROW)."""
    known, others = _together(known, others)
    known[:, ZERO], stayed = saturating_add(known[:, ZERO], others[:, ZERO])
    known[:, HEAD:], more = saturating_add(known[:, HEAD:], others[:, HEAD:])
    return known, stayed + more


def raised(known: Int64s, others: Int64s) -> Int64s:
    """Raise each bucket to that of the other row where this has more. Shapes (n, ROW)."""
    known, others = _together(known, others)
    known[:, ZERO] = np.maximum(known[:, ZERO], others[:, ZERO])
    known[:, HEAD:] = np.maximum(known[:, HEAD:], others[:, HEAD:])
    return known


def negated(rows: Int64s) -> Int64s:
    """Return rows with the opposite of each count."""
    rows = rows.copy()
    rows[:, ZERO] *= -1
    rows[:, HEAD:] *= -1
    return rows


def summed(rows: Int64s, cell: Int64s, size: int) -> Int64s:
    """Sum the rows of each cell exactly; a count stays at 2^63 - 1. Shapes (n, ROW), (n,), result (size, ROW)."""
    made = np.zeros((size, ROW), np.int64)
    made[:, :HEAD] = layout_of(rows, cell, size)
    for start in range(0, len(rows), _TOGETHER):
        some, of = rows[start : start + _TOGETHER], cell[start : start + _TOGETHER]
        mine, local = np.unique(of, return_inverse=True)
        part = sum_buckets(local.astype(np.int32), len(mine), _counts(laid_out(some, made[of, :HEAD])))
        made[mine, ZERO], _ = saturating_add(made[mine, ZERO], part[:, 0])
        made[mine, HEAD:], _ = saturating_add(made[mine, HEAD:], part[:, 1:])
    return made


def at_lowest(rows: Int64s) -> Int64s:
    """Return how many observations each row has at zero and in each bucket of the lowest schema."""
    least, most = bucket_range(MIN_SCHEMA)
    head = np.array([_COARSEST, 0, least, most - least + 1, least, most - least + 1])
    return _counts(laid_out(rows, np.broadcast_to(head, (len(rows), HEAD))))


def observations(rows: Int64s) -> list[int]:
    """Return how many observations each row has, as Python's numbers, which do not overflow."""
    return [sum(counts) for counts in _counts(rows).tolist()]


def totals(rows: Int64s) -> Int64s:
    """Return how many observations each row has, at most 2^63 - 1."""
    return row_sums(_counts(rows))


def are_sound(rows: Int64s) -> bool:
    """Tell whether each row has such a head as rows have, and nothing behind its buckets."""
    lengths = rows[:, [ABOVE_LENGTH, BELOW_LENGTH]]
    known = (rows[:, COARSENESS] >= 0) & (rows[:, COARSENESS] <= _COARSEST) & (lengths >= 0).all(axis=1)
    if not (known.all() and (lengths.sum(axis=1) <= MAX_EXPONENTIAL_BUCKETS).all()):
        return False
    for coarseness in np.unique(rows[:, COARSENESS]).tolist():
        least, most = bucket_range(MAX_SCHEMA - coarseness)
        mine = rows[rows[:, COARSENESS] == coarseness]
        for side in _SIDES:
            some = mine[mine[:, side + 1] > 0]
            if (some[:, side] < least).any() or (some[:, side] + some[:, side + 1] - 1 > most).any():
                return False
    behind = np.arange(MAX_EXPONENTIAL_BUCKETS) >= lengths.sum(axis=1)[:, np.newaxis]
    return not rows[:, HEAD:][behind].any()


def rows_of_section(section: Exponentials) -> tuple[Int64s, Bools | None]:
    """Return what a frame has as rows, and a mask of those that are good where some are not."""
    zeros, good_zeros = whole_values(section.zeros)
    counts, good_counts = whole_values(section.counts)
    schemas, firsts, lengths = (
        np.array(column.tolist(), np.int64) for column in (section.schemas, section.firsts, section.lengths)
    )
    rows = np.zeros((len(schemas), ROW), np.int64)
    rows[:, COARSENESS], rows[:, ZERO] = MAX_SCHEMA - schemas, zeros
    firsts, lengths = firsts.reshape(-1, 2), lengths.reshape(-1, 2)
    rows[:, ABOVE_LENGTH], rows[:, BELOW_LENGTH] = lengths[:, 0], lengths[:, 1]
    rows[:, [ABOVE, BELOW]] = np.where(lengths > 0, firsts, 0)
    each = lengths.sum(axis=1)
    row = np.repeat(np.arange(len(rows)), each)
    rows[row, HEAD + np.arange(len(counts)) - np.repeat(np.cumsum(each) - each, each)] = counts
    if good_zeros is None and good_counts is None:
        return rows, None
    good = np.ones(len(rows), np.bool_) if good_zeros is None else good_zeros.copy()
    if good_counts is not None:
        good[row[~good_counts]] = False
    return rows, good


def rows_of(values: Iterable[ExponentialValue]) -> Int64s:
    """Return values as rows."""
    values = list(values)
    rows = np.zeros((len(values), ROW), np.int64)
    for row, value in zip(rows, values, strict=True):
        above, below = value.positive, value.negative
        row[:HEAD] = (
            MAX_SCHEMA - value.schema, value.zero, above.first, len(above.counts), below.first, len(below.counts)
        )  # fmt: skip
        row[HEAD : HEAD + len(above.counts) + len(below.counts)] = above.counts + below.counts
    return rows


def values_of(rows: Int64s, sums: Iterable[float]) -> list[ExponentialValue]:
    """Return rows as values."""
    return [_value(row, total) for row, total in zip(rows.tolist(), sums, strict=True)]


def _value(row: list[int], total: float) -> ExponentialValue:
    coarseness, zero, first, above, last, below = row[:HEAD]
    positive = trimmed(first, row[HEAD : HEAD + above])
    negative = trimmed(last, row[HEAD + above : HEAD + above + below])
    return ExponentialValue(MAX_SCHEMA - coarseness, zero, positive, negative, total)


def _together(known: Int64s, others: Int64s) -> tuple[Int64s, Int64s]:
    """Return two histograms a row with the same buckets, the first as a copy that may be changed."""
    count = len(known)
    heads = layout_of(np.concatenate([known, others]), np.tile(np.arange(count), 2), count)
    one, other = laid_out(known, heads), laid_out(others, heads)
    return one.copy() if one is known else one, other


def _counts(rows: Int64s) -> Int64s:
    """Return all counts of each row: at zero, and of all buckets."""
    return np.concatenate([rows[:, ZERO : ZERO + 1], rows[:, HEAD:]], axis=1)


def _reach(rows: Int64s, side: int, steps: Int64s) -> _Reach:
    first, length = rows[:, side], rows[:, side + 1]
    return _Reach(_coarser(first, steps), _coarser(first + length - 1, steps), length > 0)


def _coarser(index: Int64s, steps: Int64s) -> Int64s:
    """Return the bucket that each is a part of, so many schemas lower."""
    lower: Int64s = -(-index >> steps)
    return lower

"""Functions of how values change in a window: rate, increase, delta, irate, idelta, changes, resets."""

from __future__ import annotations

import numpy as np

from fog_aggregator.promql.evaluation.sums import range_sums
from fog_aggregator.promql.evaluation.windows import Block
from fog_aggregator.promql.storage import Floats, Ints, Mask


def extrapolated(block: Block, *, counter: bool, per_second: bool) -> tuple[Floats, Mask]:
    """Compute rate (`counter`, `per_second`), increase (`counter`) or delta.

    The change between the first and the last sample is stretched to the edges of the window, if the gaps there are less
    than 1.1 times the mean distance of samples, else by half of that distance; a counter never to where it would be
    below zero.
    """
    counts = block.counts
    present = block.has(2)
    first_time, last_time = block.times_at(block.low), block.times_at(block.high - 1)
    sampled = (last_time - first_time) / 1000.0
    spacing = sampled / (counts - 1)
    near = spacing * 1.1
    to_start = (first_time - (block.ends - block.reach)) / 1000.0
    to_end = (block.ends - last_time) / 1000.0
    to_start = np.where(to_start >= near, spacing / 2, to_start)
    to_end = np.where(to_end >= near, spacing / 2, to_end)

    first = block.at(block.low)
    change = block.at(block.high - 1) - first
    if counter:
        change = _add_resets(block, change)
        to_zero = np.where((change > 0) & (first >= 0), sampled * (first / change), np.inf)
        to_start = np.minimum(to_start, to_zero)
    factor = (sampled + to_start + to_end) / sampled
    if per_second:
        factor /= block.reach / 1000.0
    return change * factor, present


def _add_resets(block: Block, change: Floats) -> Floats:
    """Add what each counter had before it fell, for the falls inside of each window."""
    values = block.values
    fell = values[1:] < values[:-1]
    if block.shared:
        rows = np.flatnonzero(_falls_of_rows(fell, block))
    else:
        rows = np.arange(block.rows) if fell.any() else np.empty(0, np.int64)
    if not rows.size:
        return change
    before = np.zeros_like(values)
    before[1:][fell] = values[:-1][fell]
    base = block.base[rows]
    low, high = (block.low, block.high) if block.shared else (block.low[rows], block.high[rows])
    shape = (rows.size, block.ends.size)
    sums = range_sums(before, np.broadcast_to(base + low + 1, shape), np.broadcast_to(base + high, shape))
    change = change.copy()
    change[rows] += sums
    return change


def _falls_of_rows(fell: Mask, block: Block) -> Mask:
    """Tell which rows of a shared grid fall somewhere; from the end of a row to the next is no fall."""
    padded = np.zeros(block.values.size, np.bool_)
    padded[1:] = fell
    grid = padded.reshape(block.rows, block.times.size)
    found: Mask = np.any(grid[:, 1:], axis=1)
    return found


def instant(block: Block, *, counter: bool) -> tuple[Floats, Mask]:
    """Compute irate (`counter`) or idelta from the last two samples; after a reset the last value is the change."""
    last, before = block.at(block.high - 1), block.at(block.high - 2)
    change = last - before
    if counter:
        change = np.where(last < before, last, change)
        change = change / ((block.times_at(block.high - 1) - block.times_at(block.high - 2)) / 1000.0)
    return change, block.has(2)


def changes(block: Block) -> tuple[Floats, Mask]:
    """Count how often the value differs from the one before it; NaN after NaN does not."""
    before, after = block.values[:-1], block.values[1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return _count_steps(block, differs)


def resets(block: Block) -> tuple[Floats, Mask]:
    """Count how often the value is less than the one before it."""
    return _count_steps(block, block.values[1:] < block.values[:-1])


def _count_steps(block: Block, happens: Mask) -> tuple[Floats, Mask]:
    """Count what happens between the samples of each window."""
    until = np.zeros(max(1, block.values.size), np.int64)
    np.cumsum(happens, out=until[1:])
    low, last = block.base + block.low, block.base + block.high - 1
    counted: Ints = until.take(last, mode="clip") - until.take(low, mode="clip")
    return np.broadcast_to(counted, block.shape).astype(np.float64), block.has(1)

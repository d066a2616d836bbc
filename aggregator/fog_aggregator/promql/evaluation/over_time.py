"""Functions over the samples of a window: sums, extremes, quantiles, regressions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final, Literal, TypeAlias

import numpy as np

from fog_aggregator.promql.evaluation.sums import add_compensated, incremental_mean, whole_prefix
from fog_aggregator.promql.evaluation.windows import Block
from fog_aggregator.promql.storage import Floats, Ints, Mask

Found: TypeAlias = tuple[Floats, Mask]
"""Values and presence, [rows x steps]."""

_GATHERED: Final = 4_000_000
"""Samples that are copied out of windows at a time."""
_UNCHECKED: Final = 256
"""Samples of a window that are gone through until the time is looked at."""


def last(block: Block) -> Found:
    """Take the last value."""
    return block.at(block.high - 1), block.has(1)


def first(block: Block) -> Found:
    """Take the first value."""
    return block.at(block.low), block.has(1)


def count(block: Block) -> Found:
    """Count the samples."""
    return np.broadcast_to(block.counts, block.shape).astype(np.float64), block.has(1)


def one(block: Block) -> Found:
    """Give 1 wherever there is a sample."""
    return np.ones(block.shape), block.has(1)


def extreme(block: Block, which: Literal["max", "min"]) -> Found:
    """Find the largest or the smallest value; NaN counts only where nothing else is.

    Each level of a table has the extremes of stretches twice as long; two stretches cover a window.
    """
    pick = np.fmax if which == "max" else np.fmin
    counts = block.counts
    levels = np.frexp(np.maximum(counts, 1).astype(np.float64))[1] - 1
    found = np.full(block.shape, np.nan)
    table, length = block.values, 1
    for level in range(int(levels.max(initial=0)) + 1):
        wanted = levels == level
        if wanted.any():
            level_block = replace(block, values=table)
            covered = pick(level_block.at(block.low), level_block.at(block.high - length))
            found = covered if wanted.all() else np.where(wanted, covered, found)
        if table.size > length:
            longer = table.copy()
            longer[:-length] = pick(table[:-length], table[length:])
            table = longer
        length *= 2
    return found, block.has(1)


def _each_sample(block: Block) -> Iterator[tuple[Floats, Mask, bool, Ints]]:
    """Go through the windows in parallel: their first samples, their second ones, and so on.

    Yields:
        The values [rows x steps], which windows have so many, whether all have, and the positions.
    """
    counts = block.counts
    for number in range(int(counts.max(initial=0))):
        if number % _UNCHECKED == 0:
            block.moments.check_time()
        inside = counts > number
        positions = block.low + number
        yield block.at(positions), inside, bool(inside.all()), positions


def _compensated(block: Block) -> tuple[Floats, Floats]:
    """Sum each window, with what rounding lost."""
    total, lost = np.zeros(block.shape), np.zeros(block.shape)
    for values, inside, everywhere, _ in _each_sample(block):
        new, new_lost = add_compensated(total, lost, values)
        total = new if everywhere else np.where(inside, new, total)
        lost = new_lost if everywhere else np.where(inside, new_lost, lost)
    return total, lost


def _exact_sums(block: Block) -> Floats | None:
    """Sum each window of integers; None when there are fractions."""
    prefix = whole_prefix(block.values)
    if prefix is None:
        return None
    low, high = block.base + block.low, block.base + block.high
    sums = prefix.take(high, mode="clip") - prefix.take(low, mode="clip")
    return np.broadcast_to(sums, block.shape).astype(np.float64)


def total(block: Block) -> Found:
    """Sum the values."""
    exact = _exact_sums(block)
    if exact is not None:
        return exact, block.has(1)
    sums, lost = _compensated(block)
    return np.where(np.isinf(sums), sums, sums + lost), block.has(1)


def mean(block: Block) -> Found:
    """Average the values; a sum that overflows does not make the average infinite."""
    counts = block.counts
    exact = _exact_sums(block)
    if exact is not None:
        return exact / counts, block.has(1)
    sums, lost = _compensated(block)
    found, present = sums / counts + lost / counts, block.has(1)
    for row, step in np.argwhere(np.isinf(sums) & present):
        found[row, step] = incremental_mean(_window(block, int(row), int(step)).tolist())
    return found, present


def _window(block: Block, row: int, step: int) -> Floats:
    """Copy one window."""
    line = 0 if block.shared else row
    base = int(block.base[row, 0])
    return block.values[base + int(block.low[line, step]) : base + int(block.high[line, step])]


def variance(block: Block) -> Found:
    """Compute the variance by Welford's method: of equal values it is 0 exactly."""
    average, average_lost = np.zeros(block.shape), np.zeros(block.shape)
    squares, squares_lost = np.zeros(block.shape), np.zeros(block.shape)
    for number, (values, inside, everywhere, _) in enumerate(_each_sample(block), 1):
        delta = values - (average + average_lost)
        new_average, new_average_lost = add_compensated(average, average_lost, delta / number)
        product = delta * (values - (new_average + new_average_lost))
        new_squares, new_squares_lost = add_compensated(squares, squares_lost, product)
        if everywhere:
            average, average_lost, squares, squares_lost = new_average, new_average_lost, new_squares, new_squares_lost
            continue
        average, average_lost = np.where(inside, new_average, average), np.where(inside, new_average_lost, average_lost)
        squares, squares_lost = np.where(inside, new_squares, squares), np.where(inside, new_squares_lost, squares_lost)
    return (squares + squares_lost) / block.counts, block.has(1)


def deviation(block: Block) -> Found:
    """Compute the standard deviation."""
    found, present = variance(block)
    return np.sqrt(found), present


def quantile(block: Block, wanted: Floats) -> Found:
    """Compute a quantile, one for each step."""
    found = np.full(block.shape, np.nan)
    counts = np.broadcast_to(block.counts, block.shape)
    longest = max(1, int(block.counts.max(initial=0)))
    steps = max(1, _GATHERED // (block.rows * longest))
    offsets = np.arange(longest)
    for start in range(0, block.ends.size, steps):
        cut = slice(start, start + steps)
        low = np.broadcast_to(block.base + block.low, block.shape)[:, cut, None]
        values = block.values.take(low + offsets, mode="clip")
        inside = offsets < counts[:, cut, None]
        found[:, cut] = quantile_of(values, inside, wanted[cut])
    return found, block.has(1)


def quantile_of(values: Floats, present: Mask, wanted: Floats) -> Floats:
    """Compute quantiles along the last axis; NaN sorts lowest.

    Args:
        values: [... x steps x members].
        present: Which of them count, as `values`.
        wanted: Which quantile, [steps].
    """
    numbers = np.sort(np.where(present, values, np.nan), axis=-1)
    not_numbers = (present & np.isnan(values)).sum(axis=-1)
    members = present.sum(axis=-1)
    rank = wanted * (members - 1)
    below = np.maximum(0, np.floor(rank))
    weight = rank - np.floor(rank)
    lower = _ranked(numbers, below, not_numbers)
    upper = _ranked(numbers, np.minimum(members - 1, below + 1), not_numbers)
    found = lower * (1 - weight) + upper * weight
    found = np.where(wanted < 0, -np.inf, np.where(wanted > 1, np.inf, found))
    return np.where(np.isnan(wanted) | (members == 0), np.nan, found)


def _ranked(numbers: Floats, rank: Floats, not_numbers: Ints) -> Floats:
    """Look up what stands at a rank, after the NaNs, in sorted numbers."""
    position = np.nan_to_num(rank, nan=0.0, posinf=0.0, neginf=0.0).astype(np.int64) - not_numbers
    index = np.clip(position, 0, numbers.shape[-1] - 1)[..., None]
    found = np.take_along_axis(numbers, index, axis=-1)[..., 0]
    return np.where(position < 0, np.nan, found)


def _regression(block: Block, origin: Ints | Floats) -> tuple[Floats, Floats]:
    """Fit a line by least squares, time in seconds from `origin`; its slope, and its value there."""
    sums = [(np.zeros(block.shape), np.zeros(block.shape)) for _ in range(4)]
    begin = block.at(block.low)
    constant = np.ones(block.shape, np.bool_)
    for values, inside, everywhere, positions in _each_sample(block):
        seconds = np.broadcast_to((block.times_at(positions) - origin) / 1000.0, block.shape)
        constant &= ~inside | (values == begin)
        for number, term in enumerate((seconds, values, seconds * values, seconds * seconds)):
            new, new_lost = add_compensated(*sums[number], term)
            if not everywhere:
                new, new_lost = np.where(inside, new, sums[number][0]), np.where(inside, new_lost, sums[number][1])
            sums[number] = new, new_lost
    of_time, of_value, of_both, of_squares = (total + lost for total, lost in sums)
    counts = block.counts
    covariance = of_both - of_time * of_value / counts
    spread = of_squares - of_time * of_time / counts
    slope = covariance / spread
    there = of_value / counts - slope * of_time / counts
    flat = np.where(np.isinf(begin), np.nan, 0.0)
    return np.where(constant, flat, slope), np.where(constant, begin + flat, there)


def derivative(block: Block) -> Found:
    """Compute the slope of the line through the values."""
    slope, _ = _regression(block, block.times_at(block.low))
    return slope, block.has(2)


def prediction(block: Block, seconds: Floats, now: Ints) -> Found:
    """Tell what the line through the values has `seconds` after each step."""
    slope, there = _regression(block, now)
    return slope * seconds + there, block.has(2)


Kernel: TypeAlias = Callable[[Block], Found]
"""A function over windows that needs nothing but them."""

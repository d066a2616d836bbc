"""Sums that lose nothing: compensated, or of integers. Never differences of running sums of fractions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fog_aggregator.promql.storage import Floats, Ints

_EXACT: Final = 2.0**53
"""Whole numbers up to here are exact in a double."""

_TREE_PAYS: Final = 8
"""From so many times more members than groups on, halving each group is faster than going through the members."""


def add_compensated(total: Floats, lost: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Add values and keep what rounding loses (Kahan's sum in the form of Knuth); after an overflow nothing is kept."""
    new = total + values
    part = new - total
    error = (total - (new - part)) + (values - part)
    new_lost = lost + error
    finite = np.isfinite(new)
    if not finite.all():
        new_lost = np.where(finite, new_lost, 0.0)
    return new, new_lost


def whole_prefix(values: Floats) -> Ints | None:
    """Make running sums, if all values are integers and so small that integers count them exactly; else None.

    Returns:
        One more element than values: the sum of values ``[a:b]`` is ``prefix[b] - prefix[a]``.
    """
    if not values.size or not np.isfinite(values).all() or (np.trunc(values) != values).any():
        return None
    if float(np.abs(values).sum()) >= _EXACT:
        return None
    prefix = np.zeros(values.size + 1, np.int64)
    np.cumsum(values.astype(np.int64), out=prefix[1:])
    return prefix


def range_sums(values: Floats, low: Ints, high: Ints) -> Floats:
    """Sum flat values over ranges of positions; empty ranges give 0."""
    prefix = whole_prefix(values)
    if prefix is not None:
        last = values.size
        low = np.clip(low, 0, last)
        return (prefix.take(np.maximum(np.clip(high, 0, last), low)) - prefix.take(low)).astype(np.float64)
    padded = np.append(values, 0.0)
    pairs = np.stack((low, high), axis=-1).reshape(-1)
    found = np.add.reduceat(padded, np.clip(pairs, 0, values.size))[::2].reshape(low.shape)
    return np.where(high > low, found, 0.0)


def group_sums(values: Floats, members: Sequence[Ints]) -> tuple[Floats, Floats]:
    """Sum the rows of each group, compensated.

    Args:
        values: [rows x steps], with -0.0 where nothing is present.
        members: The rows of each group, at least one each.

    Returns:
        The sums [groups x steps], and what rounding lost of them.
    """
    largest = max(len(rows) for rows in members)
    if largest > _TREE_PAYS * len(members):
        pairs = [_tree_sum(values[rows]) for rows in members]
        return np.stack([pair[0] for pair in pairs]), np.stack([pair[1] for pair in pairs])
    order = np.array(sorted(range(len(members)), key=lambda group: -len(members[group])))
    total = values[np.array([members[group][0] for group in order])]
    lost = np.zeros_like(total)
    count = len(members)
    for position in range(1, largest):
        while len(members[order[count - 1]]) <= position:
            count -= 1
        rows = np.array([members[group][position] for group in order[:count]])
        total[:count], lost[:count] = add_compensated(total[:count], lost[:count], values[rows])
    back = np.argsort(order)
    return total[back], lost[back]


def _tree_sum(values: Floats) -> tuple[Floats, Floats]:
    """Sum rows by halving: the upper half is added to the lower one until one row is left."""
    total, lost = values, np.zeros_like(values[:1])
    lost = np.broadcast_to(lost, values.shape)
    while total.shape[0] > 1:
        half = total.shape[0] // 2
        new, new_lost = add_compensated(total[:half], lost[:half] + lost[half : 2 * half], total[half : 2 * half])
        if total.shape[0] % 2:
            new = np.concatenate((new, total[-1:]))
            new_lost = np.concatenate((new_lost, lost[-1:]))
        total, lost = new, new_lost
    return total[0], lost[0]


def incremental_mean(values: Sequence[float]) -> float:
    """Average values whose sum overflows: by running means from where it does."""
    total, lost, mean, incremental = values[0], 0.0, 0.0, False
    count = 1.0
    for value in values[1:]:
        count += 1.0
        if not incremental:
            new, new_lost = _add(value, total, lost)
            if abs(new) != np.inf:
                total, lost = new, new_lost
                continue
            incremental = True
            mean, lost = total / (count - 1), lost / (count - 1)
        share = (count - 1) / count
        mean, lost = _add(value / count, share * mean, share * lost)
    return mean + lost if incremental else total / count + lost / count


def _add(value: float, total: float, lost: float) -> tuple[float, float]:
    new = total + value
    if abs(new) == np.inf:
        return new, 0.0
    return new, lost + ((total - new) + value if abs(total) >= abs(value) else (value - new) + total)

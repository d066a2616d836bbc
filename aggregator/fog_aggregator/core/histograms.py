"""Histograms of different bounds: merged on the union of their bounds, shown at the bounds of one.

Each bucket's count stands at its own upper bound, so the ladder at any ``le`` is never above the truth, and exact
where all have that bound. Associative and commutative.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from typing import TypeAlias

Bounds: TypeAlias = tuple[float, ...]


def show_at(bounds: Bounds, parts: Iterable[tuple[Bounds, Sequence[int]]]) -> tuple[int, ...]:
    """The counts (not cumulative, the last is +Inf) of some histograms together, seen at `bounds`.

    A bucket with upper bound b counts at the first shown bound that is not below b.
    """
    counts = [0] * (len(bounds) + 1)
    for own, values in parts:
        if own == bounds:
            places: Iterable[int] = range(len(counts))
        else:
            places = [*(bisect_left(bounds, bound) for bound in own), len(bounds)]
        for place, value in zip(places, values, strict=True):
            counts[place] += value
    return tuple(counts)

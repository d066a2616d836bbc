"""Show exponential histograms with fixed bounds, as most readers know them: cumulative counts are exact at each. Pure.

Buckets below zero end at the bound that is nearer to zero, and do not contain it: there a ladder says less, and not
less or equal.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from math import isinf

from .buckets import MOST_BUCKETS, coarser, upper_bound
from .value import Buckets, ExponentialValue

_NONE = (0, -1)


@dataclass(frozen=True)
class Ladder:
    """Which bounds are shown.

    Attributes:
        schema: the bounds are those of its buckets.
        positive: numbers of the first and of the last bucket above zero; the last one below the first one for none.
        negative: the same, below zero.
    """

    schema: int
    positive: tuple[int, int] = _NONE
    negative: tuple[int, int] = _NONE

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """The finite upper bounds, ascending; the one below the first bucket above zero is among them."""
        return (*self._below_zero, *self._above_zero)

    @cached_property
    def _below_zero(self) -> tuple[float, ...]:
        first, last = self.negative
        bounds = [-upper_bound(index, self.schema) for index in range(last, first - 2, -1)] if first <= last else []
        return tuple(bound for bound in bounds if not isinf(bound))

    @cached_property
    def _above_zero(self) -> tuple[float, ...]:
        first, last = self.positive
        bounds = [upper_bound(index, self.schema) for index in range(first - 1, last + 1)] if first <= last else []
        return tuple(bound for bound in bounds if not isinf(bound))

    @property
    def zero_place(self) -> int:
        """The place of the bound that observations at zero are counted at."""
        return len(self._below_zero)

    def place(self, value: ExponentialValue) -> tuple[int, ...]:
        """Return the observations by bound, one more than bounds; the value's buckets must be among the ladder's."""
        value = value.at(self.schema)
        counts = [0] * (len(self.bounds) + 1)
        zero = self.zero_place
        counts[zero] += value.zero
        for index, count in enumerate(value.positive.counts, value.positive.first - self.positive[0] + 1):
            counts[zero + index] += count
        for index, count in enumerate(value.negative.counts, value.negative.first - self.negative[0] + 1):
            counts[zero - index] += count
        return tuple(counts)


def ladder_of(values: Iterable[ExponentialValue], *, finest: int = 0, most: int = MOST_BUCKETS) -> Ladder:
    """Return the bounds at which all of some histograms can be shown exactly: as fine as they are, within limits.

    Args:
        values: the histograms.
        finest: the highest schema; with 0 bounds are powers of two.
        most: so many buckets at most, where no lower schema is needed for it than there is.
    """
    schema, positive, negative = finest, _NONE, _NONE
    for value in values:
        if not (value.positive.counts or value.negative.counts):
            continue
        lower = min(schema, value.schema)
        positive = _union(_coarser(positive, schema - lower), _range(value.positive, value.schema - lower))
        negative = _union(_coarser(negative, schema - lower), _range(value.negative, value.schema - lower))
        schema = lower
    while schema > 0 and _size(positive) + _size(negative) > most:
        schema, positive, negative = schema - 1, _coarser(positive, 1), _coarser(negative, 1)
    return Ladder(schema, positive, negative)


def _range(buckets: Buckets, steps: int) -> tuple[int, int]:
    if not buckets.counts:
        return _NONE
    return _coarser((buckets.first, buckets.first + len(buckets.counts) - 1), steps)


def _coarser(range_: tuple[int, int], steps: int) -> tuple[int, int]:
    if range_ == _NONE or not steps:
        return range_
    first, last = map(coarser, range_, repeat(steps))
    return first, last


def _union(one: tuple[int, int], other: tuple[int, int]) -> tuple[int, int]:
    if _NONE in (one, other):
        return other if one == _NONE else one
    return min(one[0], other[0]), max(one[1], other[1])


def _size(range_: tuple[int, int]) -> int:
    return range_[1] - range_[0] + 1

"""Count observations in exponential buckets. Pure: counting gives a new store, and a reader never sees half of it."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .buckets import MIN_SCHEMA, ZERO_THRESHOLD, coarser, index_of, upper_bound
from .value import NO_BUCKETS, Buckets, ExponentialValue

_OCTAVES: Final = 512
"""So many pieces of tables of bounds are kept; each has the bounds between two powers of two."""


@dataclass(frozen=True, slots=True)
class _Side:
    """The buckets on one side of zero.

    Attributes:
        first: the number of the first bucket.
        counts: observations in each; the first one and the last one have some.
        bounds: the upper bound of each.
    """

    first: int
    counts: list[int]
    bounds: tuple[float, ...]

    def reach(self, low: int, high: int) -> tuple[int, int]:
        """Return the first and the last bucket that are needed for these as well."""
        if not self.counts:
            return low, high
        return min(low, self.first), max(high, self.first + len(self.counts) - 1)

    def stretched(self, schema: int, steps: int, first: int, last: int) -> "_Side":
        """Return the same counts so many schemas lower, at `schema`, with the buckets that these are parts of then."""
        first, last = coarser(first, steps), coarser(last, steps)
        counts = [0] * (last - first + 1)
        for index, count in enumerate(self.counts, self.first):
            counts[coarser(index, steps) - first] += count
        return _Side(first, counts, _bounds(schema, first, last))

    def count(self, magnitudes: list[float], begin: int) -> "_Side":
        """Return it with more values, which ascend from `begin` on and have a bucket here: a run of them at a time."""
        counts, bounds = self.counts.copy(), self.bounds
        place, end = 0, len(magnitudes)
        while begin < end:
            place = bisect_left(bounds, magnitudes[begin], place)
            after = bisect_right(magnitudes, bounds[place], begin)
            counts[place] += after - begin
            begin = after
        return _Side(self.first, counts, bounds)

    @property
    def buckets(self) -> Buckets:
        """The same as a value."""
        return Buckets(self.first, tuple(self.counts)) if self.counts else NO_BUCKETS


_NOTHING: Final = _Side(0, [], ())


@dataclass(frozen=True, slots=True)
class Store:
    """Hold observations.

    Attributes:
        schema: at present; it only falls.
        most: so many buckets there are at most, on both sides together, but at the lowest schema.
        zero: observations not farther from zero than the threshold.
        positive: those above.
        negative: those below, by their magnitude.
    """

    schema: int
    most: int
    zero: int = 0
    positive: _Side = _NOTHING
    negative: _Side = _NOTHING

    def count(self, values: list[float]) -> "Store":
        """Return it with some finite values more, which ascend."""
        below, above = bisect_left(values, -ZERO_THRESHOLD), bisect_right(values, ZERO_THRESHOLD)
        negative = [-value for value in reversed(values[:below])] if below else []
        store = self._with_room(values[above :: max(1, len(values) - above - 1)], negative)
        return Store(
            store.schema,
            store.most,
            store.zero + above - below,
            store.positive.count(values, above) if above < len(values) else store.positive,
            store.negative.count(negative, 0) if negative else store.negative,
        )

    def value(self, total: float) -> ExponentialValue:
        """Return it as a value; `total`: the sum of all observations."""
        return ExponentialValue(self.schema, self.zero, self.positive.buckets, self.negative.buckets, total)

    def _with_room(self, above: list[float], below: list[float]) -> "Store":
        """Return it with a bucket for each of some ascending magnitudes, as many schemas lower as that takes."""
        schema = self.schema
        sides, reaches = (
            (self.positive, self.negative),
            (self._reach(self.positive, above), self._reach(self.negative, below)),
        )
        if all(len(side.counts) == _size(reach, 0) for side, reach in zip(sides, reaches, strict=True)):
            return self
        steps = 0
        while schema - steps > MIN_SCHEMA and sum([_size(reach, steps) for reach in reaches]) > self.most:
            steps += 1
        stretched = [
            side.stretched(schema - steps, steps, *reach) if _size(reach, 0) else _NOTHING
            for side, reach in zip(sides, reaches, strict=True)
        ]
        return Store(schema - steps, self.most, self.zero, *stretched)

    def _reach(self, side: _Side, magnitudes: list[float]) -> tuple[int, int]:
        if not magnitudes:
            return side.first, side.first + len(side.counts) - 1
        return side.reach(index_of(magnitudes[0], self.schema), index_of(magnitudes[-1], self.schema))


def _size(reach: tuple[int, int], steps: int) -> int:
    return coarser(reach[1], steps) - coarser(reach[0], steps) + 1 if reach[1] >= reach[0] else 0


def _bounds(schema: int, first: int, last: int) -> tuple[float, ...]:
    """Return the upper bounds of some buckets."""
    if schema < 0:
        return tuple([upper_bound(index, schema) for index in range(first, last + 1)])
    octaves = range((first - 1) >> schema, ((last - 1) >> schema) + 1)
    bounds = [bound for octave in octaves for bound in _octave(schema, octave)]
    begin = (first - 1) & ((1 << schema) - 1)
    return tuple(bounds[begin : begin + last - first + 1])


@lru_cache(maxsize=_OCTAVES)
def _octave(schema: int, octave: int) -> tuple[float, ...]:
    """Return the bounds above 2^octave, up to the next power of two."""
    first = (octave << schema) + 1
    return tuple([upper_bound(index, schema) for index in range(first, first + (1 << schema))])

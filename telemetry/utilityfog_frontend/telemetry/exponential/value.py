"""Exponential histograms as values, with the arithmetic that all values have. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

from .buckets import MAX_SCHEMA, MIN_SCHEMA, MOST_BUCKETS, coarser


class Buckets(NamedTuple):
    """The buckets on one side of zero, without gaps; neither the first nor the last is empty.

    Attributes:
        first: the number of the first bucket; 0 without any.
        counts: observations in each bucket alone, by ascending magnitude.
    """

    first: int = 0
    counts: tuple[int, ...] = ()

    def at(self, steps: int) -> "Buckets":
        """Return the same observations so many schemas lower."""
        if not steps or not self.counts:
            return self
        first = coarser(self.first, steps)
        merged = [0] * (coarser(self.first + len(self.counts) - 1, steps) - first + 1)
        for index, count in enumerate(self.counts, self.first):
            merged[coarser(index, steps) - first] += count
        return Buckets(first, tuple(merged))

    def span_at(self, steps: int) -> int:
        """Return how many buckets there would be so many schemas lower."""
        if not self.counts:
            return 0
        return coarser(self.first + len(self.counts) - 1, steps) - coarser(self.first, steps) + 1


NO_BUCKETS = Buckets()


def trimmed(first: int, counts: list[int]) -> Buckets:
    """Return buckets without the empty ones at both ends."""
    begin, end = 0, len(counts)
    while begin < end and not counts[begin]:
        begin += 1
    while begin < end and not counts[end - 1]:
        end -= 1
    return Buckets(first + begin, tuple(counts[begin:end])) if begin < end else NO_BUCKETS


@dataclass(frozen=True, slots=True)
class ExponentialValue:
    """Observations by exponential buckets.

    Attributes:
        schema: how fine the buckets are, from -4 to 8: each bound is 2^(2^-schema) times the one before.
        zero: observations that are not farther from zero than `ZERO_THRESHOLD`.
        positive: the others above zero.
        negative: the others below zero, by their magnitude.
        sum: of all observed values, in the metric's unit.
    """

    schema: int = MAX_SCHEMA
    zero: int = 0
    positive: Buckets = NO_BUCKETS
    negative: Buckets = NO_BUCKETS
    sum: float = 0.0

    @property
    def count(self) -> int:
        """All observations."""
        return self.zero + sum(self.positive.counts) + sum(self.negative.counts)

    @property
    def counts(self) -> Iterator[int]:
        """Yield the count of each bucket, that around zero first."""
        return chain((self.zero,), self.positive.counts, self.negative.counts)

    def at(self, schema: int) -> "ExponentialValue":
        """Return the same observations at a schema that is not higher: exactly as if they had been counted there."""
        steps = self.schema - schema
        return ExponentialValue(schema, self.zero, self.positive.at(steps), self.negative.at(steps), self.sum)

    def within(self, most: int = MOST_BUCKETS) -> "ExponentialValue":
        """Return the same observations at the highest schema at which they have no more than so many buckets."""
        schema = schema_within(self.schema, most, self.positive, self.negative)
        return self if schema == self.schema else self.at(schema)

    def __add__(self, other: "ExponentialValue") -> "ExponentialValue":
        """Add both, at the lower one of their schemas, or below it where the buckets were too many."""
        return self._combined(other, 1)

    def __sub__(self, other: "ExponentialValue") -> "ExponentialValue":
        """Subtract `other`, an earlier value of the same series."""
        return self._combined(other, -1)

    def _combined(self, other: "ExponentialValue", sign: int) -> "ExponentialValue":
        if not isinstance(other, ExponentialValue):
            return NotImplemented
        schema = min(self.schema, other.schema)
        one, two = self.at(schema), other.at(schema)
        return ExponentialValue(
            schema,
            one.zero + sign * two.zero,
            _combined(one.positive, two.positive, sign),
            _combined(one.negative, two.negative, sign),
            one.sum + sign * two.sum,
        ).within()


def schema_within(schema: int, most: int, positive: Buckets, negative: Buckets) -> int:
    """Return the highest schema, not above the one of some buckets, at which they are no more than `most`.

    At the lowest schema they may be more.
    """
    lower = schema
    while lower > MIN_SCHEMA and positive.span_at(schema - lower) + negative.span_at(schema - lower) > most:
        lower -= 1
    return lower


def _combined(one: Buckets, other: Buckets, sign: int) -> Buckets:
    if not other.counts:
        return one
    if not one.counts:
        return other if sign > 0 else Buckets(other.first, tuple([-count for count in other.counts]))
    first = min(one.first, other.first)
    counts = [0] * (max(one.first + len(one.counts), other.first + len(other.counts)) - first)
    counts[one.first - first : one.first - first + len(one.counts)] = one.counts
    for place, count in enumerate(other.counts, other.first - first):
        counts[place] += sign * count
    return trimmed(first, counts)


def is_below(later: ExponentialValue, earlier: ExponentialValue) -> bool:
    """Tell whether any bucket of a value has less than an earlier one's: its series began anew."""
    return any(count < 0 for count in (later - earlier).counts)


def as_numbers(value: ExponentialValue) -> dict[str, Any]:
    """Return a value as plain data."""
    return {
        "schema": value.schema,
        "zero": value.zero,
        "positive": [value.positive.first, *value.positive.counts],
        "negative": [value.negative.first, *value.negative.counts],
        "sum": value.sum,
    }


def of_numbers(plain: dict[str, Any]) -> ExponentialValue:
    """Return the value that `as_numbers` gave.

    Raises:
        ValueError, TypeError, KeyError: it gave no such data.
    """
    schema = int(plain["schema"])
    if not MIN_SCHEMA <= schema <= MAX_SCHEMA:
        raise ValueError(f"schema {schema} is not from {MIN_SCHEMA} to {MAX_SCHEMA}")
    (first, *above), (nearest, *below) = map(int, plain["positive"]), map(int, plain["negative"])
    positive, negative = trimmed(first, above), trimmed(nearest, below)
    return ExponentialValue(schema, int(plain["zero"]), positive, negative, float(plain["sum"]))

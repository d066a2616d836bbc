"""The kinds of metric and of value: whoever needs to know in which way they differ asks here.

Nothing here has a lock, a clock or a reference to a live instrument.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import accumulate
from math import isfinite
from operator import add, lt, sub
from typing import Any, Protocol, Self

from .exponential.value import ExponentialValue, as_numbers, is_below, of_numbers
from .support.numeric import WHOLE_LIMIT


class MetricType(StrEnum):
    """The kinds of metric, and everything in which they differ for those that read values."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponential_histogram"

    @property
    def incremental(self) -> bool:
        """Whether values are counts, which add up over time and outlive their series; a gauge's value is absolute."""
        return self is not MetricType.GAUGE

    @property
    def reserved_labels(self) -> tuple[str, ...]:
        """The label names that series may not have: `le` has the bounds of buckets."""
        return ("le",) if self.has_buckets else ()

    @property
    def has_buckets(self) -> bool:
        """Whether values are distributions."""
        return self in (MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM)

    @property
    def is_exponential(self) -> bool:
        """Whether buckets have no bounds that were chosen."""
        return self is MetricType.EXPONENTIAL_HISTOGRAM

    @property
    def exposed(self) -> str:
        """The name of the type for Prometheus, which knows histograms of both kinds under one."""
        return "histogram" if self.has_buckets else self.value

    @property
    def number_suffix(self) -> str:
        """The end of the name of a sample with a plain number, in OpenMetrics."""
        return "_total" if self is MetricType.COUNTER else ""

    def zero(self, bounds: tuple[float, ...]) -> "Value":
        """Return the value at which a series begins."""
        if self is MetricType.EXPONENTIAL_HISTOGRAM:
            return ExponentialValue()
        return HistogramValue((0,) * (len(bounds) + 1), 0.0) if self is MetricType.HISTOGRAM else 0

    def base_name(self, name: str) -> str:
        """Return the name of a family in OpenMetrics: a counter's without `_total`."""
        return name.removesuffix("_total") if self is MetricType.COUNTER else name

    def sample_names(self, name: str) -> Iterator[str]:
        """Yield every name under which a family appears in any format."""
        yield name
        if self is MetricType.COUNTER:
            base = self.base_name(name)
            yield base if base != name else base + "_total"
            yield base + "_created"
        elif self.has_buckets:
            yield from (name + suffix for suffix in ("_bucket", "_sum", "_count", "_created"))


@dataclass(frozen=True, slots=True)
class HistogramValue:
    """Observations by bucket.

    Attributes:
        counts: observations in each bucket alone (not cumulative); one more than bounds, the last is +Inf's.
        sum: of all observed values, in the metric's unit.
    """

    counts: tuple[int, ...]
    sum: float

    @property
    def count(self) -> int:
        """All observations."""
        return sum(self.counts)

    def __sub__(self, other: "HistogramValue") -> "HistogramValue":
        """Subtract `other`, an earlier value of the same series."""
        if not isinstance(other, HistogramValue):
            return NotImplemented
        return HistogramValue(
            tuple(mine - theirs for mine, theirs in zip(self.counts, other.counts, strict=True)), self.sum - other.sum
        )

    def __add__(self, other: "HistogramValue") -> "HistogramValue":
        """Add both; their bounds must be the same."""
        if not isinstance(other, HistogramValue):
            return NotImplemented
        return HistogramValue(
            tuple(mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)), self.sum + other.sum
        )


class Additive(Protocol):
    """The arithmetic of every kind of value: values of a series are added and subtracted, from `Family.zero` on."""

    def __add__(self, other: Self, /) -> Self:
        """Add both."""

    def __sub__(self, other: Self, /) -> Self:
        """Subtract `other`, an earlier value of the same series."""


Value = int | float | HistogramValue | ExponentialValue
Distribution = HistogramValue | ExponentialValue
"""A value of a histogram."""


def histogram_of(value: Value, name: str) -> HistogramValue:
    """Return a histogram's value.

    Raises:
        TypeError: the value is none, in a series of the histogram `name`.
    """
    if not isinstance(value, HistogramValue):
        raise TypeError(f"a series of the histogram {name!r} has the value {value!r}")
    return value


def exponential_of(value: Value, name: str) -> ExponentialValue:
    """Return an exponential histogram's value.

    Raises:
        TypeError: the value is none, in a series of the exponential histogram `name`.
    """
    if not isinstance(value, ExponentialValue):
        raise TypeError(f"a series of the exponential histogram {name!r} has the value {value!r}")
    return value


def size_of(value: Value) -> float:
    """Return how much was counted: a number as it is, of a histogram the observations."""
    return value.count if isinstance(value, Distribution) else value


def fell(earlier: Value, later: Value) -> bool:
    """Tell whether a total is lower than it was, in any of its parts: it began anew."""
    if isinstance(earlier, HistogramValue) and isinstance(later, HistogramValue):
        return any(now < before for before, now in zip(earlier.counts, later.counts, strict=True))
    if isinstance(earlier, ExponentialValue) and isinstance(later, ExponentialValue):
        return is_below(later, earlier)
    return size_of(later) < size_of(earlier)


def began_below(earlier: Value, later: Value) -> bool:
    """Tell whether a total began anew, as far as a reader of cumulative buckets can tell: one of them fell.

    A program that is asked while it counts may show an observation in a bucket and not yet in those above it. So a
    bucket's own count may fall, and that alone is no new beginning.
    """
    if isinstance(earlier, HistogramValue) and isinstance(later, HistogramValue):
        return any(map(lt, accumulate(later.counts), accumulate(earlier.counts)))
    return fell(earlier, later)


def risen(earlier: Value, later: Value) -> Value:
    """Return a later total in which no bucket of its own has less than before; the observations are as many.

    One that was seen in a higher bucket than its own stays there: counts that were told never go down.
    """
    if not (isinstance(earlier, HistogramValue) and isinstance(later, HistogramValue)):
        return later
    if not any(map(lt, later.counts, earlier.counts)):
        return later
    grown = list(accumulate(map(sub, later.counts, earlier.counts)))
    most = list(accumulate(reversed(grown), min))[::-1]
    sound = [max(0, count) for count in most]
    steps = map(sub, sound, [0, *sound])
    return HistogramValue(tuple(map(add, earlier.counts, steps)), later.sum)


def as_plain(value: Value) -> int | float | list[int | float] | dict[str, Any]:
    """Return a value as numbers: a histogram as the counts of its buckets, and its sum at the end."""
    if isinstance(value, ExponentialValue):
        return as_numbers(value)
    return [*value.counts, value.sum] if isinstance(value, HistogramValue) else value


def from_plain(plain: object) -> Value:
    """Return the value that `as_plain` gave.

    Raises:
        ValueError, TypeError, KeyError: it gave none such.
    """
    if isinstance(plain, dict):
        return of_numbers(plain)
    if isinstance(plain, list):
        *counts, total = plain
        return HistogramValue(tuple([int(count) for count in counts]), float(total))
    if isinstance(plain, bool) or not isinstance(plain, int | float):
        raise TypeError(f"{plain!r} is no value")
    return plain


def is_count(value: Value) -> bool:
    """Tell whether a value can be counted: one below zero, NaN or too large would spoil each total that it reaches."""
    if isinstance(value, Distribution):
        counts = tuple(value.counts)
        return _travels(value.sum) and min(counts) >= 0 and max(counts) < WHOLE_LIMIT
    return value >= 0 and _travels(value)


def _travels(number: float) -> bool:
    """Tell whether a number fits the wire: a double that is finite, or an integer of 64 bits."""
    return isfinite(number) if type(number) is float else -WHOLE_LIMIT < number < WHOLE_LIMIT


def limited(value: Value) -> Value:
    """Return a count in which each number is at most the largest that there may be."""
    most = WHOLE_LIMIT - 1
    if isinstance(value, HistogramValue):
        return HistogramValue(tuple([min(count, most) for count in value.counts]), value.sum)
    if isinstance(value, ExponentialValue):
        positive, negative = [
            side._replace(counts=tuple([min(count, most) for count in side.counts]))
            for side in (value.positive, value.negative)
        ]
        return replace(value, zero=min(value.zero, most), positive=positive, negative=negative)
    return value if isinstance(value, float) else min(value, most)

"""Histograms whose bounds are powers of one number: Prometheus calls them native, OpenTelemetry exponential.

In Prometheus' words bucket `i` has the values in (base^(i-1), base^i], where base is 2^(2^-schema). OpenTelemetry
numbers the same buckets from one lower on, and calls the schema a scale.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from utilityfog_frontend.telemetry.exponential.buckets import ZERO_THRESHOLD
from utilityfog_frontend.telemetry.exponential.value import ExponentialValue

_SHORT_GAP = 2
"""So many empty buckets are written as zeros: that takes less than to begin another span."""

Buckets = Sequence[tuple[int, int]]
"""Pairs of a bucket's index and its count, by ascending index; those that are left out are empty."""


@dataclass(frozen=True, slots=True)
class NativeHistogram:
    """The observations of one series.

    Attributes:
        schema: The resolution: each power of two is divided into 2^schema buckets; from -4 to 8.
        count: All observations.
        sum: Of all observed values.
        positive: The buckets of values above zero.
        negative: The buckets of values below zero, by the index of the value without its sign.
        zero_count: Observations at zero.
        zero_threshold: The largest value that counts as zero.
    """

    schema: int
    count: int
    sum: float
    positive: Buckets = ()
    negative: Buckets = ()
    zero_count: int = 0
    zero_threshold: float = ZERO_THRESHOLD


def native_of(value: ExponentialValue) -> NativeHistogram:
    """Return what a series of an exponential histogram has counted."""
    positive, negative = (
        [(index, count) for index, count in enumerate(side.counts, side.first) if count]
        for side in (value.positive, value.negative)
    )
    return NativeHistogram(value.schema, value.count, value.sum, positive, negative, value.zero)


@dataclass(frozen=True, slots=True)
class Spans:
    """Buckets as Prometheus writes them.

    Attributes:
        spans: For each run of buckets how far it is from the end of the one before (the first from index 0), and how
            many buckets it has.
        deltas: The count of each bucket of all runs, less that of the one before it.
    """

    spans: list[tuple[int, int]]
    deltas: list[int]


def spans_of(buckets: Buckets) -> Spans:
    """Return buckets as runs, and their counts as differences."""
    spans: list[tuple[int, int]] = []
    counts: list[int] = []
    end = 0
    for index, count in buckets:
        gap = index - end
        if spans and gap <= _SHORT_GAP:
            offset, length = spans[-1]
            spans[-1] = (offset, length + gap + 1)
            counts += [0] * gap
        else:
            spans.append((gap, 1))
        counts.append(count)
        end = index + 1
    return Spans(spans, [later - earlier for earlier, later in pairwise([0, *counts])])


def dense(buckets: Buckets) -> tuple[int, list[int]]:
    """Return buckets without gaps as OpenTelemetry has them: the index of the first by its numbers, and the counts."""
    if not buckets:
        return 0, []
    first = buckets[0][0]
    counts = [0] * (buckets[-1][0] - first + 1)
    for index, count in buckets:
        counts[index - first] = count
    return first - 1, counts

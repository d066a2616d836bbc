"""Measurements as plain values: the one language that collectors, exporters, agents and aggregators share.

Nothing here has a lock, a clock or a reference to a live instrument. A value may be passed to any thread and kept.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from .exponential.ladder import ladder_of
from .exponential.resolution import Exponential
from .exponential.value import ExponentialValue
from .kinds import Additive, HistogramValue, MetricType, Value

__all__ = [  # noqa: RUF022 - in plain order, as every list of public names here
    "Additive",
    "Exemplar",
    "Exponential",
    "ExponentialValue",
    "Family",
    "FamilySnapshot",
    "HistogramValue",
    "Labels",
    "LeftOut",
    "MetricType",
    "MetricValue",
    "ROLLUPS",
    "SeriesSnapshot",
    "Value",
    "add_values",
    "joined_values",
    "metric_values",
    "subtract_values",
]

Labels = tuple[tuple[str, str], ...]
"""Label names and values, sorted by name: the same set of labels is the same tuple on every node."""


ROLLUPS = ("sum", "min", "max", "avg", "last", "count_values")
"""The ways in which a gauge can be merged along the tree."""


@dataclass(frozen=True, slots=True)
class Family:
    """A metric name and all that is true of each of its series.

    Attributes:
        name: as registered; a counter's name with its `_total`, where it has one.
        type: counter, gauge, histogram or exponential histogram.
        help: a sentence for people.
        unit: base unit, as OpenMetrics writes it (`seconds`, `bytes`), or empty.
        bounds: histograms only: the finite upper bounds of the buckets, ascending. A bucket with no bound follows them.
        rollup: gauges only: how the tree merges them, a choice of `ROLLUPS`; the first is the headline.
        exponential: exponential histograms of this process only: how fine their buckets are.
    """

    name: str
    type: MetricType
    help: str = ""
    unit: str = ""
    bounds: tuple[float, ...] = ()
    rollup: tuple[str, ...] = ()
    exponential: Exponential | None = None

    @property
    def zero(self) -> "Value":
        """The value at which a series begins."""
        return self.type.zero(self.bounds)


A = TypeVar("A", bound=Additive)


def add_values(one: A, other: A) -> A:
    """Add what two series of one family counted.

    Raises:
        TypeError: one is a histogram, the other is not.
    """
    return one + other


def subtract_values(later: A, earlier: A) -> A:
    """Subtract an earlier value of a series from a later one.

    Raises:
        TypeError: one is a histogram, the other is not.
    """
    return later - earlier


class Exemplar(NamedTuple):
    """One observation with a trace to look at."""

    labels: Labels
    value: float
    timestamp: float  # unix seconds


@dataclass(slots=True)
class SeriesSnapshot:
    """One series at one moment. Not frozen: a million of them are made for a scrape, and freezing doubles the cost.

    Attributes:
        labels: sorted by name.
        value: an int while all that was counted or set was whole, a float, a `HistogramValue` or `ExponentialValue`.
        created: unix seconds of the moment the count began, when that is known.
        exemplars: histograms only: the latest exemplar of a bucket, by the bucket's index.
        rendered: a cache that belongs to whoever made the snapshot: `labels` as `exposition.render_labels` writes them.
    """

    labels: Labels
    value: Value
    created: float | None = None
    exemplars: Mapping[int, Exemplar] | None = None
    rendered: str | None = None


@dataclass(frozen=True, slots=True)
class FamilySnapshot:
    """A family and its series at one moment."""

    family: Family
    series: Sequence[SeriesSnapshot]


class LeftOut(NamedTuple):
    """A family of a source, or a part of one, that cannot be told here; counted once for each source, name and reason.

    Attributes:
        name: the family's name where it comes from.
        reason: one of the reasons of `telemetry_problems_total` that begin with `source_`.
    """

    name: str
    reason: str


@dataclass(slots=True)
class MetricValue:
    """One number of a metric, as `get_value()` gives it: the value, when it was read (unix seconds), its labels."""

    value: int | float
    timestamp: float = field(default_factory=time.time)
    labels: dict[str, str] = field(default_factory=dict)


def metric_values(family: Family, series: SeriesSnapshot, timestamp: float) -> MetricValue | list[MetricValue]:
    """One series as `MetricValue`s.

    A counter or gauge is one value. A histogram is a list: for each finite bound the observations at or below it,
    with the bound as the label `le`; then the sum, with the label `type: sum`; then the count, with `type: count`.
    The bounds of an exponential histogram are the powers of two around its observations.
    """
    labels = dict(series.labels)
    value, bounds = series.value, family.bounds
    if isinstance(value, ExponentialValue):
        ladder = ladder_of([value])
        value, bounds = HistogramValue(ladder.place(value), value.sum), ladder.bounds
    if not isinstance(value, HistogramValue):
        return MetricValue(value, timestamp, labels)
    values = []
    cumulative = 0
    for bound, count in zip(bounds, value.counts, strict=False):
        cumulative += count
        values.append(MetricValue(cumulative, timestamp, labels | {"le": str(bound)}))
    values.append(MetricValue(value.sum, timestamp, labels | {"type": "sum"}))
    values.append(MetricValue(value.count, timestamp, labels | {"type": "count"}))
    return values


def joined_values(family: Family, series: Iterable[SeriesSnapshot], now: float) -> MetricValue | list[MetricValue]:
    """One value when there is one series, and it is no histogram; else the values of all in one list."""
    values = [metric_values(family, one, now) for one in series]
    if len(values) == 1:
        return values[0]
    return [value for several in values for value in (several if isinstance(several, list) else [several])]

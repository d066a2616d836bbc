"""Choose how a family is written by its type: the one place where the formats differ by it."""

from collections.abc import Callable, Iterator
from itertools import accumulate
from math import inf

from utilityfog_frontend.telemetry.kinds import size_of
from utilityfog_frontend.telemetry.model import (
    Family,
    FamilySnapshot,
    HistogramValue,
    Labels,
    MetricType,
    SeriesSnapshot,
)
from utilityfog_frontend.telemetry.names import base_name

from . import messages
from .classic import as_classic
from .samples import chunks, histogram_lines, number_lines, render_bound


def text_lines(snapshot: FamilySnapshot) -> Iterator[list[str]]:
    """Return the samples of a family in Prometheus text."""
    snapshot = as_classic(snapshot)
    family, series = snapshot.family, snapshot.series
    if family.type is MetricType.HISTOGRAM:
        return (histogram_lines(family, part) for part in chunks(series, len(family.bounds) + 1))
    return number_lines(family.name, series)


def openmetrics_lines(snapshot: FamilySnapshot) -> Iterator[list[str]]:
    """Return the samples of a family in OpenMetrics."""
    snapshot = as_classic(snapshot)
    family, series = snapshot.family, snapshot.series
    name = base_name(family)
    if family.type is MetricType.GAUGE:
        return number_lines(name, series)
    if family.type is MetricType.HISTOGRAM:
        return (histogram_lines(family, part, openmetrics=True) for part in chunks(series, len(family.bounds) + 1))
    return number_lines(name + "_total", series, name + "_created")


def number_samples(snapshot: FamilySnapshot) -> Iterator[tuple[str, Labels, float]]:
    """Return the samples of a family as values: its name in Prometheus text, labels with `le` as the last, number."""
    snapshot = as_classic(snapshot)
    family = snapshot.family
    name = base_name(family)
    for one in snapshot.series:
        value = one.value
        if not isinstance(value, HistogramValue):
            yield family.name, one.labels, size_of(value)
            continue
        for bound, count in zip((*family.bounds, inf), accumulate(value.counts), strict=True):
            yield f"{name}_bucket", (*one.labels, ("le", render_bound(bound))), count
        yield f"{name}_sum", one.labels, value.sum
        yield f"{name}_count", one.labels, value.count


_PROTOBUF: dict[MetricType, tuple[int, Callable[[Family, SeriesSnapshot], bytes]]] = {
    MetricType.COUNTER: (0, messages.counter),
    MetricType.GAUGE: (1, messages.gauge),
    MetricType.HISTOGRAM: (4, messages.histogram),
    MetricType.EXPONENTIAL_HISTOGRAM: (4, messages.exponential_histogram),
}


def protobuf_kind(family: Family) -> tuple[int, Callable[[Family, SeriesSnapshot], bytes]]:
    """Return the number of a family's type in Prometheus' protobuf, and how the value of a series is written."""
    return _PROTOBUF[family.type]

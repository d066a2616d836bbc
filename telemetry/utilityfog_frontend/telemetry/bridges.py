"""To and from `prometheus_client`. It is not a dependency: whoever calls these has it.

    collector.add_source(prometheus_source(prometheus_client.REGISTRY))     # its metrics here, and on the bus
    prometheus_client.REGISTRY.register(PrometheusBridge(collector))        # ours there

Do one or the other for a registry: both would show each metric to itself.
"""

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from math import inf, isnan
from typing import Any

from .labels import sorted_labels
from .model import Exemplar, Family, FamilySnapshot, HistogramValue, Labels, MetricType, SeriesSnapshot
from .names import base_name
from .source import MetricsSource
from .support.numeric import as_number

_GAUGES = {"gauge": "", "unknown": "", "untyped": "", "info": "_info", "stateset": ""}
"""Their types that are gauges here, and the suffix of their samples."""


def prometheus_source(registry: Any) -> Callable[[], list[FamilySnapshot]]:
    """Read a registry of prometheus_client, for `TelemetryCollector.add_source`.

    Counters, gauges and histograms are what they are. A summary becomes two counters, `_sum` and `_count`; info and
    state sets become gauges. Gauge histograms and quantiles, which cannot be added up, are left out.

    Args:
        registry: anything with `collect()`: a `CollectorRegistry`, or a collector of its own.
    """

    def collect() -> list[FamilySnapshot]:
        return [snapshot for metric in registry.collect() for snapshot in _families(metric)]

    return collect


def _families(metric: Any) -> Iterator[FamilySnapshot]:
    kind: str = metric.type
    help_text: str = metric.documentation
    if kind == "counter":
        yield _numbers(metric, Family(metric.name + "_total", MetricType.COUNTER, help_text, metric.unit))
    elif kind == "summary":
        for suffix, what in (("_sum", "sum"), ("_count", "count")):
            yield _numbers(metric, Family(metric.name + suffix, MetricType.COUNTER, f"{help_text} ({what})"))
    elif kind == "histogram":
        yield from _histograms(metric)
    elif kind in _GAUGES:
        yield _numbers(metric, Family(metric.name + _GAUGES[kind], MetricType.GAUGE, help_text, metric.unit))


def _numbers(metric: Any, family: Family) -> FamilySnapshot:
    """Return the samples that bear the family's name."""
    created = {
        sorted_labels(sample.labels): sample.value for sample in metric.samples if sample.name.endswith("_created")
    }
    series = []
    for sample in metric.samples:
        if sample.name == family.name and not (family.type.incremental and isnan(sample.value)):
            labels = sorted_labels(sample.labels)
            series.append(SeriesSnapshot(labels, as_number(sample.value), created.get(labels)))
    return FamilySnapshot(family, series)


def _histograms(metric: Any) -> Iterator[FamilySnapshot]:
    buckets: dict[Labels, dict[float, Any]] = defaultdict(dict)
    others: dict[tuple[str, Labels], float] = {}
    for sample in metric.samples:
        labels = dict(sample.labels)
        bound = labels.pop("le", None)
        key = sorted_labels(labels)
        if sample.name.endswith("_bucket") and bound is not None:
            buckets[key][float(bound)] = sample
        else:
            others[sample.name.removeprefix(metric.name), key] = sample.value
    # One registry may have histograms of one name whose bounds differ by child; a family here has one set of bounds.
    bounds = next((tuple(sorted(by_bound)[:-1]) for by_bound in buckets.values()), ())
    if not bounds:
        return
    series = [
        SeriesSnapshot(
            labels,
            HistogramValue(_per_bucket(by_bound), others.get(("_sum", labels), 0.0)),
            others.get(("_created", labels)),
            _exemplars(by_bound) or None,
        )
        for labels, by_bound in buckets.items()
        if tuple(sorted(by_bound)) == (*bounds, inf)
    ]
    family = Family(metric.name, MetricType.HISTOGRAM, metric.documentation, metric.unit, bounds)
    yield FamilySnapshot(family, series)


def _per_bucket(by_bound: dict[float, Any]) -> tuple[int, ...]:
    """Cumulative counts as the counts of each bucket alone."""
    cumulative: list[Any] = [0, *(as_number(by_bound[bound].value) for bound in sorted(by_bound))]
    return tuple(upper - lower for lower, upper in pairwise(cumulative))


def _exemplars(by_bound: dict[float, Any]) -> dict[int, Exemplar]:
    found = {}
    for index, bound in enumerate(sorted(by_bound)):
        theirs = by_bound[bound].exemplar
        if theirs is not None:
            found[index] = Exemplar(sorted_labels(theirs.labels), theirs.value, float(theirs.timestamp or 0))
    return found


class PrometheusBridge:
    """A collector for a registry of prometheus_client that shows all metrics of a source.

    Args:
        source: a `TelemetryCollector`, or any other source.
    """

    def __init__(self, source: MetricsSource) -> None:
        self._source = source

    def describe(self) -> Iterable[Any]:
        """Nothing: names may be registered later, so the registry cannot check them now."""
        return ()

    def collect(self) -> Iterator[Any]:
        """All families as prometheus_client's metrics."""
        # The caller is a registry of prometheus_client, so it is loaded: the SDK itself imports nothing of it.
        metric_type = sys.modules["prometheus_client.metrics_core"].Metric
        for snapshot in self._source.collect():
            family = snapshot.family
            metric = metric_type(base_name(family), family.help, family.type.value, family.unit)
            for series in snapshot.series:
                _add_samples(metric, family, series)
            yield metric


def _add_samples(metric: Any, family: Family, series: SeriesSnapshot) -> None:
    labels = dict(series.labels)
    value = series.value
    if isinstance(value, HistogramValue):
        cumulative = 0
        for bound, count in zip((*family.bounds, float("inf")), value.counts, strict=True):
            cumulative += count
            le = "+Inf" if bound == float("inf") else str(bound)
            metric.add_sample(family.name + "_bucket", labels | {"le": le}, cumulative)
        metric.add_sample(family.name + "_sum", labels, value.sum)
        metric.add_sample(family.name + "_count", labels, cumulative)
    else:
        metric.add_sample(metric.name + family.type.number_suffix, labels, value)
    if series.created is not None and family.type.incremental:
        metric.add_sample(metric.name + "_created", labels, series.created)

"""From a collector to a registry of `prometheus_client`. It is not a dependency: the caller has it.

prometheus_client.REGISTRY.register(PrometheusBridge(collector))
"""

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from utilityfog_frontend.telemetry.exposition.classic import as_classic
from utilityfog_frontend.telemetry.model import Family, HistogramValue, SeriesSnapshot
from utilityfog_frontend.telemetry.names import base_name
from utilityfog_frontend.telemetry.source import MetricsSource
from utilityfog_frontend.telemetry.support.arguments import instance


class PrometheusBridge:
    """A collector for a registry of prometheus_client that shows all metrics of a source.

    Args:
        source: a `TelemetryCollector`, or any other source.
    """

    def __init__(self, source: MetricsSource) -> None:
        self._source = instance("the source of a bridge", source, MetricsSource)

    def describe(self) -> Iterable[Any]:
        """Nothing: names may be registered later, so the registry cannot check them now."""
        return ()

    def collect(self) -> Iterator[Any]:
        """All families as prometheus_client's metrics."""
        # The caller is a registry of prometheus_client, so it is loaded: the SDK itself imports nothing of it.
        metric_type = sys.modules["prometheus_client.metrics_core"].Metric
        for snapshot in map(as_classic, self._source.collect()):
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

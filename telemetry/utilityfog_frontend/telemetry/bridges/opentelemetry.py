"""From a program that counts with OpenTelemetry to a collector, without an exporter between.

    reader = OpenTelemetryReader(collector)
    metrics.set_meter_provider(MeterProvider(metric_readers=[reader]))

Needs OpenTelemetry's SDK, which is no dependency: whoever has a `MeterProvider` has it.
"""

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from utilityfog_frontend.telemetry.registry import MetricRegistry
from utilityfog_frontend.telemetry.support.arguments import instance

from .exponential import ExponentialBounds
from .otel_points import Reported, Translation

try:
    from opentelemetry.sdk.metrics import Histogram
    from opentelemetry.sdk.metrics.export import AggregationTemporality, MetricReader, MetricsData
    from opentelemetry.sdk.metrics.view import Aggregation
except ModuleNotFoundError:
    message = "this bridge reads OpenTelemetry's SDK, which is not installed: pip install opentelemetry-sdk"
    raise ModuleNotFoundError(message, name="opentelemetry") from None

__all__ = ["ExponentialBounds", "OpenTelemetryReader"]


class OpenTelemetryReader(MetricReader):
    """A `MetricReader` that makes the metrics of its `MeterProvider` metrics of a collector.

    They are read whenever the collector is: exposed with its own, and sent by its agent. A counter is a counter, an
    up-down counter a gauge that adds up along the tree, a gauge a gauge, a histogram a histogram; observables are read
    then. An exponential histogram gets fixed buckets (see `ExponentialBounds` for their error). Names, units and labels
    are as the OpenTelemetry-Prometheus compatibility specification says: `http.server.duration` in `s` is
    `http_server_duration_seconds`; characters that Prometheus' text format does not have become `_`.

    Safe from any thread. After the provider's shutdown the last values stay, and the agent's `stop` sends them.

    Args:
        collector: gets the metrics.
        preferred_temporality: as of `MetricReader`. Cumulative values are told as they are, delta ones added up: both
            come to the same. Histograms are delta by default: the SDK's own adding up of exponential ones can fail, and
            with it the whole collection (opentelemetry-python, issue 3219, in 1.45).
        preferred_aggregation: as of `MetricReader`.
        scope_labels: whether series bear `otel_scope_name`, `otel_scope_version` and so on, as the specification wants
            it. Without them series of several scopes are added.
        target_info: whether the resource's attributes become a gauge `target_info`. They are different on each node:
            a fleet then has a series for each.
        rollup: as of `TelemetryCollector.add_source`: how a tree merges gauges, by patterns of names.
        exponential: which buckets an exponential histogram gets.
    """

    def __init__(
        self,
        collector: MetricRegistry,
        *,
        preferred_temporality: dict[type, AggregationTemporality] | None = None,
        preferred_aggregation: dict[type, Aggregation] | None = None,
        scope_labels: bool = True,
        target_info: bool = False,
        rollup: Mapping[str, str | Sequence[str]] | None = None,
        exponential: ExponentialBounds | None = None,
    ) -> None:
        super().__init__(
            {Histogram: AggregationTemporality.DELTA} | (preferred_temporality or {}), preferred_aggregation
        )
        self._lock = threading.RLock()
        self._translation = Translation(
            scope_labels=scope_labels, target_info=target_info, exponential=exponential or ExponentialBounds()
        )
        self._reported: list[Reported] = []
        self._ended = False
        instance("collector", collector, MetricRegistry).add_source(self._read, rollup=rollup)

    def shutdown(self, timeout_millis: float = 30_000, **_kwargs: Any) -> None:
        """Read for the last time. Called by `MeterProvider.shutdown`; a second call does nothing."""
        if not self._ended:
            self.collect(timeout_millis)
            self._ended = True

    def _receive_metrics(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_kwargs: Any) -> None:
        del timeout_millis  # nothing here waits
        with self._lock:
            self._reported = self._translation.take(metrics_data)

    def _read(self) -> list[Reported]:
        if not self._ended and self._collect is not None:  # else no provider has it yet, and collecting warns of that
            self.collect()
        return self._reported

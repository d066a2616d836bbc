"""Requests of OTLP, made with OpenTelemetry's own messages; and what hypothesis makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

DELTA, CUMULATIVE = 1, 2
SECOND = 1_000_000_000


def request() -> Any:
    """Return an empty request."""
    return metrics_service_pb2.ExportMetricsServiceRequest()


def resource(of: Any, **attributes: str) -> Any:
    """Add a resource with one scope; return where metrics are added."""
    added = of.resource_metrics.add()
    put(added.resource.attributes, attributes)
    scope = added.scope_metrics.add()
    scope.scope.name = "library"
    return scope.metrics


def put(where: Any, attributes: Mapping[str, str]) -> None:
    """Add attributes, in this order."""
    for key, value in attributes.items():
        one = where.add()
        one.key = key
        one.value.string_value = value


def total(
    metrics: Any,
    name: str,
    value: float,
    *,
    start: int = 1_000,
    time: int = 2_000,
    temporality: int = CUMULATIVE,
    monotonic: bool = True,
    attributes: Mapping[str, str] | None = None,
) -> Any:
    """Add a sum with one point; times are in seconds."""
    metric = metrics.add(name=name)
    metric.sum.aggregation_temporality = temporality
    metric.sum.is_monotonic = monotonic
    point = metric.sum.data_points.add(start_time_unix_nano=start * SECOND, time_unix_nano=time * SECOND)
    if isinstance(value, int):
        point.as_int = value
    else:
        point.as_double = value
    put(point.attributes, attributes or {})
    return point

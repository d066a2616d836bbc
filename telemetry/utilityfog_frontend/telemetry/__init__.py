"""Instruments, collector, events and exporters of one process. Standard library only.

from utilityfog_frontend.telemetry import TelemetryCollector

collector = TelemetryCollector()
requests = collector.register_counter("requests_total", "Total HTTP requests")
requests.increment()
print(collector.export_to_prometheus())
"""

from .collector import (
    TelemetryCollector,
    TelemetryEvent,
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)
from .events import EventWatch
from .exporter import JSONExporter, MetricsExporter, MultiExporter, PeriodicExporter, PrometheusAdapter
from .instruments.lifetimes import SeriesWatch
from .instruments.series import Series
from .metrics import (
    Counter,
    Exponential,
    ExponentialHistogram,
    Gauge,
    Histogram,
    LabeledCounter,
    LabeledGauge,
    LabeledHistogram,
    Metric,
    MetricType,
    MetricValue,
    StateSet,
)
from .source import MetricsSource

__all__ = [
    "Counter",
    "EventWatch",
    "Exponential",
    "ExponentialHistogram",
    "Gauge",
    "Histogram",
    "JSONExporter",
    "LabeledCounter",
    "LabeledGauge",
    "LabeledHistogram",
    "Metric",
    "MetricType",
    "MetricValue",
    "MetricsExporter",
    "MetricsSource",
    "MultiExporter",
    "PeriodicExporter",
    "PrometheusAdapter",
    "Series",
    "SeriesWatch",
    "StateSet",
    "TelemetryCollector",
    "TelemetryEvent",
    "setup_coordination_hooks",
    "setup_health_hooks",
    "setup_messaging_hooks",
]

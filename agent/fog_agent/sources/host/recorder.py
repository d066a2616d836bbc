"""Puts samples into a collector: gauges are set, counters counted up, what vanished is removed.

The operating system gives a counter's total since boot; the collector counts. So the first reading of a series is its
baseline and only what comes after it counts: a total that was read in full would be counted again by every restart of
the agent, for the fleet's total keeps what ended epochs have counted. `rate()` and `increase()` are as over
node_exporter; the absolute value begins at zero with the agent. A total that falls (a driver was loaded anew) is a new
baseline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fog_agent.sources.host.metrics import Metric, Samples
from utilityfog_frontend.telemetry.collector import TelemetryCollector

MAX_CHILDREN: Final = 20_000
"""Series of one family: a machine of 512 CPUs has 4,096 of `node_cpu_seconds_total`."""

Key = tuple[Metric, tuple[str, ...]]


class Recorder:
    """The series of one source in a collector. Not thread-safe."""

    def __init__(self, family: Callable[[Metric], Any]) -> None:
        self._family = family
        self._totals: dict[Key, int | float] = {}

    def record(self, samples: Samples) -> None:
        """Take one reading of the whole source."""
        seen: dict[Key, int | float] = {}
        for metric, labels, value in samples:
            family = self._family(metric)
            series = family.labels(*labels) if labels else family
            key = (metric, labels)
            if metric.type.incremental:
                series.increment(max(0, value - self._totals.get(key, value)))
            else:
                series.set(value)
            seen[key] = value
        for metric, labels in self._totals.keys() - seen.keys():
            if labels:
                self._family(metric).remove(*labels)
        self._totals = seen


class Families:
    """Registers each metric when it is first seen: a platform's collector has what the platform has, and no more."""

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector
        self._known: dict[Metric, Any] = {}

    def __call__(self, metric: Metric) -> Any:
        """Return the family of a metric, a Counter or a Gauge."""
        if metric not in self._known:
            self._known[metric] = self._register(metric)
        return self._known[metric]

    def _register(self, metric: Metric) -> Any:
        options: dict[str, Any] = {"labels": metric.labels, "max_children": MAX_CHILDREN} if metric.labels else {}
        if metric.type.incremental:
            return self._collector.register_counter(metric.name, metric.help, **options)
        return self._collector.register_gauge(metric.name, metric.help, rollup=metric.rollup, **options)

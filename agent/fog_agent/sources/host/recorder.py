"""Puts samples into a collector: gauges are set, counters counted up, what vanished is removed.

The operating system gives a counter's total since boot; the collector counts. So the first reading of a series is its
baseline and only what comes after it counts: a total that was read in full would be counted again by every restart of
the agent, for the fleet's total keeps what ended epochs have counted. `rate()` and `increase()` are as over
node_exporter; the absolute value begins at zero with the agent. A total that falls (a driver was loaded anew) is a new
baseline.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from math import nan
from typing import Any, Final

from fog_agent.sources.host.metrics import INVALID, LeftOut, Metric, Samples
from utilityfog_frontend.telemetry.collector import TelemetryCollector

MAX_CHILDREN: Final = 20_000
"""Series of one family: a machine of 512 CPUs has 4,096 of `node_cpu_seconds_total`."""

Key = tuple[Metric, tuple[str, ...]]


class Recorder:
    """The series of one source in a collector. Thread-safe."""

    def __init__(self, family: Callable[[Metric], Any]) -> None:
        self._family = family
        self._totals: dict[Key, int | float] = {}
        self._lock = threading.Lock()

    def record(self, samples: Samples) -> list[LeftOut]:
        """Take one reading of the whole source; return the items that were left out, a sample that is none among them.

        Raises whatever the samples raise, with what came before it taken and nothing removed.
        """
        with self._lock:
            return self._take(samples)

    def remove_gauges(self) -> None:
        """Let the gauges go that nobody brings up to date."""
        with self._lock:
            gauges = [key for key in self._totals if not key[0].type.incremental]
            self._remove(gauges)
            for key in gauges:
                del self._totals[key]

    def _take(self, samples: Samples) -> list[LeftOut]:
        seen: dict[Key, int | float] = {}
        left_out = []
        try:
            for sample in samples:
                if isinstance(sample, LeftOut):
                    left_out.append(sample)
                    continue
                metric, labels, value = sample
                try:
                    self._record(metric, labels, value)
                    seen[metric, labels] = value
                except (TypeError, ValueError) as error:
                    left_out.append(LeftOut(f"{metric.name}{list(labels)}: {error}", INVALID))
                    if (metric, labels) in self._totals:
                        seen[metric, labels] = self._totals[metric, labels]
        except BaseException:
            self._totals |= seen
            raise
        self._remove(key for key in self._totals.keys() - seen.keys() if key[1])
        self._totals = seen
        return left_out

    def _record(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        family = self._family(metric)
        series = family.labels(*labels) if labels else family
        if metric.type.incremental:
            series.increment(max(0, value - self._totals.get((metric, labels), value)))
        else:
            series.set(value)

    def _remove(self, keys: Iterable[Key]) -> None:
        for metric, labels in keys:
            family = self._family(metric)
            if labels:
                family.remove(*labels)
            else:
                family.set(nan)


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

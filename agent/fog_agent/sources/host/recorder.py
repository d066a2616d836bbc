"""Puts samples into a collector: gauges are set, totals told by a source of it, what vanished is removed.

The operating system gives a counter's total since boot: it lives outside of the agent (`add_source(since="outside")`).
So the first reading of a series is its baseline, and only what comes after it counts; with a state directory the agent
goes on from the last reading. `rate()` and `increase()` are as over node_exporter; the absolute value begins at zero.
A total that falls (a driver was loaded anew), or of another boot, is new as a whole.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from math import nan
from pathlib import Path
from typing import Any, Final

from fog_agent.sources.host.metrics import INVALID, LeftOut, Metric, Samples
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.kinds import is_count
from utilityfog_frontend.telemetry.labels import sorted_labels
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, SeriesSnapshot

MAX_CHILDREN: Final = 20_000
"""Series of one gauge."""
PLACES: Final = 6
"""Decimal places of seconds: the kernel counts in hundredths and thousandths."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")

Key = tuple[Metric, tuple[str, ...]]


class Recorder:
    """The series of one source in a collector. Thread-safe."""

    def __init__(self, families: Families) -> None:
        self._family = families.gauge
        self._totals: dict[Key, int | float] = {}
        self._lock = threading.Lock()
        families.add(self)

    def totals(self) -> dict[Key, int | float]:
        """Return the counters' totals as they were read last. Waits for no reading that is under way."""
        totals = self._totals  # replaced, never changed
        return {key: total for key, total in totals.items() if key[0].type.incremental}

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
            self._totals = {key: value for key, value in self._totals.items() if key[0].type.incremental}

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
            self._totals = self._totals | seen
            raise
        self._remove(key for key in self._totals.keys() - seen.keys() if key[1])
        self._totals = seen
        return left_out

    def _record(self, metric: Metric, labels: tuple[str, ...], value: float) -> None:
        if metric.type.incremental:
            if not is_count(value):
                raise ValueError(f"{value!r} is no total")
            return
        family = self._family(metric)
        (family.labels(*labels) if labels else family).set(value)

    def _remove(self, keys: Iterable[Key]) -> None:
        for metric, labels in keys:
            if metric.type.incremental:
                continue
            family = self._family(metric)
            if labels:
                family.remove(*labels)
            else:
                family.set(nan)


class Families:
    """Registers each gauge when it is first seen, as a platform has what it has, and tells the totals of recorders.

    Args:
        collector: gets them.
    """

    def __init__(self, collector: TelemetryCollector) -> None:
        self._collector = collector
        self._gauges: dict[Metric, Any] = {}
        self._recorders: list[Recorder] = []
        boot_id = BOOT_ID.read_text if BOOT_ID.exists() else None
        collector.add_source(self._totals, name="host", since="outside", incarnation=boot_id, places=PLACES)

    def add(self, recorder: Recorder) -> None:
        """Tell the totals of `recorder` from now on."""
        self._recorders.append(recorder)

    def gauge(self, metric: Metric) -> Any:
        """Return the gauge of a metric."""
        if metric not in self._gauges:
            options: dict[str, Any] = {"labels": metric.labels, "max_children": MAX_CHILDREN} if metric.labels else {}
            self._gauges[metric] = self._collector.register_gauge(
                metric.name, metric.help, rollup=metric.rollup, **options
            )
        return self._gauges[metric]

    def _totals(self) -> list[FamilySnapshot]:
        series: dict[Metric, list[SeriesSnapshot]] = {}
        for recorder in list(self._recorders):
            for (metric, values), total in recorder.totals().items():
                labels = sorted_labels(dict(zip(metric.labels, values, strict=True)))
                series.setdefault(metric, []).append(SeriesSnapshot(labels, total))
        return [FamilySnapshot(Family(one.name, one.type, one.help), found) for one, found in series.items()]

"""The instruments of a program that benchmarks read: counters, gauges and histograms; 65 % of them change."""

from __future__ import annotations

import random
from typing import Final

from utilityfog_frontend.telemetry import TelemetryCollector

CHANGED: Final = 0.65
"""The part of the series that `work` changes."""


class Program:
    """A collector with so many series of each type, in three families."""

    def __init__(self, counters: int, gauges: int, histograms: int, *, self_metrics: bool = True) -> None:
        self.rng = random.Random(1)
        self.collector = collector = TelemetryCollector(self_metrics=self_metrics)
        most = max(counters, gauges, histograms)
        requests = collector.register_counter("requests_total", "Requests", ["route"], max_children=most)
        depth = collector.register_gauge("queue_depth", "Entries waiting", ["queue"], max_children=most)
        seconds = collector.register_histogram("request_seconds", "Duration", labels=["route"], max_children=most)
        self.counters = [requests.labels(str(number)) for number in range(counters)]
        self.gauges = [depth.labels(str(number)) for number in range(gauges)]
        self.histograms = [seconds.labels(str(number)) for number in range(histograms)]

    def work(self) -> None:
        """Change some of them."""
        draw = self.rng.random
        for counter in self.counters:
            if draw() < CHANGED:
                counter.increment(self.rng.randrange(1, 200))
        for gauge in self.gauges:
            if draw() < CHANGED:
                gauge.set(draw())
        for histogram in self.histograms:
            if draw() < CHANGED:
                histogram.observe(draw())

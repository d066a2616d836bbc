"""Measure what an interval costs a node: a delta of 200 series, 65 % of them changed, from reading the series to bytes.

    python benchmarks/agent_delta.py

The budget is 150 µs without numpy, for the agent's own work; what the instruments left to their reader (sorting
observations into buckets, adding up increments) is told apart, by reading them just before in every other round.
Medians; json.dumps of as many numbers is the yardstick of the machine.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time

from fog_agent.core.writer import Settings, Writer
from utilityfog_frontend.telemetry import TelemetryCollector

CHANGED = 0.65
ROUNDS = 4000
MAX_BYTES = 1_000_000


class Program:
    """150 counters, 40 gauges and 10 histograms, in three families."""

    def __init__(self) -> None:
        self.rng = random.Random(1)
        self.collector = TelemetryCollector(self_metrics=False)
        requests = self.collector.register_counter("requests_total", "Requests", ["route"])
        depth = self.collector.register_gauge("queue_depth", "Entries waiting", ["queue"])
        seconds = self.collector.register_histogram("request_seconds", "Duration", labels=["route"])
        self.counters = [requests.labels(str(number)) for number in range(150)]
        self.gauges = [depth.labels(str(number)) for number in range(40)]
        self.histograms = [seconds.labels(str(number)) for number in range(10)]

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


def main() -> None:
    """Measure and print."""
    program = Program()
    writer = Writer([program.collector.watch_series()], Settings(), epoch=1, now=0.0)
    writer.encode_part(0.0, MAX_BYTES)
    took: dict[bool, list[float]] = {True: [], False: []}
    sizes, yardstick = [], []
    for number in range(ROUNDS):
        program.work()
        flushed = number % 2 == 0
        if flushed:
            program.collector.collect()
        start = time.perf_counter()
        frame = writer.encode_delta(float(number), MAX_BYTES)
        took[flushed].append(time.perf_counter() - start)
        assert frame is not None
        sizes.append(len(frame.data))
        numbers = [program.rng.randrange(200) for _ in range(200)]
        start = time.perf_counter()
        json.dumps(numbers)
        yardstick.append(time.perf_counter() - start)
    own, all_of_it = (statistics.median(took[flushed]) * 1e6 for flushed in (True, False))
    print(f"a delta of 200 series, {CHANGED:.0%} changed: {own:.0f} µs; with what instruments left, {all_of_it:.0f} µs")
    print(
        f"{statistics.median(sizes):.0f} bytes; json.dumps of 200 numbers: {statistics.median(yardstick) * 1e6:.0f} µs"
    )
    print(f"numpy imported: {'numpy' in sys.modules}")


if __name__ == "__main__":
    main()

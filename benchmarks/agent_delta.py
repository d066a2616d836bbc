"""What an interval costs a node: a delta of 200 series, 65 % of them changed, from reading the series to bytes.

python benchmarks/agent_delta.py

Budget: 150 µs, without numpy. Prints medians; json packing of the same numbers is the yardstick for the machine.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time

from fog_agent.writer import Settings, Writer
from utilityfog_frontend.telemetry import TelemetryCollector

SERIES = 200
CHANGED = 0.65
ROUNDS = 3000
MAX_BYTES = 1_000_000


def main() -> None:
    """Measure and print."""
    rng = random.Random(1)
    collector = TelemetryCollector(self_metrics=False)
    requests = collector.register_counter("requests_total", "Requests", ["route"])
    counters = [requests.labels(str(number)) for number in range(150)]
    depth = collector.register_gauge("queue_depth", "Entries waiting", ["queue"])
    gauges = [depth.labels(str(number)) for number in range(40)]
    seconds = collector.register_histogram("request_seconds", "Duration", labels=["route"])
    histograms = [seconds.labels(str(number)) for number in range(10)]
    writer = Writer([collector.watch_series()], Settings(), epoch=1, now=0.0)
    writer.encode_part(0.0, MAX_BYTES)
    took, sizes, yardstick = [], [], []
    for number in range(ROUNDS):
        for counter in counters:
            if rng.random() < CHANGED:
                counter.increment(rng.randrange(1, 200))
        for gauge in gauges:
            if rng.random() < CHANGED:
                gauge.set(rng.random())
        for histogram in histograms:
            if rng.random() < CHANGED:
                histogram.observe(rng.random())
        start = time.perf_counter()
        frame = writer.encode_delta(float(number), MAX_BYTES)
        took.append(time.perf_counter() - start)
        assert frame is not None
        sizes.append(len(frame.data))
        start = time.perf_counter()
        json.dumps([rng.randrange(200) for _ in range(SERIES)])
        yardstick.append(time.perf_counter() - start)
    print(f"delta of {SERIES} series, {CHANGED:.0%} changed: {statistics.median(took) * 1e6:.0f} µs")
    print(f"bytes: {statistics.median(sizes):.0f}; drawing and json.dumps of {SERIES} numbers: ", end="")
    print(f"{statistics.median(yardstick) * 1e6:.0f} µs; numpy imported: {'numpy' in sys.modules}")


if __name__ == "__main__":
    main()

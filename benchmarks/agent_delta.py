"""Measure what an interval costs a node: a delta of 200 series, 65 % of them changed, from reading the series to bytes.

    python benchmarks/agent_delta.py

The budget is 150 µs without numpy, for the agent's own work; what the instruments left to their reader (sorting
observations into buckets, adding up increments) is told apart, by reading them just before in every other round.
Medians; json.dumps of as many numbers is the yardstick of the machine.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

from figures import note
from mixture import CHANGED, Program

from fog_agent.core.writer import Settings, Writer

ROUNDS = 4000
MAX_BYTES = 1_000_000


def main() -> None:
    """Measure and print."""
    program = Program(counters=150, gauges=40, histograms=10, self_metrics=False)
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
    note("delta us", own)
    print(f"numpy imported: {'numpy' in sys.modules}")


if __name__ == "__main__":
    main()

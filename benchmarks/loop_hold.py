"""Measure how long an agent holds the event loop of its program.

It is the longest gap of a coroutine that sleeps 1 ms, while an interval's frame is made and published.

    python benchmarks/loop_hold.py [--series 1000,10000,100000] [--rounds 10]

Half of the series are counters, a quarter each gauges and histograms; 65 % of them change in each interval. The
program's own work is done between the intervals and not measured. Beside it, for the noise of the machine, the longest
gap of as long a time in which nothing happens, and how much of the gaps was Python's garbage collector, which runs on
whatever thread allocates. Best run with a real-time priority (`chrt -f 20`) on a machine that does other work.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import threading
import time
from collections.abc import Awaitable
from typing import Any

from fog_agent import Agent
from fog_bus.memory import MemoryBus
from utilityfog_frontend.telemetry import TelemetryCollector

CHANGED = 0.65


class Program:
    """A collector with `size` series, in three families."""

    def __init__(self, size: int) -> None:
        self.rng = random.Random(1)
        self.collector = collector = TelemetryCollector()
        counters, gauges = size // 2, size // 4
        requests = collector.register_counter("requests_total", "Requests", ["route"], max_children=size)
        depth = collector.register_gauge("queue_depth", "Entries waiting", ["queue"], max_children=size)
        seconds = collector.register_histogram("request_seconds", "Duration", labels=["route"], max_children=size)
        self.counters = [requests.labels(str(number)) for number in range(counters)]
        self.gauges = [depth.labels(str(number)) for number in range(gauges)]
        self.histograms = [seconds.labels(str(number)) for number in range(size - counters - gauges)]

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


class Collections:
    """The time of the garbage collector's runs; the longest one since `reset`."""

    def __init__(self) -> None:
        self._begin = 0.0
        self.longest = 0.0
        gc.callbacks.append(self._told)

    def reset(self) -> float:
        """Return the longest run in seconds, and begin anew."""
        longest, self.longest = self.longest, 0.0
        return longest

    def _told(self, phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            self._begin = time.perf_counter()
        else:
            self.longest = max(self.longest, time.perf_counter() - self._begin)


async def gap_during(work: Awaitable[Any]) -> tuple[float, float]:
    """Return the longest gap of a coroutine that sleeps 1 ms while `work` is under way, and how long this took."""
    begin = last = time.perf_counter()
    longest = 0.0
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.sleep(0.001)
        now = time.perf_counter()
        longest, last = max(longest, now - last - 0.001), now
    await task
    return longest, last - begin


async def measure(size: int, rounds: int, collections: Collections) -> None:
    """Print the gaps of a program with `size` series."""
    program = Program(size)
    threads = threading.active_count()
    async with Agent(program.collector, path="fog/0", bus=MemoryBus(), interval=3600) as agent:
        agent.deadline = 120.0
        first, first_took = await gap_during(agent.flush())
        gaps, times, idle, collected = [], [], [], []
        for _ in range(rounds):
            program.work()
            await asyncio.sleep(0.01)
            collections.reset()
            gap, took = await gap_during(agent.flush())
            collected.append(collections.reset())
            gaps.append(gap)
            times.append(took)
            idle.append((await gap_during(asyncio.sleep(took)))[0])
        threads = threading.active_count() - threads
    print(
        f"{size:7} series: the loop was held for {max(gaps) * 1e3:.1f} ms at most, {statistics.median(gaps) * 1e3:.1f} "
        f"in the median of {rounds} intervals, which took {statistics.median(times) * 1e3:.0f} ms each; "
        f"collector of garbage {max(collected) * 1e3:.1f} ms at most; idle {max(idle) * 1e3:.1f} ms at most; "
        f"the first keyframe {first * 1e3:.1f} ms of {first_took * 1e3:.0f}; {threads} more threads"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long an agent holds the loop of its program.")
    parser.add_argument("--series", default="1000,10000,100000")
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    collections = Collections()
    for size in arguments.series.split(","):
        asyncio.run(measure(int(size), arguments.rounds, collections))


if __name__ == "__main__":
    main()

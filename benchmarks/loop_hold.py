"""Measure how long an agent holds the event loop of its program.

It is the longest gap of a coroutine that sleeps 1 ms, while an interval's frame is made and published.

    python benchmarks/loop_hold.py [--series 1000,10000,100000] [--rounds 100]

Half of the series are counters, a quarter each gauges and histograms; 65 % of them change in each interval. The
program's own work is done between the intervals and not measured. Beside it, for the noise of the machine, the longest
gap of as long a time in which nothing happens, and how much of the gaps was Python's garbage collector, which runs on
whatever thread allocates. Best run with a real-time priority (`chrt -f 20`) on a machine that does other work.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import statistics
import threading
import time
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from mixture import Program

from fog_agent import Agent
from fog_bus.memory import MemoryBus

HELD: Final = 0.005
"""Seconds for which a program's loop may be held."""


class Collections:
    """The runs of the garbage collector since `reset`: the longest in seconds, and how many were full ones."""

    def __init__(self) -> None:
        self._begin = 0.0
        self.reset()
        gc.callbacks.append(self._told)

    def reset(self) -> None:
        """Begin anew."""
        self.longest, self.full = 0.0, 0

    def _told(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            self._begin = time.perf_counter()
        else:
            self.longest = max(self.longest, time.perf_counter() - self._begin)
            self.full += info["generation"] == 2


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
    program = Program(size - size // 2 - size // 4, size // 4, size // 4)
    threads = threading.active_count()
    async with Agent(program.collector, path="fog/0", bus=MemoryBus(), interval=3600) as agent:
        agent.deadline = 120.0
        first, first_took = await gap_during(agent.flush())
        gaps, times, idle, longest, full = [], [], [], 0.0, 0
        for _ in range(rounds):
            program.work()
            await asyncio.sleep(0.01)
            collections.reset()
            gap, took = await gap_during(agent.flush())
            longest, full = max(longest, collections.longest), full + collections.full
            gaps.append(gap)
            times.append(took)
            idle.append((await gap_during(asyncio.sleep(took)))[0])
        threads = threading.active_count() - threads
    print(
        f"{size:7} series: the loop was held {told(gaps)}, {statistics.median(times) * 1e3:.0f} ms of work in each; "
        f"collector of garbage {longest * 1e3:.1f} ms at most, {full} full runs; idle {told(idle)}; "
        f"the first keyframe {first * 1e3:.1f} ms of {first_took * 1e3:.0f}; {threads} more threads"
    )


def told(gaps: Sequence[float]) -> str:
    """Say how long a loop was held, and how often for too long."""
    most, median, over = max(gaps) * 1e3, statistics.median(gaps) * 1e3, sum(gap > HELD for gap in gaps)
    return f"for {most:.1f} ms at most, {median:.1f} in the median, {over} times of {len(gaps)} for more than 5"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long an agent holds the loop of its program.")
    parser.add_argument("--series", default="1000,10000,100000")
    parser.add_argument("--rounds", type=int, default=100)
    arguments = parser.parse_args()
    collections = Collections()
    for size in arguments.series.split(","):
        asyncio.run(measure(int(size), arguments.rounds, collections))


if __name__ == "__main__":
    main()

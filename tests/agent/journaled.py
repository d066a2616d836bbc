"""A program that counts with a journal until it is killed, and tells which increments returned through a file.

Its arguments: the journal's directory, a file for the truth, the servers' URL or nothing for no agent, the path.
"""

from __future__ import annotations

import mmap
import sys
import threading
from pathlib import Path

from fog_agent import BackgroundAgent
from utilityfog_frontend.telemetry import TelemetryCollector

THREADS = 3
CELLS = 3
"""Of each thread: rounds begun, rounds whose every increment returned, and a 1 once there was one."""


def count(collector: TelemetryCollector, truth: memoryview, number: int) -> None:
    """Count round by round; the truth says before and after each that it was begun, and that it returned."""
    ours = collector.register_counter(f"of_{number}_total")
    everybodys = collector.get_metric("everybodys_total")
    fractions = collector.register_counter(f"fractions_{number}_total")
    sizes = collector.register_histogram(f"sizes_{number}", "", [10, 100, 1000])
    jobs = collector.get_metric("jobs_total")
    round_ = 0
    while True:
        round_ += 1
        truth[number * CELLS] = round_
        ours.increment()
        everybodys.increment(3)  # type: ignore[union-attr]
        fractions.increment(0.1)
        sizes.observe(round_ % 2000)
        jobs.labels(job=f"{number}-{round_ % 7}").increment()  # type: ignore[union-attr]
        if round_ % 50 == 0:
            jobs.remove(f"{number}-{round_ // 50 % 7}")  # type: ignore[union-attr]
        truth[number * CELLS + 1] = round_
        if round_ % 1000 == 0:
            sizes.reset()


def main(directory: str, truth: Path, servers: str, path: str) -> None:
    """Count in several threads until killed."""
    with truth.open("r+b") as file:
        cells = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
    collector = TelemetryCollector(journal=directory)
    collector.register_counter("everybodys_total")
    collector.register_counter("jobs_total", "", ["job"])
    threads = [threading.Thread(target=count, args=(collector, cells, number)) for number in range(THREADS)]
    if servers:
        BackgroundAgent(collector, path=path, servers=servers, interval=0.1).start()
    for thread in threads:
        thread.start()
    threads[0].join()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4])

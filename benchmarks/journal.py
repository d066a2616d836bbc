"""Counts in a journal beside prometheus_client's multiprocess mode, in one run. Ratios are what matters, not times.

    python benchmarks/journal.py

Both survive a kill -9 of the program: each write is a store into a mapped file. prometheus_client chooses its mode as
it is imported, so the variable is set first. The libraries take turns and each one's best round counts, as in sdk.py.
"""

import argparse
import itertools
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable

ROUNDS = 25
CALLS = 20_000
THREADS = 4
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_random = random.Random(1)
SPREAD = [_random.lognormvariate(-2.3, 1.5) for _ in range(CALLS)]

Write = tuple[Callable[..., object], list[float] | None]


def fog(journal: str | None) -> dict[str, Write]:
    """Make instruments of this SDK."""
    from utilityfog_frontend.telemetry import TelemetryCollector

    collector = TelemetryCollector(self_metrics=False, journal=journal)
    counter, amounts = collector.register_counter("a_total"), collector.register_counter("b_total")
    histogram, labeled = (
        collector.register_histogram("c_seconds", "", BUCKETS),
        collector.register_counter("d_total", "", ["method"]),
    )
    return _writes(counter.increment, amounts.increment, histogram.observe, labeled.labels("GET").increment)


def prometheus() -> dict[str, Write]:
    """Make instruments of prometheus_client, in its multiprocess mode."""
    import prometheus_client

    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter("a", "a", registry=registry)
    amounts = prometheus_client.Counter("b", "b", registry=registry)
    histogram = prometheus_client.Histogram("c_seconds", "c", buckets=BUCKETS, registry=registry)
    labeled = prometheus_client.Counter("d", "d", ["method"], registry=registry)
    return _writes(counter.inc, amounts.inc, histogram.observe, labeled.labels("GET").inc)


def _writes(
    one: Callable[..., object],
    many: Callable[..., object],
    observe: Callable[..., object],
    child: Callable[..., object],
) -> dict[str, Write]:
    return {
        "increment()": (one, None),
        "increment(5)": (many, [5] * CALLS),
        "increment(0.5)": (many, [0.5] * CALLS),
        "observe(), spread values": (observe, SPREAD),
        "a child's increment()": (child, None),
    }


def nanoseconds(write: Write) -> float:
    """Measure one round of a write, by the CPU's clock."""
    call, values = write
    started = time.process_time_ns()
    if values is None:
        for _ in itertools.repeat(None, CALLS):
            call()
    else:
        for value in values:
            call(value)
    return (time.process_time_ns() - started) / CALLS


def together(write: Write) -> float:
    """Measure one round of a write from several threads at once, by the wall's clock."""
    threads = [threading.Thread(target=nanoseconds, args=(write,)) for _ in range(THREADS)]
    started = time.perf_counter_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter_ns() - started) / CALLS / THREADS


def compare(measure: Callable[[Write], float], libraries: dict[str, dict[str, Write]], rounds: int) -> None:
    """Print the best round of each, and how many times faster the journal is than prometheus_client."""
    print(f"{'ns':28}" + "".join(f"{name:>22}" for name in libraries) + f"{'ratio':>10}")
    for what in next(iter(libraries.values())):
        best = dict.fromkeys(libraries, float("inf"))
        for _ in range(rounds):
            for name, writes in libraries.items():
                best[name] = min(best[name], measure(writes[what]))
        ratio = best["prometheus multiprocess"] / best["journal"]
        print(f"{what:28}" + "".join(f"{number:22.0f}" for number in best.values()) + f"{ratio:10.1f}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
        libraries = {"memory": fog(None), "journal": fog(f"{directory}/fog"), "prometheus multiprocess": prometheus()}
        print("one thread, CPU time")
        compare(nanoseconds, libraries, rounds)
        print(f"\n{THREADS} threads at once, wall time for each write")
        compare(together, libraries, max(3, rounds // 5))


if __name__ == "__main__":
    main()

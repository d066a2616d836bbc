"""The SDK beside prometheus_client and the OpenTelemetry SDK, in one run. Ratios are what matters, not times.

    python benchmarks/sdk.py            everything, some minutes
    python benchmarks/sdk.py --quick    without the million series

Every write is measured with what it leaves to the reader: the instruments are read once after each batch, within the
time. The libraries take turns and each one's best round counts, so that a noisy moment of the machine hurts nobody.
Times are CPU seconds of the process; with four threads they are the wall's, as waiting for each other is the point.
That threads start is not in them: of 20,000 calls it would be 20 ns each, for every library.
"""

import argparse
import gc
import itertools
import os
import platform
import random
import threading
import time
import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version

import prometheus_client
from figures import note
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client.openmetrics.exposition import generate_latest as latest_openmetrics

from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exposition import generate_openmetrics, generate_text

ROUNDS = 25
CALLS = 20_000
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_random = random.Random(1)
# Durations as services have them: half of them around 100 ms, in every bucket some.
SPREAD = [_random.lognormvariate(-2.3, 1.5) for _ in range(CALLS)]
SIZES = [_random.randrange(2, 65_536) for _ in range(CALLS)]

Call = Callable[[], object]


@dataclass(frozen=True)
class Library:
    """One library's ways to do what is measured."""

    name: str
    writes: dict[str, tuple[Callable[..., object], Sequence[float] | None]]  # what to call, and with which values
    read: Call


def ours() -> Library:
    """Make instruments of this SDK."""
    collector = TelemetryCollector(self_metrics=False)
    counter = collector.register_counter("a_total", "a")
    amounts = collector.register_counter("b_total", "b")
    sizes = collector.register_counter("h_total", "h")
    fractions = collector.register_counter("c_total", "c")
    gauge = collector.register_gauge("d", "d")
    histogram = collector.register_histogram("e_seconds", "e", BUCKETS)
    exponential = collector.register_histogram("g_seconds", "g", "exponential")
    labeled = collector.register_counter("f_total", "f", ["method", "status"])
    kept = labeled.labels("GET", "200")
    return Library(
        "fog",
        {
            "increment()": (counter.increment, None),
            "increment(5)": (amounts.increment, [5] * CALLS),
            "increment(), spread amounts": (sizes.increment, SIZES),
            "increment(0.5)": (fractions.increment, [0.5] * CALLS),
            "set(42.0)": (gauge.set, [42.0] * CALLS),
            "up by 2": (gauge.increment, [2] * CALLS),
            "down by 2": (gauge.decrement, [2] * CALLS),
            "observe(0.3)": (histogram.observe, [0.3] * CALLS),
            "observe(), spread values": (histogram.observe, SPREAD),
            "observe(), exponential": (exponential.observe, SPREAD),
            "labelled, kept": (kept.increment, None),
            "labelled, looked up": (lambda: labeled.labels(method="GET", status="200").increment(), None),
        },
        collector.collect,
    )


def prometheus() -> Library:
    """prometheus_client."""
    registry = prometheus_client.CollectorRegistry()
    counter = prometheus_client.Counter("a", "a", registry=registry)
    amounts = prometheus_client.Counter("b", "b", registry=registry)
    fractions = prometheus_client.Counter("c", "c", registry=registry)
    gauge = prometheus_client.Gauge("d", "d", registry=registry)
    histogram = prometheus_client.Histogram("e_seconds", "e", buckets=BUCKETS, registry=registry)
    labeled = prometheus_client.Counter("f", "f", ["method", "status"], registry=registry)
    kept = labeled.labels("GET", "200")
    return Library(
        "prometheus_client",
        {
            "increment()": (counter.inc, None),
            "increment(5)": (amounts.inc, [5] * CALLS),
            "increment(), spread amounts": (amounts.inc, SIZES),
            "increment(0.5)": (fractions.inc, [0.5] * CALLS),
            "set(42.0)": (gauge.set, [42.0] * CALLS),
            "up by 2": (gauge.inc, [2] * CALLS),
            "down by 2": (gauge.dec, [2] * CALLS),
            "observe(0.3)": (histogram.observe, [0.3] * CALLS),
            "observe(), spread values": (histogram.observe, SPREAD),
            "observe(), exponential": (histogram.observe, SPREAD),  # with fixed bounds: it has no others
            "labelled, kept": (kept.inc, None),
            "labelled, looked up": (lambda: labeled.labels(method="GET", status="200").inc(), None),
        },
        lambda: list(registry.collect()),
    )


def opentelemetry() -> Library:
    """Return the OpenTelemetry SDK, which knows no kept child: attributes come with each call."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("benchmark")
    counter, amounts, fractions = (meter.create_counter(name) for name in "abc")
    gauge, ups_and_downs = meter.create_gauge("d"), meter.create_up_down_counter("g")
    histogram = meter.create_histogram("e", explicit_bucket_boundaries_advisory=BUCKETS)
    labeled = meter.create_counter("f")
    attributes = {"method": "GET", "status": "200"}
    return Library(
        "OpenTelemetry",
        {
            "increment()": (counter.add, [1] * CALLS),
            "increment(5)": (amounts.add, [5] * CALLS),
            "increment(), spread amounts": (amounts.add, SIZES),
            "increment(0.5)": (fractions.add, [0.5] * CALLS),
            "set(42.0)": (gauge.set, [42.0] * CALLS),
            "up by 2": (ups_and_downs.add, [2] * CALLS),
            "down by 2": (ups_and_downs.add, [-2] * CALLS),
            "observe(0.3)": (histogram.record, [0.3] * CALLS),
            "observe(), spread values": (histogram.record, SPREAD),
            "observe(), exponential": (histogram.record, SPREAD),  # with fixed bounds, the faster ones
            "labelled, kept": (lambda: labeled.add(1, attributes), None),
            "labelled, looked up": (lambda: labeled.add(1, {"method": "GET", "status": "200"}), None),
        },
        reader.get_metrics_data,
    )


def calls(call: Callable[..., object], values: Sequence[float] | None, times: int) -> None:
    """Call it so many times."""
    if values is None:
        for _ in itertools.repeat(None, times):
            call()
    else:
        for value in itertools.islice(values, times):
            call(value)


def seconds(library: Library, write: str, threads: int) -> float:
    """Seconds for CALLS calls, spread over threads, and the reading after them."""
    work = (*library.writes[write], CALLS // threads)
    if threads == 1:
        started = time.process_time()
        calls(*work)
        library.read()
        return time.process_time() - started
    all_here = threading.Barrier(threads)
    begun: list[float] = []

    def begin() -> None:
        all_here.wait()
        begun.append(time.perf_counter())
        calls(*work)

    workers = [threading.Thread(target=begin) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    library.read()
    return time.perf_counter() - min(begun)


def best(measure: Callable[[Library], float], libraries: list[Library]) -> list[float]:
    """Return the best of several rounds for each library, taken in turns."""
    rounds = [[measure(library) for library in libraries] for _ in range(ROUNDS)]
    return [min(column) for column in zip(*rounds, strict=True)]


def row(what: str, times: list[float], unit: str) -> None:
    """One line of the table: each library's time, and how many times longer the others take."""
    mine, *others = times
    note(f"sdk {what}", others[0] / mine)
    cells = [f"{mine:8.1f} {unit}", *(f"{other:8.1f} {unit} {other / mine:6.1f}x" for other in others)]
    print(f"| {what:<34} | " + " | ".join(f"{cell:>21}" for cell in cells) + " |", flush=True)


def header(names: list[str]) -> None:
    """Print the head of the table."""
    print(f"| {'':<34} | " + " | ".join(f"{name:>21}" for name in names) + " |")
    print(f"|{'-' * 36}|" + "|".join("-" * 23 for _ in names) + "|")


def measure_writes() -> None:
    """Nanoseconds a call."""
    libraries = [ours(), prometheus(), opentelemetry()]
    header([library.name for library in libraries])
    for threads in (1, 4):
        for write in libraries[0].writes:

            def measure(library: Library, write: str = write, threads: int = threads) -> float:
                return seconds(library, write, threads) / CALLS * 1e9

            row(f"{write}, {threads} thread{'s' * (threads > 1)}", best(measure, libraries), "ns")


def our_series(size: int) -> TelemetryCollector:
    """Return a collector with so many children."""
    collector = TelemetryCollector(self_metrics=False)
    labeled = collector.register_counter("requests_total", "Requests", ["node", "method"], max_children=size)
    for index in range(size):
        labeled.labels(f"node-{index}", "GET").increment(index)
    return collector


def prometheus_series(size: int) -> prometheus_client.CollectorRegistry:
    """Return the same for prometheus_client."""
    registry = prometheus_client.CollectorRegistry()
    labeled = prometheus_client.Counter("requests", "Requests", ["node", "method"], registry=registry)
    for index in range(size):
        labeled.labels(f"node-{index}", "GET").inc(index)
    return registry


def timed(call: Call, rounds: int) -> float:
    """Measure the best of several calls, in milliseconds. Garbage of a call is not collected within the time."""
    times = []
    for _ in range(rounds):
        gc.collect()
        started = time.process_time()
        call()
        times.append((time.process_time() - started) * 1e3)
    return min(times)


def measure_reads(size: int, rounds: int) -> None:
    """Snapshot and exposition of so many series."""
    collector, registry = our_series(size), prometheus_series(size)
    pairs: dict[str, tuple[Call, Call]] = {
        "snapshot": (collector.collect, lambda: list(registry.collect())),
        "text": (lambda: generate_text(collector.collect()), lambda: prometheus_client.generate_latest(registry)),
        "OpenMetrics": (lambda: generate_openmetrics(collector.collect()), lambda: latest_openmetrics(registry)),  # type: ignore[no-untyped-call]
    }
    for what, calls_of in pairs.items():
        row(f"{what}, {size:,} series", [timed(call, rounds) for call in calls_of], "ms")


def memory(build: Callable[[int], object], size: int) -> float:
    """Bytes a series."""
    gc.collect()
    tracemalloc.start()
    kept = build(size)
    gc.collect()
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return used / size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The SDK beside prometheus_client and OpenTelemetry.")
    parser.add_argument("--quick", action="store_true", help="without the million series")
    quick = parser.parse_args().quick
    print(
        f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores;"
        f" prometheus_client {version('prometheus-client')}, OpenTelemetry SDK {version('opentelemetry-sdk')}\n"
    )
    measure_writes()
    row("memory a series", [memory(our_series, 10_000), memory(prometheus_series, 10_000)], "B ")
    measure_reads(10_000, 5)
    if not quick:
        measure_reads(1_000_000, 2)


if __name__ == "__main__":
    main()

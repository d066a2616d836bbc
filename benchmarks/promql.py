"""Queries beside a Prometheus on the same data, in one run: what counts is the ratio.

    python -m benchmarks.promql                  10,000 counters and 10,000 buckets, 66 minutes at 10 s: two minutes
    python -m benchmarks.promql --series 1000

Both answer with JSON. Prometheus is asked over HTTP and decodes its chunks; ours has arrays at hand. The best of
several rounds is shown. Prometheus is filled over remote write, and asked once before it is timed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fog_aggregator.promql import MemoryStorage, Options, data_json, instant_query, range_query
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.promql.storage import Floats, Ints
from tests.promql.prometheus import Prometheus, running_prometheus

START = 1_000_000_000_000
INTERVAL = 10_000
SAMPLES = 396
GROUPS = 100
BOUNDS = ("0.1", "0.5", "1", "2.5", "5", "10", "25", "50", "100", "+Inf")
ROUNDS = 4
QUERIES = (
    "sum by (fog_path) (rate(x_total[5m]))",
    "sum(rate(x_total[5m]))",
    "sum by (fog_path) (x_total)",
    "topk(5, rate(x_total[5m]))",
    "max by (fog_path) (max_over_time(x_total[5m]))",
    "sum by (fog_path) (sum_over_time(f_seconds_total[5m]))",
    "histogram_quantile(0.9, sum by (le) (rate(h_bucket[5m])))",
    "sum by (fog_path) (rate(x_total[1m])) / sum by (fog_path) (rate(x_total[5m])) > 1.2",
    'x_total{fog_path=~"fog/1."}',
)


def make_series(count: int) -> dict[Labels, tuple[Ints, Floats]]:
    """Counters of integers, a tenth as many of fractions, and buckets of histograms."""
    chance = np.random.default_rng(7)
    times = START + np.arange(SAMPLES, dtype=np.int64) * INTERVAL
    series: dict[Labels, tuple[Ints, Floats]] = {}

    def add(name: str, number: int, values: Floats, **labels: str) -> None:
        path = f"fog/{number % GROUPS}"
        series[make_labels({"__name__": name, "fog_path": path, "node": str(number), **labels})] = (times, values)

    for number in range(count):
        values = np.cumsum(chance.integers(0, 50, SAMPLES)).astype(np.float64)
        if number % 50 == 0:
            values[SAMPLES // 2 :] -= values[SAMPLES // 2]
        add("x_total", number, values)
    for number in range(count // 10):
        add("f_seconds_total", number, np.cumsum(chance.random(SAMPLES)))
    for number in range(count // len(BOUNDS)):
        counts = chance.integers(0, 9, (len(BOUNDS), SAMPLES))
        cumulative = np.cumsum(np.cumsum(counts, axis=1), axis=0).astype(np.float64)
        for place, bound in enumerate(BOUNDS):
            add("h_bucket", number, cumulative[place], le=bound)
    return series


def fill(server: Prometheus, series: dict[Labels, tuple[Ints, Floats]]) -> None:
    """Send stretches of time, a thousand series at a time: what is older than an hour would be refused."""
    labels = list(series)
    stretch = 66
    for begin in range(0, SAMPLES, stretch):
        cut = slice(begin, begin + stretch)
        for first in range(0, len(labels), 1000):
            chosen = labels[first : first + 1000]
            server.write({one: (series[one][0][cut], series[one][1][cut]) for one in chosen})


def best(work: Callable[[], object]) -> float:
    """Measure the shortest time in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1000 * min(times)


def main() -> None:
    """Fill a Prometheus, and ask both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    arguments = parser.parse_args()
    series = make_series(arguments.series)
    storage = MemoryStorage(series)
    end = START + (SAMPLES - 1) * INTERVAL
    start, step = end - 3_600_000, INTERVAL
    options = Options(closed=True)
    with tempfile.TemporaryDirectory() as folder, running_prometheus(Path(folder)) as server:
        fill(server, series)
        print(f"{len(series)} series x {SAMPLES} samples; milliseconds, best of {ROUNDS}")
        print(f"{'query':90} {'range':>8} {'Prom.':>8} {'ratio':>6} {'instant':>8} {'Prom.':>8} {'ratio':>6}")
        for query in QUERIES:
            ours = best(lambda query=query: data_json(range_query(query, storage, start, end, step, options).data))
            ours_now = best(lambda query=query: data_json(instant_query(query, storage, end, options).data))
            ranged = {"start": str(start / 1000), "end": str(end / 1000), "step": str(step / 1000)}
            said = json.loads(server.ask_bytes("query_range", query=query, **ranged))
            assert said["status"] == "success", said
            mine = json.loads(data_json(range_query(query, storage, start, end, step, options).data))
            assert query.startswith("topk") or len(said["data"]["result"]) == len(mine["result"]), query
            theirs = best(lambda query=query, ranged=ranged: server.ask_bytes("query_range", query=query, **ranged))
            theirs_now = best(lambda query=query: server.ask_bytes("query", query=query, time=str(end / 1000)))
            print(
                f"{query:90} {ours:8.0f} {theirs:8.0f} {ours / theirs:6.2f} "
                f"{ours_now:8.1f} {theirs_now:8.1f} {ours_now / theirs_now:6.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

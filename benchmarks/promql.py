"""Queries beside a Prometheus on the same data, in one run: what counts is the ratio.

    python -m benchmarks.promql                  10,000 counters and 10,000 buckets, 66 minutes at 10 s: two minutes
    python -m benchmarks.promql --series 1000

Both are asked over HTTP, in processes of their own, and decode what they keep: the blocks of a history, and chunks.
The best of several rounds is shown. Prometheus is filled over remote write, and asked once before it is timed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlencode

import numpy as np

from fog_aggregator.components.history.present import OwnPresent
from fog_aggregator.components.history.source import HistorySource
from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.prometheus.options import QueryOptions
from fog_aggregator.components.http.prometheus.queries import Queries
from fog_aggregator.components.http.prometheus.route import Api
from fog_aggregator.components.http.server import WebServer
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.history.step import Columns, Step, Table
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.network import NetworkCollector
from fog_aggregator.promql.labels import Labels, make_labels
from fog_aggregator.promql.storage import Floats, Ints
from fog_aggregator.sources.fleet_storage import FleetStorage
from tests.aggregator.serving import FakeStatus
from tests.promql.prometheus import Prometheus, running_prometheus
from utilityfog_frontend.telemetry import TelemetryCollector

START = 1_000_000_000_000
INTERVAL = 10_000
SAMPLES = 396
GROUPS = 100
BOUNDS = ("0.1", "0.5", "1", "2.5", "5", "10", "25", "50", "100", "+Inf")
ROUNDS = 4
LEVEL = 1
QUERIES = (
    'sum by (fog_path) (rate(x_total{fog_level="1"}[5m]))',
    'sum(rate(x_total{fog_level="1"}[5m]))',
    'sum by (fog_path) (x_total{fog_level="1"})',
    'topk(5, rate(x_total{fog_level="1"}[5m]))',
    'max by (fog_path) (max_over_time(x_total{fog_level="1"}[5m]))',
    'sum by (fog_path) (sum_over_time(f_seconds_total{fog_level="1"}[5m]))',
    'histogram_quantile(0.9, sum by (le) (rate(h_bucket{fog_level="1"}[5m])))',
    'sum by (fog_path) (rate(x_total{fog_level="1"}[1m])) / sum by (fog_path) (rate(x_total{fog_level="1"}[5m])) > 1.2',
    'x_total{fog_level="1", fog_path=~"fog/1."}',
    'x_total{fog_level="1", fog_path="fog/11"}',
    'sum(rate(f_seconds_total{fog_level="1", fog_path="fog/11"}[5m]))',
)
"""The last two are those of panels: a hundred series, and the sum of ten."""


def make_series(count: int) -> dict[Labels, tuple[Ints, Floats]]:
    """Counters of integers, a tenth as many of fractions, and buckets of histograms."""
    chance = np.random.default_rng(7)
    times = START + np.arange(SAMPLES, dtype=np.int64) * INTERVAL
    series: dict[Labels, tuple[Ints, Floats]] = {}

    def add(name: str, number: int, values: Floats, **labels: str) -> None:
        path = f"fog/{number % GROUPS}"
        own = {"__name__": name, "fog_level": str(LEVEL), "fog_path": path, "node": str(number), **labels}
        series[make_labels(own)] = (times, values)

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


def make_history(series: dict[Labels, tuple[Ints, Floats]]) -> HistoryStore:
    """Keep the same as steps of a level."""
    labels = sorted(series)
    values = np.array([series[one][1] for one in labels])
    integer = np.array([not one[0][1].startswith("f_") for one in labels])
    raw = np.where(integer[:, None], values.astype(np.int64), values.view(np.int64))
    table, store = Table(labels, np.full(len(labels), -np.inf)), HistoryStore(HistoryLimits())
    store.choice.measured([1, GROUPS], {-1: 0, 0: 0, LEVEL: len(labels)})
    for place in range(SAMPLES):
        store.append(Step(START + place * INTERVAL, {LEVEL: Columns(table, raw[:, place].copy(), integer)}))
        if store.is_full:
            store.adopt(store.encode_head())
    return store


async def serve(count: int, told: Connection) -> None:
    """Serve a history, tell where, and go on until this process is ended."""
    store = make_history(make_series(count))
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network, status = NetworkCollector(Fleet(), EventList(1), own, time.time), FakeStatus()
    storage = FleetStorage([HistorySource(store, threading.Lock(), OwnPresent(time.time, own.collect))])
    queries = Queries(storage, QueryOptions(), time.time, status.ready, own)
    server = WebServer(make_app(network, status, Api(queries)), ("127.0.0.1", 0))
    await server.start()
    told.send(server.address)
    await asyncio.Event().wait()


def run_server(count: int, told: Connection) -> None:
    """Serve, as the work of a process."""
    asyncio.run(serve(count, told))


@contextmanager
def serving(count: int) -> Iterator[str]:
    """Provide the address of an aggregator's API."""
    context = get_context("spawn")
    heard, told = context.Pipe()
    process = context.Process(target=run_server, args=(count, told), daemon=True)
    process.start()
    try:
        host, port = heard.recv()
        yield f"http://{host}:{port}"
    finally:
        process.terminate()
        process.join()


def ask(url: str, path: str, **form: str) -> bytes:
    """POST a form; the answer."""
    with urllib.request.urlopen(f"{url}/api/v1/{path}", urlencode(form).encode(), timeout=120) as answer:
        body: bytes = answer.read()
        return body


def best(work: Callable[[], object]) -> float:
    """Measure the shortest time in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return 1000 * min(times)


def compare(query: str, ours: str, theirs: str) -> str:
    """Ask both, over an hour and at its end; a line of times and ratios."""
    end = START + (SAMPLES - 1) * INTERVAL
    ranged = {"start": str(end / 1000 - 3600), "end": str(end / 1000), "step": str(INTERVAL / 1000)}
    counts = [
        len(json.loads(ask(url, "query_range", query=query, **ranged))["data"]["result"]) for url in (ours, theirs)
    ]
    assert query.startswith("topk") or counts[0] == counts[1], query
    cells = []
    for path, moment in (("query_range", ranged), ("query", {"time": str(end / 1000)})):
        mine, other = (best(partial(ask, url, path, query=query, **moment)) for url in (ours, theirs))
        cells.append(f"{mine:8.1f} {other:8.1f} {mine / other:6.2f}")
    return f"{query:116} {' '.join(cells)}"


def main() -> None:
    """Fill both, and ask them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=10_000)
    count = parser.parse_args().series
    series = make_series(count)
    with tempfile.TemporaryDirectory() as folder, running_prometheus(Path(folder)) as server, serving(count) as url:
        fill(server, series)
        print(f"{len(series)} series x {SAMPLES} samples; milliseconds, best of {ROUNDS}")
        print(f"{'query':116} {'range':>8} {'Prom.':>8} {'ratio':>6} {'instant':>8} {'Prom.':>8} {'ratio':>6}")
        for query in QUERIES:
            print(compare(query, url, server.url), flush=True)


if __name__ == "__main__":
    main()

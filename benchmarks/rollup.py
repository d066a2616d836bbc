"""Rollups of a large fleet beside plain Python, what they cost those who wait, and a scrape of a million samples.

    python benchmarks/rollup.py            100,000 nodes x 100 counters, some 2 minutes and 2 GB
    python benchmarks/rollup.py --quick    a tenth of it
    python benchmarks/rollup.py --mixed    70 counters, 20 gauges, 10 histograms of 12 buckets each

The levels are timed as every exporter gets them, coverage included, up to where the text is written, which is timed
below them. "cold" is the first look at a level, "one came" the first one after a node has come, "warm" is every other
one. These are of processor time; "held" is by the clock, how long whoever reads frames has to wait. Of all levels
together the first one pays for what they share. Ratios are what matters.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import resource
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import count as counting
from typing import Any, cast

import aiohttp
import numpy as np
import prometheus_client
from figures import note
from prometheus_client.core import CounterMetricFamily
from prometheus_client.openmetrics.exposition import generate_latest as latest_openmetrics

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.server import WebServer
from fog_aggregator.components.http.status import Status, StreamStatus
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import TOGETHER, Grouping, Matcher, Selection
from fog_schema.codec import decode
from fog_schema.frames import Frame
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exposition import generate_openmetrics, generate_text

NOW = 1_700_000_000.0
BRANCHING = 10
LEVELS = 6
ROUNDS = 3
PYTHON_SLOTS = 500_000
"""The number of nodes for the peer in plain Python: its time grows with the slots, and it is slow."""


def tree(nodes: int) -> list[Path]:
    """Paths of a tree, breadth first: most of them are leaves."""
    paths: list[Path] = [("fog",)]
    for parent in paths:
        if len(paths) >= nodes:
            break
        paths += [(*parent, str(child)) for child in range(BRANCHING)]
    return paths[:nodes]


def node_frame(counters: int, gauges: int, histograms: int, version: str, *, errors: int = 0) -> Frame:
    """Return a keyframe of a node that has so much; `errors` are the counters of another family."""
    collector = TelemetryCollector(self_metrics=False)
    labelled = collector.register_counter("work_total", "Work", ["kind"], max_children=counters + 1)
    for kind in range(counters):
        labelled.labels(f"kind-{kind}").increment(1_000 + kind)
    if errors:
        failed = collector.register_counter("errors_total", "Errors", ["kind"], max_children=errors + 1)
        for kind in range(errors):
            failed.labels(f"kind-{kind}").increment(kind)
    for number in range(gauges):
        collector.register_gauge(f"level_{number}", "Level").set(number + 0.5)
    for number in range(histograms):
        collector.register_histogram(f"wait_{number}_seconds", "Wait", [float(n) for n in range(11)]).observe(number)
    writer = Writer([collector.watch_series()], Settings(info=(("version", version),)), epoch=1, now=0.0)
    return decode(writer.encode_part(0.0, 1_000_000).data)


def fleet(nodes: int, frames: list[Frame]) -> NetworkCollector:
    """Make a fleet whose nodes were heard in random order: neighbours in the tree are apart in memory."""
    state, paths = Fleet(), tree(nodes)
    for number, place in enumerate(np.random.default_rng(1).permutation(len(paths)).tolist()):
        state.apply(paths[place], frames[place % len(frames)], NOW + number / len(paths))
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(state, EventList(), own, lambda: NOW)
    network.use(load(Choice.AUTO))  # as an aggregator does
    return network


class Watch:
    """A lock that knows how long it was held, which is how long others had to wait."""

    def __init__(self, network: NetworkCollector) -> None:
        self.longest = 0.0
        self._depth = 0
        self._since = 0.0
        network.lock = self  # type: ignore[assignment]

    def __enter__(self) -> None:
        if not self._depth:
            self._since = time.perf_counter()
        self._depth += 1

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if not self._depth:
            self.longest = max(self.longest, time.perf_counter() - self._since)


def timed(call: Callable[[], object]) -> float:
    """Milliseconds of processor time: all of this uses one core, and others may want it too."""
    began = time.process_time()
    call()
    return (time.process_time() - began) * 1e3


def measure_levels(network: NetworkCollector, frame: Frame) -> float:
    """Print each level, cold, after a node came, and warm; returns the milliseconds of all levels, warm."""
    watch, groupings = Watch(network), [Grouping(level) for level in range(LEVELS)]
    newcomers = (("fog", "new", str(number)) for number in counting())
    network.collect()  # the tree is put in order once

    def look(grouping: Grouping) -> tuple[float, float]:
        watch.longest = 0.0
        return timed(lambda: network.collect(grouping=grouping)), watch.longest * 1e3

    def come_and_look(*groupings: Grouping) -> list[tuple[float, float]]:
        network.fleet.apply(next(newcomers), frame, NOW)
        return [look(grouping) for grouping in groupings]

    print("| level | groups | cold ms | held ms | one came ms | held ms | warm ms | held ms |")
    print("|---|---|---|---|---|---|---|---|")
    for level, grouping in enumerate(groupings):
        cold = look(grouping)
        came = min(come_and_look(grouping)[0] for _ in range(ROUNDS))
        warm = min(look(grouping) for _ in range(ROUNDS))
        figures = " | ".join(f"{took:.0f} | {held:.0f}" for took, held in (cold, came, warm))
        print(f"| {level} | {len(network.coverage(grouping=grouping).paths):,} | {figures} |")
    came_all = min(sum(took for took, _ in come_and_look(*groupings)) for _ in range(ROUNDS))
    whole = min(sum(look(grouping)[0] for grouping in groupings) for _ in range(ROUNDS))
    note("levels came ms", came_all)
    note("levels GB", peak())
    print(f"\nall levels: {came_all:.0f} ms after one node came, {whole:.0f} ms warm; peak memory {peak():.2f} GB")
    return whole


def measure_groupings(network: NetworkCollector, frame: Frame) -> None:
    """Print the cost of sums by labels, by information and of a name, beside a level with as many cells or more."""
    newcomers = (("fog", "newer", str(number)) for number in counting())
    views: list[tuple[str, Selection, Grouping]] = [
        ("level=0", Selection(), Grouping(0)),
        ("by=kind", Selection(), Grouping(by=("kind",))),
        ("by=none", Selection(), Grouping(by=("none",))),
        ("level=3", Selection(), Grouping(3)),
        ("level=3&by=none", Selection(), Grouping(3, by=("none",))),
        ("group=version", Selection(), Grouping(info="version")),
        ("match=kind=kind-7", Selection(matchers=(Matcher("kind", "kind-7"),)), TOGETHER),
        ("name=work_total", Selection(names=frozenset({"work_total"})), TOGETHER),
    ]
    print("\n| view | samples | cold ms | one came ms | warm ms |\n|---|---|---|---|---|")
    for name, selection, grouping in views:

        def look(selection: Selection = selection, grouping: Grouping = grouping) -> float:
            return timed(lambda: network.collect(selection, grouping))

        def come_and_look(look: Callable[[], float] = look) -> float:
            network.fleet.apply(next(newcomers), frame, NOW)
            return look()

        cold, came = look(), min(come_and_look() for _ in range(ROUNDS))
        warm = min(look() for _ in range(ROUNDS))
        size = sum(len(one.series) for one in network.collect(selection, grouping))
        print(f"| {name} | {size:,} | {cold:.0f} | {came:.0f} | {warm:.0f} |")
    print()


def in_plain_python(values: list[tuple[Path, list[int]]]) -> None:
    """All levels as one would write it first."""
    for level in range(LEVELS):
        totals: defaultdict[tuple[Path, int], int] = defaultdict(int)
        for path, counts in values:
            group = path[: level + 1]
            for series, count in enumerate(counts):
                totals[group, series] += count


def measure_plain_python(nodes: int, series: int) -> float:
    """Milliseconds for all levels, for so many nodes."""
    some = min(nodes, PYTHON_SLOTS // series)
    values = [(path, list(range(series))) for path in tree(nodes)[:some]]
    return timed(lambda: in_plain_python(values)) * nodes / some


class Ready:
    """A service that is."""

    def ready(self) -> tuple[bool, str]:
        """Say that it is ready, always."""
        return True, ""

    def is_connected(self) -> bool:
        """Return that it is."""
        return True

    def is_current(self) -> bool:
        """Return whether it is ready."""
        return self.ready()[0]

    def streams(self) -> list[StreamStatus]:
        """None."""
        return []

    def silences(self) -> list[dict[str, Any]]:
        """None."""
        return []


async def longest_pause(done: asyncio.Event) -> float:
    """Milliseconds that the loop left a task waiting that wants its turn all the time."""
    longest, last = 0.0, time.perf_counter()
    while not done.is_set():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest * 1e3


async def measure_scrape(network: NetworkCollector, level: int, scrapes: int) -> None:
    """Print what some scrapes at once of one level cost, and the longest pause of the loop that also reads frames."""
    server = WebServer(make_app(network, cast("Status", Ready())), ("127.0.0.1", 0))
    await server.start()
    url, done = f"http://127.0.0.1:{server.address[1]}/metrics?level={level}", asyncio.Event()

    async def scrape(session: aiohttp.ClientSession) -> int:
        async with session.get(url) as answer:
            return len(await answer.read())

    async with aiohttp.ClientSession(auto_decompress=False) as session:
        pause = asyncio.create_task(longest_pause(done))
        began = time.perf_counter()
        sizes = await asyncio.gather(*(scrape(session) for _ in range(scrapes)))
        took = time.perf_counter() - began
        done.set()
    samples = sum(len(snapshot.series) for snapshot in network.collect(grouping=Grouping(level)))
    print(
        f"{scrapes} scrape(s) at once of {samples:,} samples, gzip {sizes[0] / 1e6:.1f} MB: {took:.1f} s in all; "
        f"longest pause of the loop {await pause:.0f} ms"
    )
    await server.stop()


class Peer:
    """The same samples for prometheus_client, with times of creation where ours have them."""

    def __init__(self, size: int, created: float | None) -> None:
        self._size = size
        self._created = created

    def collect(self) -> Iterator[Any]:
        """Yield a family with so many samples."""
        family = CounterMetricFamily("work", "Work", labels=["fog_path", "kind"])
        for number in range(self._size):
            family.add_metric([f"fog/{number // 100}", f"kind-{number % 100}"], number, self._created)
        yield family


def measure_text(network: NetworkCollector, level: int) -> None:
    """Print the time of one level in both formats beside prometheus_client's for as many samples."""
    families = network.collect(grouping=Grouping(level))
    samples = sum(len(snapshot.series) for snapshot in families)
    formats: list[tuple[str, Callable[[Any], bytes], Callable[[Any], bytes], float | None]] = [
        ("text", generate_text, prometheus_client.generate_latest, None),
        ("OpenMetrics", generate_openmetrics, latest_openmetrics, NOW),
    ]
    for what, mine, peers, created in formats:
        ours = min(timed(lambda mine=mine: mine(families)) for _ in range(ROUNDS))  # type: ignore[misc]
        registry = prometheus_client.CollectorRegistry()
        registry.register(Peer(samples, created))
        theirs = timed(lambda peers=peers, registry=registry: peers(registry))  # type: ignore[misc]
        note(f"exposition {what}", theirs / ours)
        print(f"{what} of {samples:,} samples: {ours:.0f} ms, prometheus_client {theirs:.0f} ms ({theirs / ours:.1f}x)")


def peak() -> float:
    """Return the most memory that was in use, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="Rollups of a large fleet.")
    parser.add_argument("--quick", action="store_true", help="10,000 nodes instead of 100,000")
    parser.add_argument("--mixed", action="store_true", help="gauges and histograms too")
    options = parser.parse_args()
    nodes = 10_000 if options.quick else 100_000
    kinds = (70, 20, 10) if options.mixed else (100, 0, 0)
    print(
        f"Python {platform.python_version()}, numpy {np.__version__}, {platform.machine()}, {os.cpu_count()} cores; "
        f"prometheus_client {version('prometheus-client')}\n"
        f"{nodes:,} nodes; of each {kinds[0]} counters, {kinds[1]} gauges, {kinds[2]} histograms\n"
    )
    frames = [node_frame(*kinds, version) for version in ("1.0", "1.1", "2.0")]
    frame, network = frames[0], fleet(nodes, frames)
    whole = measure_levels(network, frame)
    measure_groupings(network, frame)
    plain = measure_plain_python(nodes, sum(kinds))
    print(f"all levels, warm: {whole:.0f} ms; in plain Python (counters alone) {plain:.0f} ms ({plain / whole:.0f}x)")
    level = 3 if options.quick else 4
    measure_text(network, level)
    network.lock = threading.RLock()  # a watch is no lock
    for scrapes in (1, 2):
        asyncio.run(measure_scrape(network, level, scrapes))


if __name__ == "__main__":
    main()

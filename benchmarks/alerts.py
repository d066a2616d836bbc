"""For how long the evaluation of rules holds the fleet: the event loop waits so long for it.

    python -m benchmarks.alerts                 100,000 nodes in 20 sites of 50 racks, a tenth of them silent
    python -m benchmarks.alerts --nodes 10000

The longest hold of several looks is shown: of all nodes with a metric, of the groups of a level, of each node alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.components.rules.coverage import FleetCoverage
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.network import NetworkCollector
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.codec import decode
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

START = 1_700_000_000.0
SITES, RACKS = 20, 50
ROUNDS = 5
NAMES = frozenset({"temp"})


class Timed:
    """A lock that remembers the longest hold."""

    def __init__(self, lock: Any) -> None:
        self._lock = lock
        self._depth = 0
        self._since = 0.0
        self.longest = 0.0

    def __enter__(self) -> None:
        self._lock.acquire()
        self._depth += 1
        if self._depth == 1:
            self._since = time.perf_counter()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._depth -= 1
        if not self._depth:
            self.longest = max(self.longest, time.perf_counter() - self._since)
        self._lock.release()


def paths(nodes: int) -> list[Path]:
    """Name the nodes."""
    return [("fog", str(one % SITES), str(one // SITES % RACKS), str(one // (SITES * RACKS))) for one in range(nodes)]


def filled(nodes: int) -> NetworkCollector:
    """Make a fleet; nine in ten of the nodes have spoken last, the others are silent."""
    collector = TelemetryCollector(self_metrics=False)
    collector.register_gauge("temp", "", rollup="sum").set(9)
    writer = Writer([collector.watch_series()], Settings(), epoch=1, now=0.0)
    frame = decode(writer.encode_part(0.0, 4_000).data)
    fleet = Fleet()
    for number, path in enumerate(paths(nodes)):
        fleet.apply(path, frame, START - (1_000.0 if number % 10 == 0 else 0.0))
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    return NetworkCollector(fleet, EventList(), own, lambda: START + 1.0)


def look(network: NetworkCollector, scopes: list[Scope]) -> None:
    """Look at the nodes as an evaluation does."""
    coverage = FleetCoverage(network, 86_400.0)
    for scope in scopes:
        coverage.standing(scope)


def timed(network: NetworkCollector, work: Callable[[], object]) -> tuple[float, float]:
    """Return the longest hold and the whole of some work in milliseconds, the best of some rounds."""
    lock, rounds = network.lock, []
    for _ in range(ROUNDS):
        network.lock = watched = Timed(lock)  # type: ignore[assignment]
        began = time.perf_counter()
        work()
        rounds.append((watched.longest * 1e3, (time.perf_counter() - began) * 1e3))
    network.lock = lock
    return min(rounds)


def main() -> None:
    """Print the longest hold of each question."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=100_000)
    options = parser.parse_args()
    network, every = filled(options.nodes), paths(options.nodes)
    racks = sorted({path[:3] for path in every})
    questions = {
        "the fleet": [Scope()],
        "the fleet, by a metric": [Scope(names=NAMES)],
        "1,000 racks, by a metric": [Scope(path, names=NAMES) for path in racks],
        "10,000 nodes, by a metric": [Scope(path, own=True, names=NAMES) for path in every[:10_000]],
    }
    with network.lock:
        assert len(network.tree.paths) >= options.nodes  # made once, by whoever is first
    print(f"{options.nodes} nodes; milliseconds")
    for title, scopes in questions.items():
        print("{:28} held {:8.1f}   whole {:8.1f}".format(title, *timed(network, partial(look, network, scopes))))
    cover = timed(network, lambda: network.losses().cover())
    print("{:28} held {:8.1f}   whole {:8.1f}".format("silent branches", *cover))


if __name__ == "__main__":
    main()

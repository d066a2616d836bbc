"""Measure the answers of the operators' page with a large fleet: how long each takes, and its bytes with gzip.

python -m benchmarks.page [--nodes 100000] [--names digits|hosts|random]
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import time
from collections.abc import Iterator
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.components.http.app import make_app
from fog_aggregator.components.http.server import WebServer
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.network import NetworkCollector
from fog_schema.codec import decode
from fog_schema.paths import Path
from tests.aggregator.serving import FakeStatus
from utilityfog_frontend.telemetry import TelemetryCollector

START: Final = 1_700_000_000.0
ROUNDS: Final = 7
SILENT: Final = 1 / 7
LONGEST: Final = 1_000_000


def paths(nodes: int, names: str) -> Iterator[Path]:
    """Return the paths of a fleet of ten sites with ten racks each."""
    random = Random(1)
    for number in range(nodes):
        site, rack = number * 10 // nodes, number * 100 // nodes % 10
        last = {
            "digits": f"{number % (nodes // 100 or 1)}",
            "hosts": f"host-{number:06d}",
            "random": f"ip-{random.randrange(256)}-{random.randrange(256)}-{number % 10}",
        }[names]
        yield ("fog", f"site{site}", f"r{rack:02d}", last)


def fleet(nodes: int, names: str) -> NetworkCollector:
    """Return a fleet; every seventh node is silent, each tells its version."""
    state, now = Fleet(), [START]
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(state, EventList(), own, lambda: now[0])
    collector = TelemetryCollector(self_metrics=False)
    collector.register_counter("orders_total", "Orders").increment(3)
    frames, silent = [], Random(2)
    for number in range(10):
        info = (("version", f"2.{number % 5}.0"), ("role", "core" if number == 9 else "edge"))
        writer = Writer([collector.watch_series()], Settings(interval=10.0, info=info), epoch=1, now=START)
        frames.append(decode(writer.encode_part(START, LONGEST).data))
    for number, path in enumerate(dict.fromkeys(paths(nodes, names))):
        state.apply(path, frames[number % 10], START - (40.0 if silent.random() < SILENT else 0.0))
    gc.freeze()
    return network


async def measure(url: str, session: aiohttp.ClientSession, path: str, **query: Any) -> None:
    """Ask some times, and print the middle and the worst time."""
    took, size, first = [], 0, b""
    for _ in range(ROUNDS):
        began = time.perf_counter()
        async with session.get(f"{url}{path}?{urlencode(query, doseq=True)}") as response:
            first = await response.read()
            assert response.status == 200, first
            size = len(first)
        took.append((time.perf_counter() - began) * 1e3)
    asked = " ".join(f"{name}={value}" for name, value in query.items())
    print(f"  {path:14} {asked:52} {sorted(took)[ROUNDS // 2]:7.1f} ms, worst {max(took):7.1f}, {size / 1e3:7.1f} kB")


async def main(nodes: int, names: str) -> None:
    """Serve a fleet and ask all that its size matters for."""
    network = fleet(nodes, names)
    print(f"{nodes} nodes, names as {names}:")
    server = WebServer(make_app(network, FakeStatus()), ("127.0.0.1", 0))
    await server.start()
    url = "http://{}:{}".format(*server.address)
    headers = {"Accept-Encoding": "gzip"}
    async with aiohttp.ClientSession(headers=headers, auto_decompress=False) as session:
        await measure(url, session, "/api/tree", format="columns")
        await measure(url, session, "/api/alerts")
        await measure(url, session, "/api/nodes")
        await measure(url, session, "/api/nodes", state="stale", sort="worst")
        await measure(url, session, "/api/nodes", q="r07*1 role=core", sort="worst")
        await measure(url, session, "/api/nodes", sort="bytes")
    await server.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=100_000)
    parser.add_argument("--names", choices=("digits", "hosts", "random"), default="hosts")
    args = parser.parse_args()
    asyncio.run(main(args.nodes, args.names))

"""Measure how long a count takes from `increment()` until a scrape of the aggregator's `/metrics` shows it.

    python benchmarks/latency.py [--nodes 50] [--interval 1] [--samples 1500]

A real nats-server, `fog aggregator` as a process of its own, real agents with a connection each, and one scraper that
asks again as soon as it is answered. Every node also has the 200 series of `agent_delta.py`; 65 % of them change in
each interval. Probes come at random moments, so they wait for their node's next frame for half an interval on average;
what comes on top of an interval is the way itself. The clock stops when the answer that shows the count is complete,
so a scrape is within the time, and the turn of the one that came too early as well.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator

import aiohttp
from mixture import Program

from fog_agent import Agent
from fog_testing.nats_server import NatsServer

RATE = 25.0
"""Probes a second, over all nodes."""
LAST = 5.0
"""Intervals that the last probes have; one that nobody saw by then is a fault."""
PROBES = re.compile(rb'^probes_total\{node="(\d+)"\} (\d+)$', re.MULTILINE)


class Node:
    """A program that works, and a counter in it whose increments are timed."""

    def __init__(self, number: int) -> None:
        self.path = f"fog/{number}"
        self.program = Program(counters=150, gauges=40, histograms=10, self_metrics=False)
        self._counter = self.program.collector.register_counter("probes_total", "Probes", ["node"]).labels(str(number))
        self._begun: deque[float] = deque()
        self._shown = 0
        self.took: list[float] = []

    def probe(self) -> None:
        """Count one, and begin to wait for it."""
        self._begun.append(time.perf_counter())
        self._counter.increment()

    def shows(self, count: int, now: float) -> None:
        """Note that a scrape shows so many."""
        for _ in range(count - self._shown):
            self.took.append(now - self._begun.popleft())
        self._shown = count

    async def work(self, interval: float) -> None:
        """Change what a program changes, for ever."""
        while True:
            self.program.work()
            await asyncio.sleep(interval)


class Scraper:
    """Asks for /metrics again and again, and tells the nodes what it shows."""

    def __init__(self, address: str, nodes: list[Node]) -> None:
        self.took: list[float] = []
        self.done = False
        self._address = address
        self._nodes = nodes

    async def run(self) -> None:
        """Until it is `done`."""
        async with aiohttp.ClientSession() as session:
            while not self.done:
                began = time.perf_counter()
                async with session.get(f"http://{self._address}/metrics") as answer:
                    page = await answer.read()
                now = time.perf_counter()
                if answer.status == 200:
                    self.took.append(now - began)
                    for node, count in PROBES.findall(page):
                        self._nodes[int(node)].shows(int(count), now)
                await asyncio.sleep(0.002)


@contextlib.contextmanager
def aggregator(server: str, address: str) -> Iterator[None]:
    """`fog aggregator` as a process."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "fog_cli", "aggregator", "--nats", server, "--listen", address]
        process = subprocess.Popen([*command, "--state-dir", state, "--log.level", "error"])
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def free_address() -> str:
    """One that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def ready(address: str) -> None:
    """Return once the aggregator is complete."""
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"http://{address}/-/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


async def measure(server: str, address: str, count: int, interval: float, samples: int) -> tuple[list[float], Scraper]:
    """Seconds of each probe, and the scraper that saw them."""
    nodes = [Node(number) for number in range(count)]
    scraper = Scraper(address, nodes)
    rng = nodes[0].program.rng
    await ready(address)
    async with contextlib.AsyncExitStack() as stack:
        for node in nodes:
            agent = Agent(node.program.collector, path=node.path, servers=server, interval=interval)
            await stack.enter_async_context(agent)
        scraping = asyncio.create_task(scraper.run())
        working = [asyncio.create_task(node.work(interval)) for node in nodes]
        await asyncio.sleep(3 * interval)  # until every node was heard
        for _ in range(samples):
            await asyncio.sleep(rng.expovariate(RATE))
            rng.choice(nodes).probe()
        await asyncio.sleep(LAST * interval)
        scraper.done = True
        await scraping
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)
        return [took for node in nodes for took in node.took], scraper


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--interval", type=float, default=1.0)
    parser.add_argument("--samples", type=int, default=1500)
    options = parser.parse_args()
    address = free_address()
    with NatsServer() as server, aggregator(server.url, address):
        took, scraper = asyncio.run(measure(server.url, address, options.nodes, options.interval, options.samples))
    assert len(took) == options.samples, f"{options.samples - len(took)} probes were never seen"
    points = [point * 1e3 for point in statistics.quantiles(took, n=100, method="inclusive")]
    scrape = statistics.median(scraper.took) * 1e3
    print(f"{options.nodes} nodes x 200 series at {options.interval:g} s, n = {len(took)}; a scrape {scrape:.1f} ms")
    print(f"least {min(took) * 1e3:.0f} ms, median {points[49]:.0f}, 99 % {points[98]:.0f}, most {max(took) * 1e3:.0f}")
    print(f"99th percentile: interval {points[98] - options.interval * 1e3:+.0f} ms")


if __name__ == "__main__":
    main()

"""Measure what a fleet costs its aggregator, from the socket to the state, and what a scrape of it costs Prometheus.

    python benchmarks/merge.py
    python benchmarks/merge.py --nodes 100000 --rounds 3     3 minutes, 2 GB, half of it on disk

A node has 200 series (160 counters, 20 histograms, 20 gauges); 65 % of them change from frame to frame. Three figures
of CPU, all of this process alone, medians over rounds: decoding and merging; the whole way through a real nats-server,
stream reader and ingest included; and, when a `prometheus` is on the PATH, what that process spends to scrape a page
of the same samples. Prometheus also stores what it scrapes, in memory and in its log; an aggregator keeps totals.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.server
import os
import random
import resource
import shutil
import statistics
import struct
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from figures import note

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.batch import Batch
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.kernels.choice import Choice, parse_choice
from fog_aggregator.kernels.load import load
from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.network import NetworkCollector
from fog_aggregator.reading import ReadingLoop
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.nats.api import JetStream
from fog_bus.nats.connection import Connection
from fog_bus.nats.link import Link
from fog_bus.nats.log import NatsLog
from fog_bus.nats.options import NatsOptions
from fog_bus.nats.provision import apply
from fog_bus.ports import Message
from fog_bus.streams import metrics_stream
from fog_schema.codec import decode
from fog_schema.subjects import Subjects
from fog_testing.nats_server import NatsServer
from utilityfog_frontend.telemetry import TelemetryCollector

SERIES = 200
CHANGED = 0.65
BATCH = 500
TEMPLATES = 8
SUBJECTS = Subjects()
STREAM = metrics_stream(SUBJECTS).name
EPOCH_AT = 8  # where a frame whose epoch is 1 has it


class Template:
    """A node's program; many nodes send what it sends, each under an epoch of its own."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.collector = TelemetryCollector(self_metrics=False)
        counter = self.collector.register_counter("requests_total", "Requests", ["route"])
        sizes = self.collector.register_histogram("size_bytes", "Sizes", labels=["route"])
        level = self.collector.register_gauge("level", "Levels", ["tank"])
        self._counters = [counter.labels(route=f"/{n}") for n in range(160)]
        self._histograms = [sizes.labels(route=f"/{n}") for n in range(20)]
        self._gauges = [level.labels(tank=str(n)) for n in range(20)]
        self._writer = Writer([self.collector.watch_series()], Settings(), epoch=1, now=0.0)

    def keyframe(self) -> bytes:
        """Return the first frame."""
        return self._writer.encode_part(0.0, 1_000_000).data

    def delta(self) -> bytes:
        """Return the frame of one more interval."""
        for counter in self._rng.sample(self._counters, round(160 * CHANGED)):
            counter.increment(self._rng.randrange(1, 100))
        for histogram in self._rng.sample(self._histograms, round(20 * CHANGED)):
            histogram.observe(self._rng.random())
        for gauge in self._rng.sample(self._gauges, round(20 * CHANGED)):
            gauge.set(self._rng.random())
        encoded = self._writer.encode_delta(0.0, 1_000_000)
        assert encoded is not None
        return encoded.data


class Nodes:
    """Many nodes made of few templates; `next_round` gives each one's next frame, in random order."""

    def __init__(self, count: int) -> None:
        self._templates = [Template(seed) for seed in range(TEMPLATES)]
        self._order = list(range(count))
        self._rng = random.Random(1)
        self.paths = [("fog", str(n // 1000), str(n % 1000)) for n in range(count)]
        self.example = self._templates[0].collector

    def next_round(self, *, first: bool = False) -> list[tuple[int, bytes]]:
        """(node, frame) for every node."""
        frames = [template.keyframe() if first else template.delta() for template in self._templates]
        self._rng.shuffle(self._order)
        return [(n, _with_epoch(frames[n % TEMPLATES], n + 1000)) for n in self._order]


def _with_epoch(frame: bytes, epoch: int) -> bytes:
    assert frame[EPOCH_AT] == 1
    return frame[:EPOCH_AT] + b"\xcf" + struct.pack(">Q", epoch) + frame[EPOCH_AT + 1 :]


def merging(count: int, rounds: int) -> tuple[float, int]:
    """Microseconds of CPU to decode and merge a frame by numpy, and its bytes."""
    nodes, state, costs, size = Nodes(count), Fleet(), [], 0
    for number in range(rounds + 1):
        frames = nodes.next_round(first=number == 0)
        began = time.process_time()
        for start in range(0, len(frames), BATCH):
            with Batch(state) as batch:
                for n, data in frames[start : start + BATCH]:
                    batch.apply(nodes.paths[n], decode(data), 1.0)
        if number:
            costs.append((time.process_time() - began) / count * 1e6)
            size = len(frames[0][1])
    return statistics.median(costs), size


async def whole_way(count: int, rounds: int, kernels: Kernels | None) -> float:
    """Microseconds of CPU for a frame from the socket to the state, this process alone."""
    nodes = Nodes(count)
    with NatsServer() as server:
        async with Connection(NatsOptions(servers=(server.url,))) as connection:
            link = Link(connection)
            await connection.connected()
            await apply(JetStream(link), metrics_stream(SUBJECTS))
            costs = []
            network = NetworkCollector(
                Fleet(), EventList(), TelemetryCollector(self_metrics=False, reserved_names=True), time.time
            )
            metrics = SelfMetrics(network.own)
            scope = Scope(subjects=SUBJECTS, metrics=STREAM, events="FOG_EVENTS", rollups="FOG_ROLLUPS")
            around = Surroundings(network, metrics, lambda *_: None, clock=time.perf_counter, kernels=kernels)
            engine = Engine(scope, network.fleet, network.events, around)
            cursor = engine.cursors[STREAM]

            async def take(messages: Sequence[Message], pending: int) -> None:
                while messages:
                    with network.lock:
                        applied = engine.on_batch(STREAM, messages, time.monotonic(), pending)
                    messages = messages[applied:]
                    await asyncio.sleep(0)

            for number in range(rounds + 1):
                for n, data in nodes.next_round(first=number == 0):
                    await connection.client.publish(SUBJECTS.metrics(nodes.paths[n]), data)  # type: ignore[union-attr]
                await connection.client.flush(30)  # type: ignore[union-attr]
                reader = ReadingLoop(NatsLog(link, STREAM), cursor, take, print)
                began, task = time.process_time(), asyncio.create_task(reader.run())
                while cursor.seq < (number + 1) * count:  # noqa: ASYNC110
                    await asyncio.sleep(0.005)
                if number:
                    costs.append((time.process_time() - began) / count * 1e6)
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
    return statistics.median(costs)


def scraping(nodes: int) -> tuple[float, int] | None:
    """Microseconds of CPU that Prometheus spends to scrape one node of a page of `nodes`, and its samples a node.

    None without Prometheus, or when it did not get to it.
    """
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        return None
    text = Nodes(1).example.export_to_prometheus()
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    page = "\n".join(_with_label(line, node) for node in range(nodes) for line in lines) + "\n"
    with tempfile.TemporaryDirectory() as directory, _serving(page.encode()) as port:
        config = Path(directory, "prometheus.yml")
        config.write_text(
            "global: {scrape_interval: 2s, scrape_timeout: 2s}\n"
            f"scrape_configs: [{{job_name: fog, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
        )
        own = _free_port()
        command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={directory}/data"]
        with subprocess.Popen(
            [*command, f"--web.listen-address=127.0.0.1:{own}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                time.sleep(7)  # the first scrapes make the series; a steady state is what is compared
                before, scraped = _cpu(process.pid), _scraped(own)
                time.sleep(12)
                if not (scraped := _scraped(own) - scraped):
                    print(
                        "prometheus            scraped nothing within 2 s each: the machine is too busy for the ratio"
                    )
                    return None
                return (_cpu(process.pid) - before) / scraped * len(lines) * 1e6, len(lines)
            finally:
                process.terminate()


def _with_label(line: str, node: int) -> str:
    name, brace, rest = line.partition("{")
    return f'{name}{brace}node="{node}",{rest}'


@contextlib.contextmanager
def _serving(page: bytes):  # type: ignore[no-untyped-def]  # noqa: ANN202
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()


def _free_port() -> int:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return server.server_address[1]


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _scraped(port: int) -> float:
    """Return the number of samples that Prometheus has appended."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith("prometheus_tsdb_head_samples_appended_total"):
                return float(line.rpartition(" ")[2])
    return 0.0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument(
        "--kernels", type=parse_choice, default=Choice.NUMBA, help="beside numpy: numba, or numpy alone"
    )
    options = parser.parse_args()
    merge, size = merging(options.nodes, options.rounds)
    print(f"{options.nodes} nodes x {SERIES} series, {CHANGED:.0%} changed: a frame is {size} bytes")
    print(f"decode and merge      {merge:7.1f} µs a frame   {SERIES / merge:6.1f} million series a CPU second")
    for choice in dict.fromkeys((Choice.NUMPY, options.kernels)):
        whole = asyncio.run(whole_way(options.nodes, options.rounds, load(choice)))
        print(f"socket to state, {choice:5}{whole:7.1f} µs a frame   {SERIES / whole:6.1f} million series a CPU second")
        note(f"merge {options.nodes} {choice}", SERIES / whole)
    print(f"load                  {os.getloadavg()[0]:7.1f}")
    print(f"peak memory           {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:7.2f} GB")
    if (scraped := scraping(400)) is not None:
        cost, samples = scraped
        print(f"prometheus, scraping  {cost:7.1f} µs for the same node, {samples} samples as text")
        note("prometheus scrape", cost / whole)
        print(f"ratio                 {cost / whole:7.1f}  (Prometheus also stores them)")


if __name__ == "__main__":
    main()

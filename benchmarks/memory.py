"""Measure what an aggregator takes in memory: for each node, value and label set, and while it makes an answer.

    python benchmarks/memory.py
    python benchmarks/memory.py --nodes 5000 --counters 200

Each line is a fleet of its own, in a process of its own: how much its resident size grew, what the budget charges for
the same, and how much more there was while all of it was written as Prometheus text, together and by its deepest level.
"""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import struct
import threading
from pathlib import Path

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.memory.machine import resident_bytes
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, ViewKey
from fog_schema.codec import decode
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.exposition import negotiate

EPOCH_AT = 8  # where a frame whose epoch is 1 has it
SHAPES = (
    # nodes, counters, histograms, bounds, whether each node has label sets of its own
    (20_000, 1, 0, 0, False),
    (5_000, 200, 0, 0, False),
    (5_000, 1, 40, 10, False),
    (200, 2_000, 0, 0, True),
    (100, 1, 100, 255, True),
)


def frames(counters: int, histograms: int, bounds: int, tag: str) -> list[bytes]:
    """Return a node's keyframe, in parts."""
    collector = TelemetryCollector(self_metrics=False)
    requests = collector.register_counter("requests_total", "Requests", ["route"])
    for n in range(counters):
        requests.labels(route=f"/{tag}/{n}").increment(n + 1)
    if histograms:
        sizes = collector.register_histogram("sizes", "Sizes", [float(n) for n in range(bounds)], labels=["route"])
        for n in range(histograms):
            sizes.labels(route=f"/{tag}/{n}").observe(3.5)
    writer, parts = Writer([collector.watch_series()], Settings(), epoch=1, now=0.0), []
    while True:
        part = writer.encode_part(0.0, 1_000_000)
        parts.append(part.data)
        if part.completes:
            return parts


def with_epoch(frame: bytes, epoch: int) -> bytes:
    """Return a frame of another epoch."""
    return frame[:EPOCH_AT] + b"\xcf" + struct.pack(">Q", epoch) + frame[EPOCH_AT + 1 :]


class Peak:
    """The highest resident size while a thread watches."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def end(self) -> int:
        """Return the highest size."""
        self._over.set()
        self._thread.join()
        return self.bytes

    def _watch(self) -> None:
        while not self._over.wait(0.001):
            self.bytes = max(self.bytes, resident_bytes())


def measure(nodes: int, counters: int, histograms: int, bounds: int, *, own: bool) -> None:
    """Print a line about a fleet."""
    shared, fleet = frames(counters, histograms, bounds, "x"), Fleet()
    before = resident_bytes()
    for n in range(nodes):
        for data in frames(counters, histograms, bounds, str(n)) if own else shared:
            fleet.apply(("fog", str(n // 1000), str(n % 1000)), decode(with_epoch(data, n + 1000)), 1.0)
    gc.collect()
    held, used = resident_bytes() - before, fleet.parts.budget.used
    charged, answer = sum(used.values()) - used["answers"], used["answers"]
    network = NetworkCollector(
        fleet, EventList(), TelemetryCollector(self_metrics=False, reserved_names=True), lambda: 1.0
    )
    peaks = []
    for key in (ViewKey(), ViewKey(grouping=Grouping(2))):
        began, peak = resident_bytes(), Peak()
        for _ in negotiate("text/plain").iter(network.collect(*key)):
            pass
        peaks.append(peak.end() - began)
    print(
        f"{nodes:7,} nodes  {fleet.slot_count:9,} values ({bounds} bounds)  {fleet.series_count:7,} label sets: "
        f"held {held / 2**20:4.0f} MiB, charged {charged / 2**20:4.0f}; {held / nodes:9,.0f} B a node, "
        f"{held / fleet.slot_count:5,.0f} a value; "
        f"an answer {max(peaks) / 2**20:4.0f} MiB, charged {answer / 2**20:4.0f}",
        flush=True,
    )


def main() -> None:
    """Measure the usual shapes, or one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--nodes", type=int)
    parser.add_argument("--counters", type=int, default=1)
    parser.add_argument("--histograms", type=int, default=0)
    parser.add_argument("--bounds", type=int, default=10)
    args = parser.parse_args()
    shapes = [(args.nodes, args.counters, args.histograms, args.bounds, False)] if args.nodes else SHAPES
    context = multiprocessing.get_context("spawn")
    if Path("/proc/self/statm").exists():
        for shape in shapes:
            child = context.Process(target=measure, args=shape[:4], kwargs={"own": shape[4]})
            child.start()
            child.join()


if __name__ == "__main__":
    main()

"""Bytes of one interval of a node: its frame, beside what others send of the same series at the same moment.

    python benchmarks/frame_bytes.py [--interval 10]

The others are the gzipped Prometheus text (level 6), and the snappy remote-write request of a Prometheus that scrapes
the node; both carry every series at each interval, where a frame has those that changed. Medians over intervals.

Two nodes of 200 series, 65 % of them changed, are shown twice: as they begin, with names and labels as short as may
be, which is the best case for gzip; and after a day, with a few of the SDK's own names and labels as programs have
them. Two more are real: the documented hooks, and this machine as `fog agent` reports it (read at the interval, so it
takes half a minute; its counters begin with the agent, which makes the text shorter than node_exporter's).
"""

from __future__ import annotations

import argparse
import gzip
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from figures import note
from remote_write import compressed, write_request

from fog_agent.core.writer import Settings, Writer
from fog_agent.sources.host import HostMetrics
from fog_schema.codec import decode
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.collector import (
    setup_coordination_hooks,
    setup_health_hooks,
    setup_messaging_hooks,
)

CHANGED = 0.65
ENOUGH = 1_000_000
START_MS = 1_700_000_000_000
TARGET = {"job": "fog", "instance": "10.0.3.17:9100"}
DAY = 8640
"""Intervals."""


@dataclass
class Case:
    """A node: what it counts in, and what happens in one interval."""

    name: str
    collector: TelemetryCollector
    work: Callable[[], object]
    intervals: int = 9


def short(counters: int, histograms: int, gauges: int) -> Case:
    """Return a program that has just begun, with the shortest names."""
    rng = random.Random(1)
    collector = TelemetryCollector(self_metrics=False)
    requests = collector.register_counter("requests_total", "Requests", ["route"])
    sizes = collector.register_histogram("size_bytes", "Sizes", labels=["route"])
    levels = collector.register_gauge("level", "Levels", ["tank"])
    series = (
        [(requests.labels(route=f"/{n}").increment, lambda: rng.randrange(1, 100)) for n in range(counters)]
        + [(sizes.labels(route=f"/{n}").observe, rng.random) for n in range(histograms)]
        + [(levels.labels(tank=str(n)).set, rng.random) for n in range(gauges)]
    )

    def work() -> None:
        for record, draw in rng.sample(series, round(len(series) * CHANGED)):
            record(draw())

    return Case(f"{_mix(counters, histograms, gauges)}, short names", collector, work)


def usual(counters: int, histograms: int, gauges: int) -> Case:
    """Return a program after a day, with names and labels as programs have them."""
    rng = random.Random(1)
    collector = TelemetryCollector(self_metrics=False)
    sent = collector.register_counter("messages_sent_total", "Total messages sent", ["message_type", "peer"])
    duration = collector.register_histogram(
        "message_processing_duration_seconds", "Message processing duration", labels=["message_type", "peer"]
    )
    queue = collector.register_gauge("message_queue_size", "Current message queue size", ["peer"])
    counts = [sent.labels(*_link(n)) for n in range(counters)]
    durations = [duration.labels(*_link(n)) for n in range(histograms)]
    queues = [queue.labels(_link(4 * n)[1]) for n in range(gauges)]
    for count in counts:
        count.increment(rng.randrange(20, 60) * DAY)
    for one in durations:
        for _ in range(DAY):
            one.observe(rng.lognormvariate(-2.3, 1.5))

    def work() -> None:
        for count in rng.sample(counts, round(counters * CHANGED)):
            count.increment(rng.randrange(1, 100))
        for one in rng.sample(durations, round(histograms * CHANGED)):
            for _ in range(rng.randrange(1, 40)):
                one.observe(rng.lognormvariate(-2.3, 1.5))
        for gauge in rng.sample(queues, round(gauges * CHANGED)):
            gauge.set(rng.randrange(500))

    return Case(f"{_mix(counters, histograms, gauges)}, usual names", collector, work)


def hooks() -> Case:
    """Return the program of the documentation, with the collector's own metrics."""
    rng = random.Random(1)
    collector = TelemetryCollector()
    setup_coordination_hooks(collector)
    setup_messaging_hooks(collector)
    setup_health_hooks(collector)

    def seconds() -> float:
        return rng.lognormvariate(-2.3, 1.5)

    def work() -> None:
        for _ in range(rng.randrange(5, 50)):
            collector.record_event("coordination_message", {"active_nodes": rng.randrange(8), "latency": seconds()})
            collector.record_event("message_sent", {"queue_size": rng.randrange(500), "duration": seconds()})
            collector.record_event("message_received", {"queue_size": rng.randrange(500), "duration": seconds()})
        collector.record_event("health_check", {"status": "healthy", "duration": seconds()})
        collector.run_collection()

    return Case("the hooks of the documentation", collector, work)


def host(interval: float) -> Case:
    """Measure this machine."""
    collector = TelemetryCollector(collection_interval=interval)
    collector.add_hook("collection", HostMetrics(collector).collect)
    collector.run_collection()

    def work() -> None:
        time.sleep(interval)
        collector.run_collection()

    return Case(f"this machine, every {interval:g} s", collector, work, intervals=3)


def _mix(counters: int, histograms: int, gauges: int) -> str:
    return f"{counters} counters" + (f", {histograms} histograms, {gauges} gauges" if histograms or gauges else "")


def _link(number: int) -> tuple[str, str]:
    kind = ("heartbeat", "state_update", "sensor_report", "reconfigure")[number % 4]
    return kind, f"fog/{number // 64}/{number // 16 % 4}/{number // 4 % 4}"


def measure(case: Case) -> None:
    """Print a row of the table."""
    writer = Writer([case.collector.watch_series()], Settings(), epoch=2**63 + 5, now=0.0)
    writer.encode_part(0.0, ENOUGH)
    changed, frames, texts, requests = [], [], [], []
    for number in range(case.intervals):
        case.work()
        encoded = writer.encode_delta(number * 10.0, ENOUGH)
        assert encoded is not None
        text = case.collector.export_to_prometheus()
        changed.append(_changed(encoded.data))
        frames.append(len(encoded.data))
        texts.append(len(gzip.compress(text.encode(), 6)))
        requests.append(len(compressed(write_request(text, TARGET, START_MS + number * 10_000))))
    frame, text_size, request = (statistics.median(sizes) for sizes in (frames, texts, requests))
    note(f"bytes {case.name}", text_size / frame)
    note(f"remote {case.name}", request / frame)
    share = statistics.median(changed) / writer.series_count
    print(
        f"| {case.name:<52} | {writer.series_count:6} | {share:7.0%} | {frame:5.0f} | {text_size:6.0f} | "
        f"1/{text_size / frame:<4.1f} | {request:6.0f} | 1/{request / frame:<4.1f} |"
    )


def _changed(data: bytes) -> int:
    frame = decode(data)
    sections = (frame.counters, frame.fractions, frame.gauges, *frame.histograms)
    return sum(section.ids.size for section in sections if section is not None)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--interval", type=float, default=10.0, help="seconds between the readings of this machine")
    interval = parser.parse_args().interval
    print(f"| {'':<52} | series | changed | frame | text   | ratio  | remote | ratio  |")
    print(f"|{'-' * 54}|--------|---------|-------|--------|--------|--------|--------|")
    for mix in ((200, 0, 0), (160, 20, 20)):
        measure(short(*mix))
        measure(usual(*mix))
    measure(hooks())
    measure(host(interval))


if __name__ == "__main__":
    main()

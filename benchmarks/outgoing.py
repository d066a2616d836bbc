"""Measure what a step to a receiver costs: encoders beside protobuf's own library, and a step as a whole.

    python benchmarks/outgoing.py [--series 10000]

Prints JSON: milliseconds, the best of several runs, and bytes a series.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import cramjam
import numpy as np
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from fog_aggregator.core.kinds.buckets.ladder import ladder_of
from fog_aggregator.core.kinds.buckets.rows import rows_of
from fog_aggregator.history.step import WHOLE, Columns, Step, Table
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.outgoing.items import About, Encoder, Item, ItemKind, Moment
from fog_aggregator.outgoing.otlp import Otlp
from fog_aggregator.outgoing.reader import Choice, PartOfStep, StepReader
from fog_aggregator.outgoing.remote_write import RemoteWrite
from fog_aggregator.outgoing.remote_write_2 import RemoteWrite2
from fog_aggregator.promql.labels import NAME, make_labels
from utilityfog_frontend.telemetry.exponential.buckets import MOST_BUCKETS
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.exposition.samples import render_bound

NOW: Final = 1_795_000_000_000
RUNS: Final = 7
ABOUT: Final = {"orders_total": About(ItemKind.COUNTER, "Orders taken"), "sent_bytes_total": About(ItemKind.COUNTER)}


def best(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the milliseconds of the fastest of several runs."""
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return round(min(found) * 1e3, 2)


def labels_of(number: int) -> dict[str, str]:
    """Return the labels of one series."""
    name = "orders_total" if number % 2 else "sent_bytes_total"
    path = f"fog/{number // 100}/{number % 100}"
    return {NAME: name, "fog_level": "2", "fog_path": path, "kind": f"kind-{number % 7}", "zone": "north"}


def library_message(items: list[Item], moment: Moment) -> bytes:
    """Return the same request of OTLP, made with OpenTelemetry's messages (upb)."""
    request = ExportMetricsServiceRequest()
    scope = request.resource_metrics.add().scope_metrics.add()
    metrics: dict[str, Any] = {}
    for item, value, start in zip(items, moment.values.tolist(), moment.starts, strict=True):
        metric = metrics.get(item.name) or metrics.setdefault(item.name, scope.metrics.add(name=item.name))
        point = metric.sum.data_points.add(as_double=value, time_unix_nano=moment.time * 1_000_000)
        point.start_time_unix_nano = start * 1_000_000
        for name, text in item.labels:
            point.attributes.add(key=name).value.string_value = text
    data: bytes = request.SerializeToString()
    return data


def measure_encoder(encoder: Encoder, items: list[Item], moment: Moment) -> dict[str, float]:
    """Measure one format."""
    prepared = encoder.prepare(items)
    data = prepared.message(moment)
    snappy = cramjam.snappy.compress_raw
    return {
        "prepare_ms": best(lambda: encoder.prepare(items), 3),
        "message_ms": best(lambda: prepared.message(moment)),
        "snappy_ms": best(lambda: snappy(data)),
        "raw_bytes": round(len(data) / len(items), 1),
        "snappy_bytes": round(len(bytes(snappy(data))) / len(items), 1),
        "gzip_bytes": round(len(zlib.compress(data, 1)) / len(items), 1),
    }


def measure_step(series: int) -> dict[str, float]:
    """Measure a step from the history to messages: first, then as they come, then out of a block."""
    store, random = HistoryStore(HistoryLimits(series=series)), np.random.default_rng(7)
    every = [make_labels(labels_of(number)) for number in range(series)]
    table = Table(every, np.full(series, NOW / 1e3))
    values = random.integers(0, 10**6, series)
    for step in range(1, 31):
        values += random.integers(0, 100, series)
        store.append(Step(NOW + step * 10_000, {WHOLE: Columns(table, values.copy(), np.ones(series, np.bool_))}))
    encoder, lock = RemoteWrite(), threading.Lock()
    reader = StepReader(store, Choice((WHOLE,)), encoder, lambda: ABOUT)

    def send(at: int) -> int:
        parts = reader.step(NOW + at * 10_000, lock)
        return sum(len(part.message(encoder, 0, len(part.items))) for part in parts)

    first = best(lambda: send(30), 1)
    live = best(lambda: send(30))
    store.adopt(store.encode_head())
    return {"first_ms": first, "live_ms": live, "from_a_block_ms": best(lambda: send(15), 3)}


def natives_store(series: int) -> HistoryStore:
    """Return a history of exponential histograms of schema 3, each with 20,000 observations, as a view has them."""
    values = np.sort(np.random.default_rng(7).lognormal(0, 1.2, 20_000)).tolist()
    bounds, counts = ladder_of(rows_of([Store(3, MOST_BUCKETS).count(values).value(1.0)] * series))
    by_bound = counts.cumsum(axis=1)
    names = [
        *(("took_bucket", render_bound(bound)) for bound in (*bounds, np.inf)),
        ("took_sum", ""),
        ("took_count", ""),
    ]
    every = [make_labels(labels_of(n) | {NAME: name, "le": le}) for name, le in names for n in range(series)]
    raw = np.concatenate([by_bound.T.reshape(-1), np.ones(series, np.int64), by_bound[:, -1]])
    store, table = (
        HistoryStore(HistoryLimits(series=len(every), memory=2**31)),
        Table(every, np.full(len(every), NOW / 1e3)),
    )
    for step in (1, 2):
        store.append(Step(NOW + step * 10_000, {WHOLE: Columns(table, raw * step, np.ones(len(raw), np.bool_))}))
    return store


def write_all(parts: list[PartOfStep], encoder: Encoder) -> list[bytes]:
    """Return the bodies of all requests of a step."""
    return [part.message(encoder, 0, len(part.items)) for part in parts]


def measure_natives(series: int) -> dict[str, Any]:
    """Measure a step of exponential histograms, native and as buckets."""
    store, lock, found = natives_store(series), threading.Lock(), dict[str, Any]()
    native, buckets = ItemKind.EXPONENTIAL, ItemKind.HISTOGRAM
    formats: dict[str, tuple[Encoder, ItemKind]] = {
        "remote-write": (RemoteWrite(), native),
        "remote-write-2": (RemoteWrite2(), native),
        "otlp": (Otlp(()), native),
        "remote-write, as buckets": (RemoteWrite(), buckets),
    }
    for name, (encoder, kind) in formats.items():
        reader = StepReader(store, Choice((WHOLE,)), encoder, partial(dict, took=About(kind)))
        parts = reader.step(NOW + 20_000, lock)
        messages = write_all(parts, encoder)
        found[name] = {
            "read_ms": best(partial(reader.step, NOW + 20_000, lock), 3),
            "messages_ms": best(partial(write_all, parts, encoder), 3),
            "raw_bytes": round(sum(map(len, messages)) / series, 1),
            "snappy_bytes": round(sum(len(bytes(cramjam.snappy.compress_raw(one))) for one in messages) / series, 1),
        }
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--series", type=int, default=10_000)
    count = parser.parse_args().series
    every = [labels_of(number) for number in range(count)]
    items = [
        Item(
            one[NAME],
            make_labels({name: one[name] for name in one if name != NAME}),
            ABOUT[one[NAME]],
            (make_labels(one),),
        )
        for one in every
    ]
    moment = Moment(NOW, np.random.default_rng(7).integers(1, 10**6, count).astype(np.float64), [NOW - 5000] * count)
    encoders: dict[str, Encoder] = {"remote-write": RemoteWrite(), "remote-write-2": RemoteWrite2(), "otlp": Otlp(())}
    found: dict[str, Any] = {name: measure_encoder(one, items, moment) for name, one in encoders.items()}
    found["otlp by OpenTelemetry's messages"] = {"message_ms": best(lambda: library_message(items, moment), 3)}
    found["step"] = measure_step(count)
    found["exponential histograms"] = measure_natives(count // 10)
    found["resident_mib"] = int(Path("/proc/self/statm").read_text().split()[1]) * 4 // 1024
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()

"""Measure the history: bytes a sample, the cost of a step, a selector of 10,000 series over an hour.

The series are a mix: half are integer counters that grow by some 30 a step, a quarter buckets of histograms that seldom
grow, 15 % gauges of whole numbers, 10 % gauges with fractions.

    python benchmarks/history.py
"""

from __future__ import annotations

import time
from typing import Final

import numpy as np

from fog_aggregator.history.step import Columns, Step, Table
from fog_aggregator.history.store import HistoryLimits, HistoryStore
from fog_aggregator.promql.labels import Matcher, MatchKind, make_labels

STEP: Final = 10_000
KINDS: Final = (("requests_total", 0.5), ("wait_seconds_bucket", 0.25), ("queue_size", 0.15), ("load", 0.1))


def table_of(series: int) -> Table:
    """Return the series of a fleet with 100 series a group."""
    groups, labels, born = max(1, series // 100), [], []
    for name, share in KINDS:
        for number in range(round(100 * share)):
            for group in range(groups):
                path = f"fog/{group // 100}/{group % 100}"
                pairs = {"__name__": name, "fog_level": "2", "fog_path": path, "kind": str(number)}
                labels.append(make_labels(pairs))
                born.append(0.0 if name.endswith(("_total", "_bucket")) else np.nan)
    return Table(labels, np.array(born))


def fill(series: int, steps: int) -> tuple[HistoryStore, float, float]:
    """Return a history, and the seconds that a step and a block took."""
    rng, table, store = np.random.default_rng(1), table_of(series), HistoryStore(HistoryLimits(memory=2**31))
    count = len(table.labels)
    counters, buckets, whole = count // 2, count // 4, round(count * 0.15)
    raw = np.zeros(count, np.int64)
    raw[: counters + buckets] = rng.integers(0, 10**6, counters + buckets)
    integer = np.arange(count) < counters + buckets
    appending, encoding, blocks = 0.0, 0.0, 0
    for step in range(1, steps + 1):
        raw = raw.copy()
        raw[:counters] += rng.poisson(30, counters)
        raw[counters : counters + buckets] += rng.poisson(0.2, buckets)
        gauges = np.concatenate(
            [rng.integers(0, 100, whole).astype(float), rng.normal(5, 1, count - counters - buckets - whole)]
        )
        raw[counters + buckets :] = gauges.view(np.int64)
        began = time.perf_counter()
        store.append(Step(step * STEP, {2: Columns(table, raw, integer)}))
        appending += time.perf_counter() - began
        if store.is_full:
            began = time.perf_counter()
            store.adopt(store.encode_head())
            encoding += time.perf_counter() - began
            blocks += 1
    return store, appending / steps, encoding / max(1, blocks)


def main() -> None:
    """Print a line for each size."""
    for series in (10_000, 100_000):
        store, append, encode = fill(series, 360)
        values = store.bytes / (360 * series)
        name = Matcher(MatchKind.EQUAL, "__name__", "requests_total")
        kinds = Matcher(MatchKind.REGEX, "kind", "[0-9]" if series > 10_000 else ".*")
        best, count = np.inf, 0
        for _ in range(5):
            began = time.perf_counter()
            found = store.find(2, (name, kinds), STEP, 360 * STEP)
            looked = time.perf_counter() - began
            parts = found.read()
            best, count = min(best, time.perf_counter() - began), sum(len(part.labels) for part in parts)
        print(
            f"{series} series: {values:.2f} B a sample with label sets and indexes, {append * 1e3:.1f} ms a step, "
            f"{encode * 1e3:.0f} ms a block; {count} series x 1 h in {best * 1e3:.0f} ms, "
            f"{looked * 1e3:.1f} ms of it to find"
        )


if __name__ == "__main__":
    main()

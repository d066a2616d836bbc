"""An agent's intervals do not make Python's collector of garbage run, which stops the whole program."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fog_agent.core.writer import Settings, Writer
from utilityfog_frontend.telemetry import TelemetryCollector

SERIES = 3000
MAX_BYTES = 10_000_000


@contextmanager
def counted_runs() -> Iterator[list[int]]:
    """Count the runs of the collector, by generation."""
    runs = [0, 0, 0]

    def told(phase: str, info: dict[str, int]) -> None:
        runs[info["generation"]] += phase == "start"

    gc.collect()
    gc.callbacks.append(told)
    try:
        yield runs
    finally:
        gc.callbacks.remove(told)


@pytest.mark.parametrize("changed", [1.0, 0.65])
def test_intervals_do_not_make_the_collector_run(changed: float) -> None:
    """Counters, gauges and histograms; all change, or some: 700 objects more would be enough for a run."""
    collector = TelemetryCollector(self_metrics=False)
    counter = collector.register_counter("a_total", "", ["n"], max_children=SERIES)
    gauge = collector.register_gauge("b", "", ["n"], max_children=SERIES)
    histogram = collector.register_histogram("c", "", labels=["n"], max_children=SERIES)
    uses: list[Callable[[float], object]] = [
        *(counter.labels(str(number)).increment for number in range(SERIES)),
        *(gauge.labels(str(number)).set for number in range(SERIES)),
        *(histogram.labels(str(number)).observe for number in range(SERIES)),
    ]
    writer = Writer([collector.watch_series()], Settings(), epoch=1, now=0.0)
    writer.encode_part(0.0, MAX_BYTES)

    def interval(number: int) -> None:
        for at, use in enumerate(uses):
            if (at * 37 + number * 11) % 100 < changed * 100:
                use(number + 2)
        assert writer.encode_delta(float(number), MAX_BYTES) is not None

    for number in range(5):
        interval(number)
    with counted_runs() as runs:
        for number in range(5, 25):
            interval(number)
    assert runs[0] <= 4
    assert runs[1:] == [0, 0]

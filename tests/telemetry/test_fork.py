"""After a fork the child counts for itself, and nobody waits for a lock that its holder left behind."""

import multiprocessing
import os
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.telemetry.helpers import value, values
from utilityfog_frontend.telemetry import Counter, Histogram, MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, HistogramValue, SeriesSnapshot

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork"),
    # Python warns since 3.12 of exactly the forks that these tests make.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_child(function: Callable[[], object]) -> None:
    """Run `function` in a forked child; its failure, or its waiting for ever, fails the test."""
    child = multiprocessing.get_context("fork").Process(target=function)
    child.start()
    child.join(30)
    hung = child.is_alive()
    if hung:
        child.kill()
        child.join()
    assert not hung, "the child waits for ever"
    assert child.exitcode == 0


def test_counts_start_from_zero_and_gauges_stay(collector: TelemetryCollector) -> None:
    """Each increment is counted once: by the process that made it. An info gauge must still be there."""
    counter = collector.register_counter("a_total")
    family = collector.register_counter("b_total", "b", ["x"])
    kept = family.labels("kept")
    histogram = collector.register_histogram("c", "c", [1.0])
    gauge = collector.register_gauge("d")
    counter.increment(5)
    counter.increment(0.5)
    kept.increment(3)
    histogram.observe(0.5)
    gauge.set(7)
    collector.record_event("parent")

    def child() -> None:
        counter.increment()
        kept.increment(2)
        histogram.observe(3)
        assert value(collector, "a_total") == 1
        assert values(collector, "b_total") == {("kept",): 2}
        assert value(collector, "c") == HistogramValue((0, 1), 3.0)
        assert value(collector, "d") == 7
        assert collector.get_events() == []
        assert value(collector, "telemetry_events_total") == 0
        assert collector.fork_generation == 1

    in_child(child)
    assert value(collector, "a_total") == 5.5
    assert collector.fork_generation == 0


def test_watches_are_the_parents(collector: TelemetryCollector) -> None:
    """They are closed in the child; what had ended in the parent is the parent's to tell."""
    family = collector.register_counter("a_total", "a", ["x"])
    series, events = collector.watch_series(), collector.watch_events()
    family.labels("1").increment(3)
    family.clear()
    collector.record_event("parent")

    def child() -> None:
        assert series.closed
        assert events.closed
        assert series.series() == ()
        assert series.take_ended() == []
        assert events.take() == []
        family.labels("2").increment(4)
        family.clear()
        [ended] = collector.watch_series().take_ended()
        assert ended.read() == 4

    in_child(child)
    assert len(series.take_ended()) == 1


def hold_all(locks: list[Any], locked: threading.Event, release: threading.Event) -> None:
    """Hold the locks until `release`, and say when all are held."""
    for lock in locks:
        lock.acquire()
    locked.set()
    release.wait(30)
    for lock in locks:
        lock.release()


def test_a_child_never_waits_for_a_lock_of_its_parents_threads(collector: TelemetryCollector) -> None:
    """Threads hold every lock at the moment of the fork; the child reads, writes, adds, removes and records."""
    family = collector.register_counter("a_total", "a", ["x"])
    gauge = collector.register_gauge("b")
    histogram = collector.register_histogram("c")
    alone = Counter("d_total"), Histogram("e")
    collector.add_source(list)
    locked, release = threading.Event(), threading.Event()

    locks = [
        collector._scope.lifetimes.lock,  # noqa: SLF001 - no public way to be caught at the worst moment
        collector._events._lock,  # noqa: SLF001
        collector._sources[0]._lock,  # noqa: SLF001
        collector._scope.readings._asker._changed,  # noqa: SLF001
        *(metric._state._gate.lock for metric in (family, gauge, histogram, *alone)),  # noqa: SLF001
    ]
    holder = threading.Thread(target=hold_all, args=(locks, locked, release))
    holder.start()
    assert locked.wait(30)

    def child() -> None:
        for index in range(200):
            family.labels("1").increment(0.5)
            family.labels(index).increment()
            gauge.set(1)
            for metric in (histogram, alone[1]):
                metric.observe(0.1)
            alone[0].increment(0.5)
        family.clear()
        collector.record_event("child")
        collector.register_counter("new_total").increment()
        collector.collect()
        assert alone[0].get_value().value == 100
        assert alone[1].get_value()[-1].value == 200
        assert len(collector.watch_series().take_ended()) == 200

    in_child(child)
    release.set()
    holder.join()


def test_a_child_that_rested_comes_back_in_the_forked_process(collector: TelemetryCollector) -> None:
    """A kept handle whose series ended in the parent."""
    family = collector.register_counter("a_total", "a", ["x"])
    kept = family.labels("1")
    family.clear()

    def child() -> None:
        kept.increment(2)
        assert values(collector, "a_total") == {("1",): 2}

    in_child(child)


async def test_collection_is_not_running_in_the_child(collector: TelemetryCollector) -> None:
    """Its event loop is the parent's."""
    await collector.start_collection()
    assert collector._running  # noqa: SLF001 - as programs of the public implementation read it

    def child() -> None:
        assert not collector.running

    in_child(child)
    await collector.stop_collection()


def test_foreign_counts_of_the_parent_are_the_parents(bare: TelemetryCollector) -> None:
    """Another library's registry is copied by the fork; only what comes after it is the child's."""
    other = TelemetryCollector(self_metrics=False)
    counter = other.register_counter("a_total")
    counter.increment(5)
    told: list[FamilySnapshot] = []

    def collect() -> list[FamilySnapshot]:
        return told

    told[:] = other.collect()
    bare.add_source(collect)
    assert value(bare, "a_total") == 5

    def child() -> None:
        told[0].series[0].value = 7
        assert value(bare, "a_total") == 2

    in_child(child)
    assert value(bare, "a_total") == 5


def test_a_source_that_hangs_at_the_fork_is_asked_anew_in_the_child(bare: TelemetryCollector) -> None:
    """Its call was the parent's; a fork waits for it for a bounded time, and its last answer is what the parent has."""
    other = TelemetryCollector(self_metrics=False)
    counter = other.register_counter("a_total")
    counter.increment(5)
    parent, hung, release = os.getpid(), threading.Event(), threading.Event()
    hangs = False

    def collect() -> list[FamilySnapshot]:
        if hangs and os.getpid() == parent:
            hung.set()
            release.wait(30)
        return other.collect()

    bare.add_source(collect)
    assert value(bare, "a_total") == 5
    hangs = True
    reader = threading.Thread(target=bare.collect)
    reader.start()
    hung.wait(30)

    def child() -> None:
        counter.increment(2)
        assert value(bare, "a_total") == 2

    in_child(child)
    release.set()
    reader.join()
    assert value(bare, "a_total") == 5


def test_a_fork_of_a_fork(collector: TelemetryCollector) -> None:
    """Each generation from zero."""
    counter = collector.register_counter("a_total")
    counter.increment(5)

    def grandchild() -> None:
        counter.increment()
        assert value(collector, "a_total") == 1
        assert collector.fork_generation == 2

    def child() -> None:
        counter.increment(2)
        in_child(grandchild)
        assert value(collector, "a_total") == 2

    in_child(child)


def test_a_metric_of_its_own_waits_for_nobody(bare: TelemetryCollector) -> None:
    """Nor do the counts that a collector without metrics about itself keeps to itself."""
    alone = Counter("a_total")
    lifetimes = [alone._state.scope.lifetimes, bare._runs._state.scope.lifetimes]  # noqa: SLF001
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lifetimes[0].lock, lifetimes[1].lock:
            held.set()
            done.wait()

    def use() -> None:
        alone.increment()
        alone.reset()
        bare._runs.reset()  # noqa: SLF001

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    try:
        in_child(use)
    finally:
        done.set()
        holder.join()


def test_totals_outside_are_the_parents(bare: TelemetryCollector, caplog: pytest.LogCaptureFixture) -> None:
    """Two that read the same counter would count everything twice: a child is silent, and says so."""
    total = 1000

    def read() -> list[FamilySnapshot]:
        return [FamilySnapshot(Family("outside_total", MetricType.COUNTER), [SeriesSnapshot((), total)])]

    bare.add_source(read, since="outside")
    assert value(bare, "outside_total") == 0
    total += 5

    def child() -> None:
        assert values(bare, "outside_total") == {}
        assert "is read by the parent process alone" in caplog.text

    in_child(child)
    assert value(bare, "outside_total") == 5

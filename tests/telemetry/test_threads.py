"""Exact totals from many threads, while others read."""

import dis
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import count

import pytest

from tests.telemetry.helpers import SWITCHES, value, values
from utilityfog_frontend.telemetry import Counter, TelemetryCollector
from utilityfog_frontend.telemetry.instruments import counter as counter_module
from utilityfog_frontend.telemetry.instruments.counter import CounterSeries
from utilityfog_frontend.telemetry.instruments.family import FLUSH_AT
from utilityfog_frontend.telemetry.instruments.gauge import GaugeSeries
from utilityfog_frontend.telemetry.model import HistogramValue

THREADS = 4
CALLS = 5_000


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    """Threads take turns far more often than they would, to meet in the worst places."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def hammer(collector: TelemetryCollector, work: Callable[[int], object]) -> None:
    """Run `work(index)` in several threads while another one reads all the time; their failures are ours."""
    done = threading.Event()

    def write() -> None:
        for index in range(CALLS):
            work(index)

    def read() -> None:
        while not done.is_set():
            collector.collect()

    with ThreadPoolExecutor(THREADS + 1) as pool:
        reader = pool.submit(read)
        writers = [pool.submit(write) for _ in range(THREADS)]
        wait(writers)
        done.set()
        for future in (*writers, reader):
            future.result()


@pytest.mark.parametrize("unguarded", [False, True])
def test_counters_are_exact(bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch, *, unguarded: bool) -> None:
    """Ones, whole amounts and halves on one counter; also the way that a free-threaded 3.13 takes."""
    monkeypatch.setattr(counter_module, "_UNGUARDED_COUNT", unguarded)
    counter = bare.register_counter("a_total")

    def work(index: int) -> None:
        counter.increment()
        counter.increment(index % 3)
        counter.increment(0.5)

    hammer(bare, work)
    each = CALLS + sum(index % 3 for index in range(CALLS)) + CALLS / 2
    assert value(bare, "a_total") == THREADS * each


@pytest.mark.parametrize("reset", [False, True])
def test_whoever_comes_between_the_first_increment_loses_nothing(
    bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch, *, reset: bool
) -> None:
    """Another thread, or a handler, counts the first two and resets while the count that it also needs is made."""
    counter = bare.register_counter("a_total")
    watch = bare.watch_series()

    def interrupted() -> Iterator[int]:
        monkeypatch.undo()
        counter.increment()
        counter.increment()
        if reset:
            counter.reset()
        return count()

    monkeypatch.setattr(counter_module, "count", interrupted)
    for _ in range(3):
        counter.increment()
    assert [series.read() for series in (*watch.take_ended(), *watch.series())] == ([2, 3] if reset else [5])


def test_a_child_that_is_removed_before_its_first_increment_counts_elsewhere(
    bare: TelemetryCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place is taken as well, so that all it counts belongs to the overflow child, and nothing to what ended."""
    family = bare.register_counter("a_total", "a", ["x"], max_children=1)
    child = family.labels("removed")

    def interrupted() -> Iterator[int]:
        monkeypatch.undo()
        family.remove("removed")
        family.labels("other").increment()
        return count()

    monkeypatch.setattr(counter_module, "count", interrupted)
    for _ in range(3):
        child.increment()
    assert values(bare, "a_total") == {("other",): 1, ("~overflow",): 3}


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="it is about the interpreter's instructions")
def test_counting_by_ones_begins_in_one_step() -> None:
    """From the look at the series to the store into the handle no thread comes in between, and no signal handler."""
    code = [step for step in dis.get_instructions(Counter._begin_ones) if step.opname != "CACHE"]  # noqa: SLF001
    begin = next(at for at, step in enumerate(code) if step.argval == "_series")
    end = max(at for at, step in enumerate(code) if step.opname == "STORE_ATTR")
    assert code[end].argval == "_ones"
    assert not SWITCHES.intersection(step.opname for step in code[begin:end])


def test_a_reader_never_sees_a_count_go_down(bare: TelemetryCollector) -> None:
    """Nor a histogram whose buckets are of another moment than its sum: every observation is 1."""
    counter = bare.register_counter("a_total")
    histogram = bare.register_histogram("b", "b", [0.5, 1.0])
    seen: list[tuple[float, float]] = []

    def read() -> None:
        while not seen or seen[-1][0] < CALLS:
            observed = value(bare, "b")
            assert isinstance(observed, HistogramValue)
            assert observed.count == observed.sum
            seen.append((counter.get_value().value, observed.count))

    with ThreadPoolExecutor(2) as pool:
        readers = [pool.submit(read)]
        for _ in range(CALLS):
            counter.increment(0.5)
            counter.increment(0.5)
            histogram.observe(1)
        for future in readers:
            future.result()
    assert seen == sorted(seen)


def test_gauges_lose_no_increment(bare: TelemetryCollector) -> None:
    """Up and down from all sides."""
    gauge = bare.register_gauge("a")

    def work(index: int) -> None:
        gauge.increment(2)
        gauge.decrement(1 + index % 2)

    hammer(bare, work)
    assert value(bare, "a") == THREADS * CALLS / 2


def test_a_set_and_increments_have_one_order(bare: TelemetryCollector) -> None:
    """One thread sets multiples of a million: the last one stays, with increments after it and none before."""
    gauge = bare.register_gauge("a")
    setter = iter(range(THREADS))

    def work(index: int) -> None:
        if index == 0:
            roles.me = next(setter)
        if roles.me == 0:
            gauge.set(1_000_000 * index)
        else:
            gauge.increment()

    roles = threading.local()
    hammer(bare, work)
    last, after = divmod(gauge.get_value().value, 1_000_000)
    assert last == CALLS - 1
    assert after <= (THREADS - 1) * CALLS
    gauge.set(7)
    hammer(bare, lambda _: gauge.increment(3))
    assert value(bare, "a") == 7 + 3 * THREADS * CALLS


@pytest.mark.parametrize("sets", [False, True])
def test_a_handler_within_a_gauges_fold_loses_nothing(bare: TelemetryCollector, *, sets: bool) -> None:
    """It increments until it would fold itself, sets, and reads, before the sum is put in place."""
    gauge = bare.register_gauge("a")
    [series] = bare.watch_series().series()
    assert isinstance(series, GaugeSeries)
    struck, seen = [False], []

    def strike() -> None:
        if struck == [True]:
            return
        struck[0] = True
        for _ in range(2 * FLUSH_AT):
            gauge.increment()
        if sets:
            gauge.set(50)
        seen.append(gauge.get_value().value)

    class Interrupted(int):
        """An addend; a handler strikes while it is added."""

        def __radd__(self, other: int) -> int:
            strike()
            return other + int(self)

    series.terms.append(Interrupted(5))
    with series.gate.lock:
        series.flush()
    assert [gauge.get_value().value] == seen == [50 if sets else 5 + 2 * FLUSH_AT]


def test_histograms_are_exact_and_consistent(bare: TelemetryCollector) -> None:
    """Every bucket, the sum and the count."""
    histogram = bare.register_histogram("a", "a", [0.0, 1.0])
    hammer(bare, lambda index: histogram.observe(index % 3))
    thirds = [THREADS * len(range(start, CALLS, 3)) for start in range(3)]
    assert value(bare, "a") == HistogramValue(tuple(thirds), float(thirds[1] + 2 * thirds[2]))


def test_children_are_made_once(bare: TelemetryCollector) -> None:
    """All threads ask for the same new children at the same time."""
    family = bare.register_counter("a_total", "a", ["x"])
    hammer(bare, lambda index: family.labels(index % 500).increment())
    assert values(bare, "a_total") == {(str(index),): THREADS * CALLS / 500 for index in range(500)}


def test_nothing_is_lost_while_children_come_and_go(bare: TelemetryCollector) -> None:
    """Ended plus live series have all counts, with kept and looked-up children of one label set."""
    family = bare.register_counter("a_total", "a", ["x"])
    watch = bare.watch_series()
    kept = family.labels("1")

    def work(index: int) -> None:
        kept.increment()
        family.labels("1").increment(2)
        if index % 100 == 0:
            family.remove("1")

    hammer(bare, work)
    total = sum(series.read() for series in (*watch.take_ended(), *watch.series()))  # type: ignore[misc]
    assert total == THREADS * CALLS * 3


def test_resets_lose_nothing_on_the_bus(bare: TelemetryCollector) -> None:
    """Each reset ends a series; together they hold every increment."""
    counter = bare.register_counter("a_total")
    watch = bare.watch_series()

    def work(index: int) -> None:
        counter.increment()
        if index % 500 == 0:
            counter.reset()

    hammer(bare, work)
    total = sum(series.read() for series in (*watch.take_ended(), *watch.series()))  # type: ignore[misc]
    assert total == THREADS * CALLS


def test_series_that_are_read_together_lose_nothing(bare: TelemetryCollector) -> None:
    """As an agent reads them: counters of a family while their gate is held, gauges without. No count goes down."""
    family, level = bare.register_counter("a_total", "a", ["x"]), bare.register_gauge("b", "b", ["x"])
    children = [(family.labels(str(number)), level.labels(str(number))) for number in range(3)]
    group = [one for one in bare.watch_series().series() if isinstance(one, CounterSeries)]
    gauges = [one for one in bare.watch_series().series() if isinstance(one, GaugeSeries)]
    seen = [0.0] * 6

    def read_together() -> None:
        with group[0].gate.lock:
            totals = [*CounterSeries.peek_all(group), *GaugeSeries.peek_all(gauges)]
        assert all(before <= total for before, total in zip(seen, totals, strict=True))
        seen[:] = totals

    def work(index: int) -> None:
        for counter, gauge in children:
            counter.increment()
            counter.increment(index % 3)
            gauge.increment()

    bare.collect = read_together  # type: ignore[assignment,method-assign]
    hammer(bare, work)
    read_together()
    each = CALLS + sum(index % 3 for index in range(CALLS))
    assert seen == [THREADS * each] * 3 + [THREADS * CALLS] * 3


def test_events_are_counted_exactly(collector: TelemetryCollector) -> None:
    """Each is kept or fell out, and a watch says how many."""
    watch = collector.watch_events(limit=100)
    hammer(collector, lambda index: collector.record_event("tick", index))
    assert value(collector, "telemetry_events_total") == THREADS * CALLS
    assert collector.events_count == 1000
    assert len(watch.take()) + watch.lost == THREADS * CALLS


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs interval timers")
def test_a_signal_handler_may_write_and_read_in_the_middle_of_anything(bare: TelemetryCollector) -> None:
    """It interrupts its own thread inside a flush: it must not wait for itself, nor count anything twice."""
    counter = bare.register_counter("a_total")
    histogram = bare.register_histogram("b", "b", [0.5])
    gauge = bare.register_gauge("c")
    interruptions = 0

    def interrupt(*_: object) -> None:
        nonlocal interruptions
        interruptions += 1
        counter.increment(2)
        histogram.observe(1)
        gauge.increment()
        bare.collect()

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for _ in range(20 * CALLS):
            counter.increment(3)
            histogram.observe(0.25)
            gauge.increment()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert interruptions > 0
    assert value(bare, "a_total") == 60 * CALLS + 2 * interruptions
    assert value(bare, "b") == HistogramValue((20 * CALLS, interruptions), 5.0 * CALLS + interruptions)


@pytest.mark.parametrize("fractions", [0, 1, 64])
def test_a_handler_that_interrupts_a_fold_neither_counts_twice_nor_sees_too_much(
    bare: TelemetryCollector, fractions: int
) -> None:
    """At the worst moment, made certain: between the reader's own tick and its being remembered."""
    counter = bare.register_counter("a_total")
    [series] = bare.watch_series().series()
    assert isinstance(series, CounterSeries)
    seen: list[float] = []
    counter.increment()  # the first one is not a tick
    ones: Iterator[int] = series.ones  # type: ignore[assignment]

    def interrupted() -> Iterator[int]:
        series.ones = ones
        ticks = next(ones)
        for _ in range(fractions):
            counter.increment(0.5)
        seen.append(counter.get_value().value)
        yield ticks

    counter.increment()
    series.ones = interrupted()
    assert counter.get_value().value == 2
    assert seen == [0], "the handler is shown what was flushed before"
    assert counter.get_value().value == 2 + fractions / 2


def read_by_another_thread(read: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    """Return what another thread reads, which must not wait for ever."""
    results: list[tuple[float, float]] = []
    reader = threading.Thread(target=lambda: results.append(read()), daemon=True)
    reader.start()
    reader.join(40)
    assert results, "the reader waits for ever"
    return results[0]


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs timers")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # it may strike in a weak reference
def test_a_handler_that_raises_leaves_no_lock_and_no_count_behind(bare: TelemetryCollector) -> None:
    """Ctrl-C, or a time limit, may strike within a flush: what was counted is counted once, and others can read."""
    counter = bare.register_counter("a_total")
    histogram = bare.register_histogram("b", "b", [0.5])
    counted = observed = 0

    class StruckError(Exception):
        pass

    def strike(*_: object) -> None:
        raise StruckError

    before = signal.signal(signal.SIGALRM, strike)
    try:
        for _ in range(500):
            with suppress(StruckError):
                signal.setitimer(signal.ITIMER_REAL, 0.0002)
                # Ends by the handler, or by itself where the handler's error was caught on the way.
                end = time.monotonic() + 0.05
                while time.monotonic() < end:
                    histogram.observe(0.25)
                    observed += 1
                    counter.increment(2)
                    counted += 2
                    counter.get_value()
                    histogram.get_value()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    totals = read_by_another_thread(lambda: (counter.get_value().value, histogram.get_value()[-1].value))
    # An interruption may come between a call that counted and our own count of it.
    assert 0 <= totals[0] - counted <= 2 * 500
    assert 0 <= totals[1] - observed <= 500

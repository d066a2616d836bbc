"""Sources, functions of gauges and hooks that hang or fail: a reader has everybody else's values, and goes on."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import prometheus_client
import pytest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from fog_testing.waiting import wait_until
from tests.telemetry.conftest import Clock
from tests.telemetry.helpers import problems, value, values
from utilityfog_frontend.telemetry import JSONExporter, MetricType, PrometheusAdapter, TelemetryCollector
from utilityfog_frontend.telemetry.bridges import prometheus_source
from utilityfog_frontend.telemetry.exposition.text import generate_text
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, SeriesSnapshot
from utilityfog_frontend.telemetry.support.asking import MAX_THREADS

INTERVAL = 10.0
THREADS = "telemetry-reading"


class Pipe:
    """Reads what somebody writes into a named pipe: as long as nobody does, its read hangs in the kernel."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.calls = 0
        self.hangs = False
        os.mkfifo(path)

    def pass_by(self) -> int:
        """Hang, if it is to; return how often it was called."""
        self.calls += 1
        if self.hangs:
            self.path.read_bytes()
        return self.calls

    def release(self) -> None:
        """Let those that hang go on, and hang no more."""
        self.hangs = False
        while threads():
            try:
                os.close(os.open(self.path, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:  # nobody reads it: whoever hung is on its way
                threading.Event().wait(0.001)


def threads() -> list[threading.Thread]:
    """Return the threads that ask."""
    return [thread for thread in threading.enumerate() if thread.name == THREADS]


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Pipe]:
    """Provide a pipe that nobody writes into."""
    pipe = Pipe(tmp_path / "pipe")
    yield pipe
    pipe.release()


@pytest.fixture
def source(pipe: Pipe, collector: TelemetryCollector) -> Callable[[float], None]:
    """Provide a source with a counter and a gauge, which hangs when the pipe does; returns what sets the counter."""
    counted = 0.0

    def disk() -> list[FamilySnapshot]:
        pipe.pass_by()
        return [
            FamilySnapshot(Family("reads_total", MetricType.COUNTER), [SeriesSnapshot((), counted)]),
            FamilySnapshot(Family("free_bytes", MetricType.GAUGE), [SeriesSnapshot((), 5)]),
        ]

    def count(number: float) -> None:
        nonlocal counted
        counted = number

    collector.read_every(INTERVAL)
    collector.add_source(disk)
    return count


def test_a_source_that_hangs_holds_up_nobody(
    collector: TelemetryCollector, source: Callable[[float], None], pipe: Pipe
) -> None:
    """Ten readings return with everybody else's counts and its own last ones; it is asked once more, not ten times."""
    source(3)
    native = collector.register_counter("orders_total")
    assert value(collector, "reads_total") == 3
    pipe.hangs = True
    source(4)
    for number in range(1, 11):
        native.increment()
        assert (value(collector, "orders_total"), value(collector, "reads_total")) == (number, 3)
    assert pipe.calls == 2
    assert [thread.daemon for thread in threads()] == [True]
    pipe.release()
    assert value(collector, "reads_total") == 4


def test_after_three_intervals_its_gauges_are_out_and_one_line_names_it(
    collector: TelemetryCollector,
    source: Callable[[float], None],
    pipe: Pipe,
    monotonic: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its counts stay, and are exact once it answers; the watch of an agent hears that its gauge ended and began."""
    source(3)
    watch = collector.watch_series()
    collector.collect()
    assert values(collector, "telemetry_source_errors_total") == {("disk",): 0}
    watch.take_ended()
    pipe.hangs = True
    for _ in range(3):
        assert values(collector, "free_bytes") == {(): 5}
        monotonic.now += INTERVAL
    collector.collect()
    assert values(collector, "free_bytes") == {}
    assert values(collector, "reads_total") == {(): 3}
    assert [series.family.name for series in watch.take_ended()] == ["free_bytes"]
    late = problems(collector)["late"]
    assert isinstance(late, int)
    assert value_of_source(collector, "disk") == late + 1  # this is another reading
    assert caplog.text.count("disk has not answered for") == 1
    source(9)
    pipe.release()
    assert (value(collector, "reads_total"), value(collector, "free_bytes")) == (9, 5)


def value_of_source(collector: TelemetryCollector, name: str) -> float:
    """Return how many readings had to do without a source; at least one did."""
    count = values(collector, "telemetry_source_errors_total")[name,]
    assert isinstance(count, int)
    assert count > 0
    return count


def test_a_slow_source_is_no_failing_one(
    collector: TelemetryCollector, source: Callable[[float], None], pipe: Pipe
) -> None:
    """One that is back before the interval is over is shown at the next reading, and nothing is counted."""
    source(3)
    pipe.hangs = True
    collector.collect()
    pipe.release()
    assert value(collector, "reads_total") == 3
    assert problems(collector) == {}


def test_a_source_that_fails_for_three_intervals_loses_its_gauges(
    collector: TelemetryCollector, monotonic: Clock
) -> None:
    """As one that hangs: what nobody can read is not shown as if it were so."""
    broken = False

    def disk() -> list[FamilySnapshot]:
        if broken:
            raise OSError("gone")
        return [FamilySnapshot(Family("free_bytes", MetricType.GAUGE), [SeriesSnapshot((), 5)])]

    collector.read_every(INTERVAL)
    collector.add_source(disk, name="the disk")
    assert value(collector, "free_bytes") == 5
    broken = True
    assert value(collector, "free_bytes") == 5
    monotonic.now += 3 * INTERVAL
    collector.collect()
    assert values(collector, "free_bytes") == {}
    assert value_of_source(collector, "the disk") >= 3
    broken = False
    assert value(collector, "free_bytes") == 5


def test_a_function_that_hangs_takes_its_gauge_out_and_no_other(
    collector: TelemetryCollector, pipe: Pipe, monotonic: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then it is what it said last; when the function is back, so is the gauge, also on its handle."""
    collector.read_every(INTERVAL)
    rooms = collector.register_gauge("temperature", "T", ["room"])
    slow, quick = rooms.labels("slow"), rooms.labels("quick")
    slow.set_function(pipe.pass_by)
    quick.set_function(lambda: 20)
    assert values(collector, "temperature") == {("slow",): 1, ("quick",): 20}
    pipe.hangs = True
    assert values(collector, "temperature") == {("slow",): 1, ("quick",): 20}
    assert slow.get_value().value == 1
    monotonic.now += 3 * INTERVAL
    collector.collect()
    assert values(collector, "temperature") == {("quick",): 20}
    assert [one.value for one in rooms.get_value()] == [20]
    assert caplog.text.count("temperature has not answered") == 1
    pipe.release()
    assert values(collector, "temperature") == {("slow",): 3, ("quick",): 20}


def test_a_gauge_whose_function_hangs_can_be_set(collector: TelemetryCollector, pipe: Pipe, monotonic: Clock) -> None:
    """It is what it was set to, whatever the function says when it is back."""
    collector.read_every(INTERVAL)
    gauge = collector.register_gauge("temperature")
    pipe.hangs = True
    gauge.set_function(pipe.pass_by)
    collector.collect()
    monotonic.now += 3 * INTERVAL
    collector.collect()
    assert values(collector, "temperature") == {}
    gauge.set(4)
    assert value(collector, "temperature") == 4
    pipe.release()
    assert value(collector, "temperature") == 4


def test_many_that_hang_have_a_thread_each_and_no_more_than_there_may_be(
    collector: TelemetryCollector, pipe: Pipe
) -> None:
    """A hundred functions over one dead server: 64 threads, however often it is read, and none when it is back."""
    rooms = collector.register_gauge("temperature", "T", ["room"])
    pipe.hangs = True
    for number in range(100):
        rooms.labels(number).set_function(lambda: pipe.pass_by() * 0 + 1)
    wait_until(lambda: len(collector.collect()) > 0 and len(threads()) == MAX_THREADS, deadline=60)
    collector.refresh(patience=0.5)
    assert len(threads()) == MAX_THREADS
    pipe.release()
    assert set(values(collector, "temperature").values()) == {1}


def test_nobody_to_ask_needs_no_thread(collector: TelemetryCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither counters nor facts nor the collector's own metrics do."""
    collector.register_counter("orders_total").increment()
    collector.register_info("app_info", "A", {"version": "1"})
    monkeypatch.setattr(threading.Thread, "start", lambda _: pytest.fail("a thread"))
    assert generate_text(collector.collect())


def test_what_asks_for_itself_does_not_wait_for_itself(collector: TelemetryCollector) -> None:
    """A function that reads its own collector sees what the others said last."""
    collector.register_gauge("fixed").set_function(lambda: 3)
    collector.register_gauge("doubled").set_function(lambda: 2 * float(str(value(collector, "fixed"))))
    assert value(collector, "doubled") == 6


def test_where_no_thread_can_begin_a_reader_goes_on(
    collector: TelemetryCollector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As at the interpreter's end: with what was said last."""
    gauge = collector.register_gauge("queue")
    size = 1
    gauge.set_function(lambda: size)
    assert value(collector, "queue") == 1
    size = 2

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as broken:
        broken.setattr(threading.Thread, "start", refuse)
        assert value(collector, "queue") == 1
    assert value(collector, "queue") == 2


@pytest.mark.parametrize("what", [SystemExit, KeyboardInterrupt])
def test_whatever_a_source_raises_the_others_are_asked(
    collector: TelemetryCollector, what: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    """On its thread, such an exception ends nothing."""

    def leave() -> list[FamilySnapshot]:
        raise what

    collector.add_source(leave)
    collector.register_gauge("queue").set_function(lambda: 1)
    assert value(collector, "queue") == 1
    assert "leave cannot be asked" in caplog.text


def test_a_hook_that_hangs_holds_up_no_collection_run(
    collector: TelemetryCollector, pipe: Pipe, monotonic: Clock
) -> None:
    """The other hooks are called at each run, and the run is counted."""
    collector.read_every(INTERVAL)
    calls: list[object] = []
    collector.add_hook("collection", lambda _: pipe.pass_by())
    collector.add_hook("collection", calls.append)
    pipe.hangs = True
    for _ in range(3):
        collector.run_collection()
        monotonic.now += INTERVAL
    assert (pipe.calls, len(calls)) == (1, 3)
    assert value(collector, "telemetry_collection_runs_total") == 3
    assert problems(collector) == {"late": 2}


async def test_exporters_write_what_the_others_say(
    collector: TelemetryCollector, source: Callable[[float], None], pipe: Pipe, tmp_path: Path
) -> None:
    """In both formats, with the last values of the source that hangs."""
    source(3)
    collector.register_counter("orders_total").increment(2)
    collector.collect()
    pipe.hangs = True
    assert await PrometheusAdapter(tmp_path / "text").export_metrics(collector)
    assert await JSONExporter(tmp_path / "json").export_metrics(collector)
    assert {"orders_total 2", "reads_total 3"} <= set((tmp_path / "text").read_text("utf-8").splitlines())
    metrics = json.loads((tmp_path / "json").read_text("utf-8"))["metrics"]
    assert (metrics["orders_total"]["value"], metrics["reads_total"]["value"]) == (2, 3)


class Database:
    """A collector of prometheus_client's that asks a database."""

    def __init__(self, pass_by: Callable[[], object]) -> None:
        self.rows = 5
        self._pass_by = pass_by

    def describe(self) -> list[Metric]:
        """Return nothing: its names are not known beforehand."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Return what the database says, once it says it."""
        self._pass_by()
        yield CounterMetricFamily("rows", "R", self.rows)


def test_one_collector_of_a_registry_hangs_and_the_others_are_read(collector: TelemetryCollector, pipe: Pipe) -> None:
    """Its count stays until it answers, and is exact then: nothing is counted twice."""
    registry = CollectorRegistry()
    database = Database(pipe.pass_by)
    registry.register(database)
    orders = prometheus_client.Counter("orders", "O", registry=registry)
    collector.read_every(INTERVAL)
    collector.add_source(prometheus_source(registry))
    watch = collector.watch_series()
    assert value(collector, "rows_total") == 5
    pipe.hangs = True
    orders.inc(12)
    database.rows = 7
    assert (value(collector, "orders_total"), value(collector, "rows_total")) == (12, 5)
    pipe.release()
    assert (value(collector, "orders_total"), value(collector, "rows_total")) == (12, 7)
    assert watch.take_ended() == []


def test_one_collector_of_a_registry_raises_and_the_others_are_exact(
    collector: TelemetryCollector, caplog: pytest.LogCaptureFixture
) -> None:
    """Every one of twelve is exported, also at the end, and the log says which collector it is."""

    def fail() -> object:
        raise ConnectionError("no database")

    registry = CollectorRegistry()
    orders = prometheus_client.Counter("orders", "O", registry=registry)
    orders.inc(5)
    collector.add_source(prometheus_source(registry))
    assert value(collector, "orders_total") == 5
    registry.register(Database(fail))
    orders.inc(7)
    assert value(collector, "orders_total") == 12
    assert "a source of metrics failed: prometheus_client Database" in caplog.text
    assert value_of_source(collector, "prometheus_client") > 0


def test_a_collector_that_was_unregistered_has_ended(collector: TelemetryCollector) -> None:
    """Its series leave, as those of a source that no longer tells of them."""
    registry = CollectorRegistry()
    gauge = prometheus_client.Gauge("temperature", "T", registry=registry)
    prometheus_client.Counter("orders", "O", registry=registry)
    collector.add_source(prometheus_source(registry))
    assert value(collector, "temperature") == 0
    registry.unregister(gauge)
    collector.collect()
    assert values(collector, "temperature") == {}
    assert values(collector, "orders_total") == {(): 0}


def test_a_program_whose_source_hangs_can_end(tmp_path: Path) -> None:
    """By itself, as soon as it is done: the thread that hangs is left behind."""
    os.mkfifo(tmp_path / "pipe")
    program = (
        "import pathlib, sys\n"
        "from utilityfog_frontend.telemetry import TelemetryCollector\n"
        "collector = TelemetryCollector()\n"
        "collector.add_source(pathlib.Path(sys.argv[1]).read_bytes)\n"
        "collector.register_counter('orders_total').increment(7)\n"
        "print(collector.export_to_prometheus())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "pipe")], capture_output=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\norders_total 7\n" in ended.stdout

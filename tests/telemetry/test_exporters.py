"""Exporters write whole files, try again, and survive what fails."""

import asyncio
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fog_testing.waiting import eventually
from tests.telemetry.helpers import problems, value
from utilityfog_frontend.telemetry import (
    JSONExporter,
    MetricsExporter,
    MetricsSource,
    MultiExporter,
    PeriodicExporter,
    PrometheusAdapter,
    TelemetryCollector,
    TelemetryEvent,
    exporter,
)
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot
from utilityfog_frontend.telemetry.support.files import replace_file


class Waits:
    """Remembers how long was to be waited, and does not wait."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        """Lets others run."""
        self.seconds.append(seconds)
        await asyncio.sleep(0)


class Recording(MetricsExporter):
    """A user's own exporter: does what it is told to."""

    def __init__(self, outcome: Callable[[], bool] = lambda: True) -> None:
        self.exports = 0
        self.outcome = outcome

    async def export_metrics(self, collector: MetricsSource) -> bool:
        """Count itself."""
        assert collector.collect()
        self.exports += 1
        return self.outcome()


def fail() -> bool:
    """Fails."""
    raise RuntimeError("broken")


@pytest.fixture
def sampled(collector: TelemetryCollector) -> TelemetryCollector:
    """Provide a collector with something to export."""
    collector.register_counter("a_total", "A").increment(10)
    collector.register_gauge("b", "B").set(42.5)
    return collector


async def test_prometheus_writes_text(sampled: TelemetryCollector, tmp_path: Path) -> None:
    """To a file whose folders it creates, as a string or a path; readable for others; the time of success is kept."""
    file = tmp_path / "new" / "folders" / "metrics.prom"
    adapter = PrometheusAdapter(str(file))
    assert adapter.get_last_export_time() == 0.0
    assert await adapter.export_metrics(sampled)
    assert file.read_text("utf-8") == sampled.export_to_prometheus()
    assert adapter.get_last_export_time() > 0.0
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("pretty", [True, False])
async def test_json_writes_the_snapshot(sampled: TelemetryCollector, tmp_path: Path, pretty: bool) -> None:  # noqa: FBT001
    """For people or for machines."""
    file = tmp_path / "metrics.json"
    assert await JSONExporter(file, pretty).export_metrics(sampled)
    text = file.read_text("utf-8")
    assert json.loads(text)["metrics"] == sampled.get_snapshot()["metrics"]
    assert (text.count("\n") > 1) is pretty


@pytest.mark.parametrize("kind", [PrometheusAdapter, JSONExporter])
async def test_without_a_file_it_only_says_so(
    sampled: TelemetryCollector, kind: type[PrometheusAdapter], caplog: pytest.LogCaptureFixture
) -> None:
    """A success: all was rendered."""
    caplog.set_level("INFO")
    assert await kind().export_metrics(sampled)
    assert "bytes to nowhere" in caplog.text


async def test_a_failure_is_repeated_with_longer_waits_and_then_told(
    sampled: TelemetryCollector, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """False, counted, logged; nothing is raised."""
    (tmp_path / "file").touch()
    waits = Waits()
    adapter = PrometheusAdapter(tmp_path / "file" / "below", attempts=4, backoff=0.5, sleep=waits)
    assert not await adapter.export_metrics(sampled)
    assert waits.seconds == [0.5, 1.0, 2.0]
    assert problems(sampled) == {"export": 1}
    assert "PrometheusAdapter failed 4 times" in caplog.text
    assert f"to write to {tmp_path / 'file' / 'below'}: FileExistsError" in caplog.text


async def test_a_failure_that_passes_is_a_success(
    sampled: TelemetryCollector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second attempt succeeds, and nothing is counted."""
    attempts = []

    def fail_once(path: Path, chunks: list[bytes]) -> None:
        attempts.append(path)
        if len(attempts) == 1:
            raise OSError("for a moment")
        replace_file(path, chunks)

    monkeypatch.setattr(exporter, "replace_file", fail_once)
    assert await PrometheusAdapter(tmp_path / "metrics.prom", sleep=Waits()).export_metrics(sampled)
    assert len(attempts) == 2
    assert problems(sampled) == {}


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """A write that breaks off leaves the old file and nothing beside it."""
    file = tmp_path / "metrics.prom"
    replace_file(file, [b"old"])

    def breaks_off() -> Iterator[bytes]:
        yield b"half"
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - as raised above
        replace_file(file, breaks_off())
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]
    replace_file(file, [b"n", b"ew"])
    assert file.read_bytes() == b"new"


def test_a_link_is_followed_and_a_mode_is_kept(tmp_path: Path) -> None:
    """The owner of the file decides who may read it."""
    file, link = tmp_path / "metrics.prom", tmp_path / "link"
    file.touch(0o600)
    link.symlink_to(file)
    replace_file(link, [b"new"])
    assert link.is_symlink()
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of others")
def test_a_link_of_somebody_else_is_not_followed(tmp_path: Path) -> None:
    """A user who may write to the folder could have any file of ours overwritten, over several links too."""
    target, inner, outer = tmp_path / "target", tmp_path / "inner", tmp_path / "outer"
    target.write_bytes(b"ours")
    inner.symlink_to(target)
    outer.symlink_to("inner")
    os.lchown(inner, 1234, 1234)
    for link in (inner, outer):
        with pytest.raises(PermissionError, match="is a link of user 1234"):
            replace_file(link, [b"new"])
    assert target.read_bytes() == b"ours"
    target.unlink()
    target.symlink_to(outer)
    os.lchown(inner, 0, 0)
    with pytest.raises(OSError, match="symbolic links"):
        replace_file(outer, [b"new"])


def test_what_is_no_file_is_written_to(tmp_path: Path) -> None:
    """A pipe, or /dev/stdout, must not be replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        replace_file(pipe, [b"n", b"ew"])
        assert os.read(reader, 10) == b"new"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({}, JSONExporter),
        ({"json_file": "a.json"}, JSONExporter),
        ({"prometheus_file": "a.prom"}, PrometheusAdapter),
        ({"prometheus_file": "a.prom", "json_file": "a.json"}, MultiExporter),
    ],
)
def test_the_default_exporter(files: dict[str, str], kind: type[MetricsExporter]) -> None:
    """For the files that are given."""
    assert type(exporter.create_default_exporter(**files)) is kind


async def test_several_exporters_do_not_hinder_each_other(sampled: TelemetryCollector, tmp_path: Path) -> None:
    """All are tried; success is the success of all."""
    before, after = Recording(), Recording()
    broken, refusing = Recording(fail), Recording(lambda: False)
    assert await MultiExporter([before, PrometheusAdapter(tmp_path / "a"), after]).export_metrics(sampled)
    assert not await MultiExporter([before, broken, after]).export_metrics(sampled)
    assert not await MultiExporter([before, refusing, after]).export_metrics(sampled)
    assert (before.exports, after.exports) == (3, 3)
    assert problems(sampled) == {"export": 1}


async def test_periodic_export_goes_on_whatever_fails(sampled: TelemetryCollector) -> None:
    """At once, then again and again, and a last time at the end."""
    own = Recording(fail)
    waits = Waits()
    periodic = PeriodicExporter(own, sampled, interval=30.0, sleep=waits)
    await periodic.start()
    await periodic.start()
    states = [periodic.running]
    await eventually(lambda: own.exports >= 3)
    await periodic.stop()
    exports = own.exports
    await periodic.stop()
    states.append(periodic.running)
    assert own.exports == exports
    assert states == [True, False]
    assert all(20 < seconds <= 30 for seconds in waits.seconds[:1])
    assert problems(sampled)["export"] == exports


async def test_the_last_export_has_what_was_counted_until_the_stop(sampled: TelemetryCollector, tmp_path: Path) -> None:
    """Nothing recorded before `stop()` is missing from the file."""
    file = tmp_path / "metrics.prom"
    periodic = PeriodicExporter(PrometheusAdapter(file), sampled, interval=3600)
    await periodic.start()
    await eventually(file.exists)
    sampled.register_counter("late_total").increment(7)
    await periodic.stop()
    assert "late_total 7\n" in file.read_text("utf-8")


async def test_periodic_export_can_be_started_again(sampled: TelemetryCollector) -> None:
    """After a stop."""
    own = Recording()
    periodic = PeriodicExporter(own, sampled, interval=3600)
    for rounds in (1, 2):
        await periodic.start()
        await eventually(lambda rounds=rounds: own.exports == 2 * rounds - 1)  # type: ignore[misc]
        await periodic.stop()
    assert own.exports == 4


@pytest.mark.parametrize(
    "make",
    [
        lambda: PrometheusAdapter(attempts=0),
        lambda: PeriodicExporter(Recording(), TelemetryCollector(), interval=0),
        lambda: PeriodicExporter(Recording(), TelemetryCollector(), interval=float("nan")),
    ],
)
def test_settings_that_make_no_sense_are_refused(make: Callable[[], object]) -> None:
    """At once."""
    with pytest.raises(ValueError, match="must be"):
        make()


async def test_the_short_ways(sampled: TelemetryCollector, tmp_path: Path) -> None:
    """One call each."""
    assert await exporter.export_to_prometheus(sampled, str(tmp_path / "a.prom"))
    assert await exporter.export_to_json(sampled, str(tmp_path / "a.json"))
    assert (tmp_path / "a.prom").exists()
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["events_count"] == 0


class Fleet(MetricsSource):
    """Another source than a collector: what an aggregator offers."""

    running = True
    events_count = 3

    def collect(self) -> list[FamilySnapshot]:
        """One counter and two gauges."""
        return [
            FamilySnapshot(Family("a_total", MetricType.COUNTER, "A"), [SeriesSnapshot((), 2**62)]),
            FamilySnapshot(
                Family("b", MetricType.GAUGE),
                [SeriesSnapshot((("path", "fog/0"),), 1), SeriesSnapshot((("path", "fog/1"),), 2)],
            ),
        ]

    def get_events(self, limit: int | None = None) -> list[TelemetryEvent]:
        """None."""
        del limit
        return []


async def test_every_exporter_works_on_any_source(tmp_path: Path) -> None:
    """The derived methods too; a user's own exporter as well."""
    fleet = Fleet()
    own = Recording(fail)
    exporters = [PrometheusAdapter(tmp_path / "a.prom"), JSONExporter(tmp_path / "a.json"), own]
    assert not await MultiExporter(exporters).export_metrics(fleet)
    assert own.exports == 1
    assert (tmp_path / "a.prom").read_text("utf-8").startswith("# HELP a_total A\n")
    snapshot = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert (snapshot["metrics"]["a_total"]["value"], snapshot["events_count"], snapshot["running"]) == (2**62, 3, True)
    assert [one["value"] for one in snapshot["metrics"]["b"]] == [1, 2]
    metric = fleet.get_metric("b")
    assert metric is not None
    assert (metric.name, metric.type, fleet.get_metric("c")) == ("b", MetricType.GAUGE, None)
    with pytest.raises(TypeError, match="only read"):
        metric.reset()
    assert value(fleet, "a_total") == 2**62


async def test_a_cancelled_export_does_not_overwrite_a_later_one(sampled: TelemetryCollector, tmp_path: Path) -> None:
    """It goes on in its thread; the last export, at the stop, waits for it."""
    rendered, go_on = threading.Event(), threading.Event()

    class Slow(PrometheusAdapter):
        def render(self, collector: MetricsSource) -> list[bytes]:
            chunks = list(super().render(collector))
            if not rendered.is_set():
                rendered.set()
                go_on.wait()
            return chunks

    file = tmp_path / "metrics.prom"
    periodic = PeriodicExporter(Slow(file), sampled)
    await periodic.start()
    await asyncio.to_thread(rendered.wait)
    sampled.register_counter("late_total").increment()
    stopping = asyncio.create_task(periodic.stop())
    await asyncio.wait({stopping}, timeout=0.2)  # in which the last export would pass the one under way
    go_on.set()
    await stopping
    await asyncio.get_running_loop().shutdown_default_executor()
    assert "late_total 1" in file.read_text("utf-8")


def test_started_anew_after_its_loop_was_closed(sampled: TelemetryCollector, tmp_path: Path) -> None:
    """A program that runs one loop after another: collection and export go on in the new one, and stopping is safe."""
    collector = TelemetryCollector()
    periodic = PeriodicExporter(PrometheusAdapter(tmp_path / "metrics.prom"), sampled)

    async def start() -> None:
        await collector.start_collection()
        await periodic.start()
        assert collector.running
        assert periodic.running

    async def stop() -> None:
        await collector.stop_collection()
        await periodic.stop()
        await periodic.stop()

    def in_a_loop_that_is_just_closed() -> None:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(start())
        for task in asyncio.all_tasks(loop):
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # noqa: SLF001
        loop.close()
        assert not collector.running
        assert not periodic.running

    in_a_loop_that_is_just_closed()
    asyncio.run(stop())
    in_a_loop_that_is_just_closed()

    async def again() -> None:
        await start()
        await stop()

    asyncio.run(again())


def test_a_new_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    """Private files stay private."""
    before = os.umask(0o077)
    try:
        replace_file(tmp_path / "metrics.prom", [b"x"])
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "metrics.prom").stat().st_mode) == 0o600

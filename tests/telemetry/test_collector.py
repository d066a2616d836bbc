"""The collector: events, hooks, snapshots, periodic runs, and its own metrics."""

import json
import logging
import math
import threading

import pytest

from fog_testing.waiting import eventually
from tests.telemetry.conftest import Clock
from tests.telemetry.helpers import problems, value, values
from utilityfog_frontend.telemetry import TelemetryCollector, TelemetryEvent
from utilityfog_frontend.telemetry.support.problems import REASONS


def test_events_are_kept_with_all_they_were_given(collector: TelemetryCollector, clock: Clock) -> None:
    """Name, value, labels, metadata and time; later changes of what was passed do not reach them."""
    labels = {"source": "web"}
    collector.record_event("user_login", {"user_id": "12345"}, labels=labels, metadata={"ip": "::1"})
    labels["source"] = "changed"
    collector.record_event("tick", 42)
    assert collector.get_events() == [
        TelemetryEvent("user_login", {"user_id": "12345"}, clock.now, {"source": "web"}, {"ip": "::1"}),
        TelemetryEvent("tick", 42, clock.now),
    ]
    assert collector.events_count == 2
    assert value(collector, "telemetry_events_total") == 2


def test_only_the_latest_events_are_kept_and_all_are_counted() -> None:
    """`max_events` bounds memory; `limit` takes from the end."""
    collector = TelemetryCollector(max_events=3)
    for index in range(10):
        collector.record_event("tick", index)
    assert [event.value for event in collector.get_events()] == [7, 8, 9]
    assert [event.value for event in collector.get_events(2)] == [8, 9]
    assert collector.get_events(0) == []
    assert collector.get_events(99) == collector.get_events()
    assert value(collector, "telemetry_events_total") == 10


def test_the_default_is_a_thousand_events(collector: TelemetryCollector) -> None:
    """As the documentation says."""
    for _ in range(1001):
        collector.record_event("tick", None)
    assert collector.events_count == 1000


def test_a_hook_hears_the_events_of_its_name(collector: TelemetryCollector) -> None:
    """With the event itself, until it is removed; removing twice does no harm."""
    heard: list[TelemetryEvent] = []
    collector.add_hook("tick", heard.append)
    collector.record_event("tick", 1)
    collector.record_event("tock", 2)
    assert heard == [collector.get_events()[0]]
    collector.remove_hook("tick", heard.append)
    collector.remove_hook("tick", heard.append)
    collector.remove_hook("never", heard.append)
    collector.record_event("tick", 3)
    assert len(heard) == 1


def test_a_failing_hook_is_counted_and_the_others_still_hear(
    collector: TelemetryCollector, caplog: pytest.LogCaptureFixture
) -> None:
    """Recording an event never raises; the log is quiet for a minute after the first complaint."""
    heard: list[TelemetryEvent] = []

    def fail(event: TelemetryEvent) -> None:
        raise RuntimeError(event.name)

    collector.add_hook("tick", fail)
    collector.add_hook("tick", heard.append)
    for _ in range(5):
        collector.record_event("tick")
    assert len(heard) == 5
    assert problems(collector) == {"hook": 5}
    assert caplog.text.count("a hook for 'tick' failed") == 1


def test_a_complaint_is_repeated_after_a_minute_with_what_was_held_back(
    collector: TelemetryCollector, monotonic: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """So that a lasting fault shows without filling a disk."""
    for _ in range(4):
        collector.report("source", "it failed")
    monotonic.now += 60
    collector.report("source", "it failed")
    assert [record.getMessage() for record in caplog.records] == [
        "it failed",
        "it failed (and 3 more like it since the last report)",
    ]


def test_a_hook_that_records_its_own_event_does_not_go_round_for_ever(collector: TelemetryCollector) -> None:
    """An event that a hook records is kept, and the hook does not hear it."""
    collector.add_hook("tick", lambda event: collector.record_event("tick", event.value + 1))
    collector.record_event("tick", 0)
    assert [event.value for event in collector.get_events()] == [0, 1]


def test_a_hook_must_be_a_plain_callable(collector: TelemetryCollector) -> None:
    """An async one would never be awaited."""

    async def hook(event: TelemetryEvent) -> None:
        del event

    with pytest.raises(TypeError, match="cannot be async"):
        collector.add_hook("tick", hook)
    with pytest.raises(TypeError, match="must be callable"):
        collector.add_hook("tick", "no")  # type: ignore[arg-type]


def test_the_snapshot_is_as_documented(bare: TelemetryCollector) -> None:
    """A dictionary for one value, a list for a histogram and for a metric with children, even for one child."""
    bare.register_counter("http_requests_total", "r", {"env": "prod"}).increment(1027)
    bare.register_histogram("latency", "l", [0.5]).observe(0.25)
    bare.register_gauge("rooms", "r", ["room"]).labels("a").set(1.5)
    bare.record_event("tick")
    snapshot = bare.get_snapshot()
    assert set(snapshot) == {"timestamp", "metrics", "events_count", "running"}
    assert (snapshot["events_count"], snapshot["running"]) == (1, False)
    assert snapshot["metrics"] == {
        "http_requests_total": {"value": 1027, "labels": {"env": "prod"}, "timestamp": 1000.0},
        "latency": [
            {"value": 1, "labels": {"le": "0.5"}, "timestamp": 1000.0},
            {"value": 0.25, "labels": {"type": "sum"}, "timestamp": 1000.0},
            {"value": 1, "labels": {"type": "count"}, "timestamp": 1000.0},
        ],
        "rooms": [{"value": 1.5, "labels": {"room": "a"}, "timestamp": 1000.0}],
    }


def test_json_writes_nan_and_infinities_as_strings(bare: TelemetryCollector) -> None:
    """JSON has no word for them; the strings are Prometheus's."""
    rooms = bare.register_gauge("rooms", "r", ["room"])
    for room, number in (("a", math.nan), ("b", math.inf), ("c", -math.inf), ("d", 1)):
        rooms.labels(room).set(number)
    parsed = json.loads(bare.export_to_json(), parse_constant=pytest.fail)
    assert [one["value"] for one in parsed["metrics"]["rooms"]] == ["NaN", "+Inf", "-Inf", 1]


def test_reset_all_metrics_starts_over(collector: TelemetryCollector) -> None:
    """Counts, gauges and events."""
    counter = collector.register_counter("a_total")
    collector.register_gauge("b").set(3)
    counter.increment(2)
    collector.record_event("tick")
    collector.reset_all_metrics()
    assert (value(collector, "a_total"), value(collector, "b"), collector.events_count) == (0, 0, 0)
    assert value(collector, "telemetry_events_total") == 0


def test_the_collector_counts_its_metrics(collector: TelemetryCollector) -> None:
    """Its own included."""
    before = value(collector, "telemetry_metrics_count")
    collector.register_gauge("a")
    assert value(collector, "telemetry_metrics_count") == before + 1 == len(collector.get_all_metrics())  # type: ignore[operator]


def test_a_second_collector_need_not_describe_itself(bare: TelemetryCollector) -> None:
    """Its metrics would be there twice where both go the same way; problems are survived all the same."""
    bare.register_counter("a_total").increment(math.nan)
    assert list(bare.get_all_metrics()) == ["a_total"]


def runs(collector: TelemetryCollector) -> list[bool]:
    """Both ways to ask; programs of the public implementation read the private one."""
    return [collector.running, collector._running]  # noqa: SLF001


async def test_collection_runs_and_stops(caplog: pytest.LogCaptureFixture) -> None:
    """`running` and `_running` say so; starting twice does no harm; runs and their duration are measured."""
    caplog.set_level(logging.DEBUG, "utilityfog_frontend.telemetry")
    collector = TelemetryCollector(collection_interval=0.001)
    heard: list[TelemetryEvent] = []
    collector.add_hook("collection", heard.append)
    assert runs(collector) == [False, False]
    await collector.start_collection()
    await collector.start_collection()
    assert runs(collector) == [True, True]
    await eventually(lambda: len(heard) >= 3)
    await collector.stop_collection()
    await collector.stop_collection()
    assert runs(collector) == [False, False]
    assert value(collector, "telemetry_collection_runs_total") >= 3  # type: ignore[operator]
    assert value(collector, "telemetry_collection_duration_seconds") > 0  # type: ignore[operator]
    assert heard[0].value.keys() == {"duration", "metrics_count", "events_count"}
    assert collector.get_events() == []
    assert "collection run: {" in caplog.text


async def test_a_collection_run_reads_off_the_loop() -> None:
    """A slow function of the user's must not hold up the program's event loop."""
    collector = TelemetryCollector(collection_interval=60)
    threads: list[threading.Thread] = []

    def slow() -> float:
        threads.append(threading.current_thread())
        return 1

    collector.register_gauge("slow").set_function(slow)
    await collector.start_collection()
    await eventually(lambda: threads)
    await collector.stop_collection()
    assert threads[0] is not threading.main_thread()


async def test_a_stop_right_after_the_start(collector: TelemetryCollector) -> None:
    """The task has not even begun: the collector is not running all the same, and can be started again."""
    await collector.start_collection()
    await collector.stop_collection()
    assert runs(collector) == [False, False]
    await collector.start_collection()
    assert runs(collector) == [True, True]
    await collector.stop_collection()


def test_a_collection_run_never_raises(
    collector: TelemetryCollector, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever fails inside: it is counted and logged, and it was no run."""
    with monkeypatch.context() as broken:
        broken.setattr(collector, "collect", lambda: 1 / 0)
        collector.run_collection()
    assert problems(collector) == {"collection": 1}
    assert value(collector, "telemetry_collection_runs_total") == 0
    assert "a collection run failed" in caplog.text


def test_the_sample_alerts_can_fire(collector: TelemetryCollector) -> None:
    """`telemetry_collection_duration_seconds > 10` needs a gauge; `increase(…_runs_total)` a counter."""
    collector.run_collection()
    text = collector.export_to_prometheus()
    assert "# TYPE telemetry_collection_duration_seconds gauge\n" in text
    assert "telemetry_collection_runs_total 1\n" in text


def test_debug_logging_says_what_happens(collector: TelemetryCollector, caplog: pytest.LogCaptureFixture) -> None:
    """Each event with its value."""
    caplog.set_level(logging.DEBUG, "utilityfog_frontend.telemetry")
    collector.record_event("user_login", {"user": 7})
    assert "event user_login: {'user': 7}" in caplog.text


def test_problems_are_counted_by_reason(collector: TelemetryCollector) -> None:
    """One counter for all that goes wrong; every reason is there from the start, so that a first problem increases."""
    before = values(collector, "telemetry_problems_total")
    collector.count_problem("hook_key_missing")
    assert before == {(reason,): 0 for reason in REASONS}
    assert values(collector, "telemetry_problems_total") == before | {("hook_key_missing",): 1}

"""A program that uses the SDK: clean under `mypy --strict`, and wrong in each place that says so.

`warn_unused_ignores` makes an ignored error that is none an error itself.
"""

from pathlib import Path
from typing import assert_type

from utilityfog_frontend.telemetry import (
    Counter,
    Gauge,
    Histogram,
    JSONExporter,
    LabeledCounter,
    LabeledGauge,
    LabeledHistogram,
    Metric,
    MetricsExporter,
    MetricsSource,
    MetricValue,
    MultiExporter,
    PeriodicExporter,
    PrometheusAdapter,
    StateSet,
    TelemetryCollector,
    TelemetryEvent,
    setup_health_hooks,
)
from utilityfog_frontend.telemetry.exposition import negotiate

collector = TelemetryCollector(collection_interval=30.0, max_events=500)

counter = collector.register_counter("jobs_total", "Jobs", {"zone": "a"})
gauge = collector.register_gauge("temperature_celsius", "Temperature", unit="celsius", rollup=("avg", "max"))
histogram = collector.register_histogram("job_duration_seconds", "Duration", [0.1, 1.0, 10.0])
requests = collector.register_counter("requests_total", "Requests", ["method"], max_children=10, ttl=60.0)
rooms = collector.register_gauge("room_celsius", "Rooms", labels=("room",))
routes = collector.register_histogram("route_seconds", "Routes", labels=["route"], unit="seconds")
phase = collector.register_state_set("phase", "Phase", ["on", "off"])
assert_type(counter, Counter)
assert_type(gauge, Gauge)
assert_type(histogram, Histogram)
assert_type(requests, LabeledCounter)
assert_type(rooms, LabeledGauge)
assert_type(routes, LabeledHistogram)
assert_type(phase, StateSet)

counter.increment()
counter.increment(2.5)
gauge.set(21.5)
gauge.set_function(lambda: 3)
histogram.observe(0.2, exemplar={"trace_id": "abc"})
requests.increment(1, labels={"method": "GET"})
assert_type(requests.labels(method="GET"), Counter)
assert_type(rooms.labels("kitchen"), Gauge)
assert_type(routes.labels("/"), Histogram)
assert_type(counter.get_value(), MetricValue)
assert_type(histogram.get_value(), list[MetricValue])
assert_type(requests.get_value(), list[MetricValue])
assert_type(collector.get_metric("jobs_total"), Metric | None)
print(counter.get_value().value + 1, [value.labels["method"] for value in requests.get_value()])

counter.increment("1")  # type: ignore[arg-type]
counter.labels("GET")  # type: ignore[operator]
requests.labels("GET").set(1)  # type: ignore[attr-defined]
collector.register_counter("a_total", "A", {"zone": "a"}, ttl=60)  # type: ignore[call-overload]
collector.register_histogram("a_seconds", "A", "0.1")  # type: ignore[arg-type]


@histogram.time()
@counter.count_exceptions(ValueError)
def work(amount: int, *, fast: bool) -> str:
    """Keep its signature."""
    return str(amount) if fast else ""


@gauge.track_inprogress()
async def work_async(amount: int) -> str:
    """Keep its signature."""
    return str(amount)


assert_type(work(1, fast=True), str)
work("1", fast=True)  # type: ignore[arg-type]
with histogram.time(), gauge.track_inprogress():
    pass


def on_event(event: TelemetryEvent) -> None:
    """Print an event."""
    print(event.name, event.value, event.labels["source"])


collector.add_hook("login", on_event)
collector.record_event("login", {"user": 1}, labels={"source": "web"})
setup_health_hooks(collector)


class Printer(MetricsExporter):
    """An exporter of one's own."""

    async def export_metrics(self, collector: MetricsSource) -> bool:
        """Print each value."""
        for snapshot in collector.collect():
            for series in snapshot.series:
                print(snapshot.family.name, dict(series.labels), series.value)
        return True


async def export() -> None:
    """Every exporter takes every source."""
    assert_type(await work_async(1), str)
    both = MultiExporter([PrometheusAdapter(Path("a.prom")), JSONExporter("a.json"), Printer()])
    assert_type(await both.export_metrics(collector), bool)
    periodic = PeriodicExporter(both, collector, interval=30.0)
    await periodic.start()
    await periodic.stop()
    assert_type(negotiate("").generate(collector.collect()), bytes)

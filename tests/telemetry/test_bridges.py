"""To and from prometheus_client, and any other source of metrics."""

import math
from collections.abc import Iterator

import prometheus_client
import pytest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import CollectorRegistry

from tests.telemetry.helpers import problems, value, values
from utilityfog_frontend.telemetry import MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.bridges import PrometheusBridge, prometheus_source
from utilityfog_frontend.telemetry.exposition import generate_text
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, HistogramValue, SeriesSnapshot, Value


@pytest.fixture
def registry() -> CollectorRegistry:
    """Provide a registry of prometheus_client's."""
    return CollectorRegistry()


class Told:
    """A source that says what it is told to."""

    def __init__(self) -> None:
        self.families: list[FamilySnapshot] = []

    def __call__(self) -> list[FamilySnapshot]:
        """Return the last value that was set."""
        return self.families

    def tell(self, name: str, number: Value | None, kind: MetricType = MetricType.COUNTER) -> None:
        """One series, or none."""
        bounds = (1.0,) if kind is MetricType.HISTOGRAM else ()
        series = [] if number is None else [SeriesSnapshot((("x", "1"),), number)]
        self.families = [FamilySnapshot(Family(name, kind, bounds=bounds), series)]


@pytest.fixture
def told(bare: TelemetryCollector) -> Told:
    """Provide a source of the collector `bare`."""
    source = Told()
    bare.add_source(source)
    return source


def test_every_kind_comes_in(bare: TelemetryCollector, registry: CollectorRegistry) -> None:
    """Counters, gauges and histograms as they are; summaries as sum and count; info and states as gauges."""
    bare.add_source(prometheus_source(registry))
    counter = prometheus_client.Counter("requests", "R", ["method"], registry=registry)
    counter.labels("GET").inc(3)
    prometheus_client.Gauge("temperature_celsius", "T", unit="celsius", registry=registry).set(21.5)
    histogram = prometheus_client.Histogram("latency", "L", buckets=(0.5, 1.0), registry=registry)
    histogram.observe(0.25, {"trace_id": "abc"})
    histogram.observe(5)
    prometheus_client.Summary("size", "S", registry=registry).observe(7)
    prometheus_client.Info("app", "A", registry=registry).info({"version": "1"})
    prometheus_client.Enum("phase", "P", states=["on", "off"], registry=registry).state("off")
    assert values(bare, "requests_total") == {("GET",): 3}
    assert value(bare, "temperature_celsius") == 21.5
    assert value(bare, "latency") == HistogramValue((1, 0, 1), 5.25)
    assert (value(bare, "size_sum"), value(bare, "size_count")) == (7, 1)
    assert values(bare, "app_info") == {("1",): 1}
    assert values(bare, "phase") == {("on",): 0, ("off",): 1}
    by_name = {snapshot.family.name: snapshot for snapshot in bare.collect()}
    assert by_name["requests_total"].series[0].created is not None
    exemplars = by_name["latency"].series[0].exemplars
    assert exemplars is not None
    assert exemplars[0].labels == (("trace_id", "abc"),)
    assert by_name["temperature_celsius"].family.unit == "celsius"


def test_they_travel_like_native_ones(bare: TelemetryCollector, registry: CollectorRegistry) -> None:
    """As series, whose counts are whole as long as they were."""
    bare.add_source(prometheus_source(registry))
    counter = prometheus_client.Counter("requests", "R", registry=registry)
    counter.inc(2)
    watch = bare.watch_series()
    [series] = watch.series()
    assert series.read() == 2
    assert type(series.read()) is int
    counter.inc(0.5)
    assert watch.series()[0] is series
    assert series.read() == 2.5


def test_their_default_registry_can_be_read(bare: TelemetryCollector) -> None:
    """With all that is in it by default."""
    bare.add_source(prometheus_source(prometheus_client.REGISTRY))
    assert values(bare, "python_info")
    assert generate_text(bare.collect())


def test_ours_are_shown_by_their_registry(collector: TelemetryCollector, registry: CollectorRegistry) -> None:
    """The same samples as our own text, in both of their formats."""
    collector.register_counter("requests_total", "R", ["method"]).labels("GET").increment(3)
    collector.register_gauge("temperature", "T").set(math.nan)
    collector.register_histogram("latency", "L", [0.5, 1.0]).observe(0.75)
    registry.register(PrometheusBridge(collector))
    text = prometheus_client.generate_latest(registry).decode()
    for line in (
        'requests_total{method="GET"} 3.0',
        "temperature NaN",
        'latency_bucket{le="0.5"} 0.0',
        'latency_bucket{le="+Inf"} 1.0',
        "latency_sum 0.75",
        "latency_count 1.0",
    ):
        assert line in text.splitlines()
    assert registry.get_sample_value("telemetry_metrics_count") == 8


def test_a_count_that_went_down_is_a_new_series(bare: TelemetryCollector, told: Told) -> None:
    """The old one ends with its last value, so that the total of the fleet keeps it."""
    watch = bare.watch_series()
    told.tell("a_total", 5)
    [first] = watch.series()
    told.tell("a_total", 2)
    [second] = watch.series()
    assert watch.take_ended() == [first]
    assert (first.read(), second.read()) == (5, 2)
    told.tell("a_total", None)
    assert watch.series() == ()
    assert watch.take_ended() == [second]


def test_while_newcomers_are_refused_a_count_that_went_down_goes_on(bare: TelemetryCollector, told: Told) -> None:
    """In the same series: nothing new ends, nothing is lost."""
    watch = bare.watch_series()
    told.tell("a", HistogramValue((3, 1), 4.0), MetricType.HISTOGRAM)
    [series] = watch.series()
    watch.refuse_newcomers = True
    told.tell("a", HistogramValue((1, 0), 0.5), MetricType.HISTOGRAM)
    assert watch.series() == (series,)
    assert series.read() == HistogramValue((4, 1), 4.5)
    told.tell("a", HistogramValue((2, 0), 1.0), MetricType.HISTOGRAM)
    watch.series()
    assert series.read() == HistogramValue((5, 1), 5.0)


def test_a_newcomer_is_refused_until_there_is_room(bare: TelemetryCollector, told: Told) -> None:
    """Its value is absolute: nothing is lost by waiting."""
    watch = bare.watch_series()
    watch.refuse_newcomers = True
    told.tell("a_total", 5)
    assert watch.series() == ()
    watch.refuse_newcomers = False
    assert [series.read() for series in watch.series()] == [5]


def test_a_gauge_may_go_anywhere(bare: TelemetryCollector, told: Told) -> None:
    """That is no restart."""
    watch = bare.watch_series()
    for number in (5, -5.5):
        told.tell("a", number, MetricType.GAUGE)
        assert [series.read() for series in watch.series()] == [number]
    assert watch.take_ended() == []


def test_a_name_that_is_taken_is_left_out(collector: TelemetryCollector, caplog: pytest.LogCaptureFixture) -> None:
    """Ours stays; it is counted and logged once, however often it is read."""
    told = Told()
    collector.register_counter("a_total").increment()
    collector.add_source(told)
    told.tell("a_total", 5)
    assert value(collector, "a_total") == 1
    assert problems(collector) == {"source_family": 1}
    assert caplog.text.count("'a_total' is registered already") == 1


def test_a_family_that_changes_its_kind_is_left_out(collector: TelemetryCollector) -> None:
    """It keeps its last value."""
    told = Told()
    collector.add_source(told)
    told.tell("a", 5, MetricType.GAUGE)
    collector.collect()
    told.tell("a", HistogramValue((1, 0), 1.0), MetricType.HISTOGRAM)
    assert values(collector, "a") == {("1",): 5}
    assert problems(collector) == {"source_family": 1}


def test_of_a_family_of_two_kinds_one_is_taken(collector: TelemetryCollector) -> None:
    """A histogram whose series have different bounds, some since the last reading: the others go on, told once each."""
    told = Told()
    collector.add_source(told)
    family = Family("h", MetricType.HISTOGRAM, bounds=(1.0,))
    for count in range(1, 4):
        told.families = [
            FamilySnapshot(
                Family("h", MetricType.HISTOGRAM), [SeriesSnapshot((("x", "2"),), HistogramValue((7,), 1.0))]
            ),
            FamilySnapshot(family, [SeriesSnapshot((("x", "1"),), HistogramValue((count, 0), 1.0))]),
        ][-count:]
        assert values(collector, "h") == {("1",): HistogramValue((count, 0), 1.0)}
    assert problems(collector) == {"source_family": 1}


def test_a_broken_source_keeps_its_last_values(collector: TelemetryCollector, caplog: pytest.LogCaptureFixture) -> None:
    """And breaks nothing else."""
    told = Told()
    calls = 0

    def sometimes() -> list[FamilySnapshot]:
        nonlocal calls
        calls += 1
        if calls > 1:
            raise RuntimeError("gone")
        return told()

    told.tell("a_total", 5)
    collector.add_source(sometimes)
    collector.collect()
    assert values(collector, "a_total") == {("1",): 5}
    assert problems(collector) == {"source": 2}
    assert "a source of metrics failed" in caplog.text


def test_odd_label_names_are_left_out(collector: TelemetryCollector) -> None:
    """They would break the exposition for all."""
    family = Family("a", MetricType.GAUGE)
    series = [SeriesSnapshot((("größe", "1"),), 1), SeriesSnapshot((("size", "1"),), 2)]
    collector.add_source(lambda: [FamilySnapshot(family, series)])
    assert values(collector, "a") == {("1",): 2}
    assert problems(collector) == {"source_family": 1}


def test_a_reset_shows_zero_and_the_bus_goes_on(bare: TelemetryCollector, told: Told) -> None:
    """The source itself is not touched."""
    told.tell("a_total", 5)
    watch = bare.watch_series()
    [series] = watch.series()
    bare.reset_all_metrics()
    told.tell("a_total", 7)
    assert values(bare, "a_total") == {("1",): 2}
    assert series.read() == 7
    metric = bare.get_metric("a_total")
    assert metric is not None
    assert metric.get_value().value == 2  # type: ignore[union-attr]


def test_one_collector_can_be_the_source_of_another(bare: TelemetryCollector, collector: TelemetryCollector) -> None:
    """Anything with snapshots can."""
    collector.register_histogram("latency", "L", [1.0]).observe(0.5)
    bare.add_source(collector.collect)
    assert value(bare, "latency") == HistogramValue((1, 0), 0.5)
    assert value(bare, "telemetry_collection_runs_total") == 0


def test_a_family_told_in_parts_is_one(bare: TelemetryCollector, told: Told) -> None:
    """As custom collectors do that make a family in a loop. A part that ended the other would count it anew."""
    family = Family("x_total", MetricType.COUNTER)
    watch = bare.watch_series()
    for _ in range(3):
        told.families = [FamilySnapshot(family, [SeriesSnapshot((("l", text),), 100)]) for text in "ab"]
        assert [series.read() for series in watch.series()] == [100, 100]
    assert watch.take_ended() == []


def test_a_series_told_twice_is_one(collector: TelemetryCollector) -> None:
    """The first counts; the second is counted as a problem."""
    source = Told()
    collector.add_source(source)
    watch = collector.watch_series()
    family = Family("x_total", MetricType.COUNTER)
    source.families = [FamilySnapshot(family, [SeriesSnapshot((), 2), SeriesSnapshot((), 5)])]
    assert value(collector, "x_total") == 2
    before = watch.series()
    assert watch.series() is before
    assert problems(collector) == {"source_value": 4}


@pytest.mark.parametrize(
    ("kind", "sound", "unsound"),
    [
        (MetricType.COUNTER, 3, -5),
        (MetricType.COUNTER, 3, math.nan),
        (MetricType.COUNTER, 3, math.inf),
        (MetricType.HISTOGRAM, HistogramValue((1, 2), 1.0), HistogramValue((5, -1), 1.0)),
        (MetricType.HISTOGRAM, HistogramValue((1, 2), 1.0), HistogramValue((5, 1), math.nan)),
    ],
)
def test_what_is_no_count_changes_nothing(
    collector: TelemetryCollector, kind: MetricType, sound: Value, unsound: Value
) -> None:
    """It would spoil every total on its way, and OpenMetrics' parsers refuse the whole page for it."""
    source = Told()
    collector.add_source(source)
    source.tell("x", sound, kind)
    assert values(collector, "x") == {("1",): sound}
    source.tell("x", unsound, kind)
    assert values(collector, "x") == {("1",): sound}
    assert problems(collector) == {"source_value": 2}


def test_odd_histograms_of_theirs(bare: TelemetryCollector, registry: CollectorRegistry) -> None:
    """One without +Inf, one that is NaN: they are left out, and the rest of the registry comes in."""

    class Custom:
        def collect(self) -> Iterator[Metric]:
            metric = Metric("no_end", "N", "histogram")
            for bound, number in (("1", 5), ("2", 7)):
                metric.add_sample("no_end_bucket", {"le": bound}, number)
            yield metric
            yield HistogramMetricFamily("no_number", "N", [("1", math.nan), ("+Inf", 4)], 1.0)
            yield GaugeMetricFamily("fine", "F", 3)

    registry.register(Custom())
    bare.add_source(prometheus_source(registry))
    assert value(bare, "fine") == 3
    assert values(bare, "no_end") == values(bare, "no_number") == {}


def test_label_values_that_are_no_strings_become_some(bare: TelemetryCollector, told: Told) -> None:
    """A custom collector's slip must not break the whole exposition."""
    told.families = [FamilySnapshot(Family("x", MetricType.GAUGE), [SeriesSnapshot((("l", 5),), 1)])]  # type: ignore[arg-type]
    assert 'x{l="5"} 1' in bare.export_to_prometheus()

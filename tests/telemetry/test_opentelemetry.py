"""A program that counts with OpenTelemetry, and a collector that reads it."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise
from math import ceil, log2
from operator import le
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import Counter, Histogram, MeterProvider, ObservableCounter, UpDownCounter
from opentelemetry.sdk.metrics.export import AggregationTemporality
from opentelemetry.sdk.metrics.view import (
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)
from opentelemetry.sdk.resources import Resource

from fog_bus.memory import MemoryBus
from fog_testing.fleet import Fleet
from tests.examples import examples
from tests.telemetry.helpers import problems, value, values
from utilityfog_frontend.telemetry import MetricType, TelemetryCollector
from utilityfog_frontend.telemetry.bridges.opentelemetry import ExponentialBounds, OpenTelemetryReader
from utilityfog_frontend.telemetry.bridges.otel_names import family_name, labels_of, unit_of
from utilityfog_frontend.telemetry.bridges.otel_points import Translation
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, HistogramValue

DELTA = dict.fromkeys((Counter, UpDownCounter, Histogram, ObservableCounter), AggregationTemporality.DELTA)
EXPONENTIAL = View(instrument_type=Histogram, aggregation=ExponentialBucketHistogramAggregation())
PLAIN = {"scope_labels": False}


def provider_of(collector: TelemetryCollector, *, views: Iterable[View] = (), **options: object) -> MeterProvider:
    """Make a provider that `collector` reads."""
    reader = OpenTelemetryReader(collector, **(PLAIN | options))  # type: ignore[arg-type]
    return MeterProvider([reader], Resource({}), shutdown_on_exit=False, views=tuple(views))


def family_of(collector: TelemetryCollector, name: str) -> Family:
    """Return a family by its name."""
    [family] = [snapshot.family for snapshot in collector.collect() if snapshot.family.name == name]
    return family


def test_every_instrument_comes_in(bare: TelemetryCollector) -> None:
    """Counters, up-down counters, gauges and histograms; observables when the collector is read."""
    meter = provider_of(bare).get_meter("shop", "1.0")
    meter.create_counter("orders", "{order}", "Orders").add(3, {"kind": "pizza"})
    meter.create_up_down_counter("queue.length").add(-2)
    meter.create_gauge("temperature", "Cel").set(21.5)
    histogram = meter.create_histogram("http.server.duration", "s", explicit_bucket_boundaries_advisory=[0.5, 1.0])
    for seconds in (0.25, 5):
        histogram.record(seconds)
    asked = 0

    def observe(_: CallbackOptions) -> Iterator[Observation]:
        nonlocal asked
        asked += 1
        yield Observation(asked)

    meter.create_observable_counter("asked", [observe])
    meter.create_observable_gauge("asked.now", [observe])
    assert values(bare, "orders_total") == {("pizza",): 3}
    assert value(bare, "queue_length") == -2
    assert value(bare, "temperature_celsius") == 21.5
    assert value(bare, "http_server_duration_seconds") == HistogramValue((1, 0, 1), 5.25)
    assert value(bare, "asked_total") == 9
    assert value(bare, "asked_now") == 12
    assert family_of(bare, "http_server_duration_seconds").unit == "seconds"
    assert family_of(bare, "orders_total").help == "Orders"
    assert family_of(bare, "queue_length").rollup == ("sum",), "it adds up, as in OpenTelemetry"
    assert family_of(bare, "temperature_celsius").rollup == ()
    [orders] = next(one for one in bare.collect() if one.family.name == "orders_total").series
    assert orders.created is not None
    assert abs(orders.created - bare.collect()[0].series[0].created) < 60  # type: ignore[operator]


async def test_they_add_up_in_a_fleet() -> None:
    """Two programs with OpenTelemetry, no exporter between: after the provider's shutdown all is in the totals."""
    async with Fleet(bus=MemoryBus()) as fleet:
        for number, temporality in enumerate((None, DELTA)):
            collector = TelemetryCollector()
            provider = provider_of(collector, preferred_temporality=temporality, views=[EXPONENTIAL])
            await fleet.node(f"fog/{number}", collector)
            meter = provider.get_meter("shop")
            orders, queue = meter.create_counter("orders"), meter.create_up_down_counter("queue")
            durations = meter.create_histogram("duration", "ms")
            for _ in range(3):
                orders.add(1)
                queue.add(2)
                durations.record(100)
                await fleet.settle()
            orders.add(1)
            provider.shutdown()
        await fleet.settle()
        assert (fleet.value("orders_total"), fleet.value("queue"), fleet.count("duration_milliseconds")) == (8, 12, 6)
        for number in range(2):
            await fleet.leave(f"fog/{number}")
        assert fleet.value("orders_total") == 8


def test_a_reader_without_a_provider_says_nothing(
    collector: TelemetryCollector, caplog: pytest.LogCaptureFixture
) -> None:
    """A collector may be read before the program has made its provider."""
    OpenTelemetryReader(collector)
    collector.collect()
    assert problems(collector) == {}
    assert caplog.text == ""


def test_the_last_values_stay_after_the_shutdown(
    collector: TelemetryCollector, caplog: pytest.LogCaptureFixture
) -> None:
    """They are read once more by it, and an agent that stops afterwards has them."""
    provider = provider_of(collector)
    provider.get_meter("shop").create_counter("orders").add(3)
    provider.shutdown()
    assert value(collector, "orders_total") == 3
    assert (problems(collector), caplog.text) == ({}, "")


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 2), st.integers(1, 99))), max_size=40))
def test_delta_and_cumulative_come_to_the_same(history: list[tuple[int, int] | None]) -> None:
    """Whenever the collector is read (None), both are exactly what was counted, label set by label set."""
    both = (TelemetryCollector(), TelemetryCollector())
    truth: dict[tuple[str, ...], int] = {}
    meters = [
        provider_of(collector, preferred_temporality=temporality).get_meter("m")
        for collector, temporality in zip(both, (None, DELTA), strict=True)
    ]
    counters = [meter.create_counter("c") for meter in meters]
    queues = [meter.create_up_down_counter("q") for meter in meters]
    histograms = [meter.create_histogram("h", explicit_bucket_boundaries_advisory=[50.0]) for meter in meters]
    for step in [*history, None]:
        if step is not None:
            child, amount = step
            truth[str(child),] = truth.get((str(child),), 0) + amount
            for counter, queue, histogram in zip(counters, queues, histograms, strict=True):
                counter.add(amount, {"l": child})
                queue.add(-amount, {"l": child})
                histogram.record(amount, {"l": child})
            continue
        for collector in both if truth else ():
            assert values(collector, "c_total") == truth
            assert values(collector, "q") == {labels: -number for labels, number in truth.items()}
            assert {labels: found.sum for labels, found in values(collector, "h").items()} == truth  # type: ignore[union-attr]


VALUES = st.one_of(st.just(0.0), st.floats(1e-9, 1e-6), st.floats(1e-6, 10), st.floats(1e-9, 1e12))


def at_most(recorded: list[float], slack: float) -> list[int]:
    """Count the values up to each usual bound, which is moved by a factor: where it lies is a matter of rounding."""
    return [sum(one <= bound * slack for one in recorded) for bound in ExponentialBounds().bounds]


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.one_of(st.none(), VALUES), max_size=60))
def test_exponential_buckets_are_exact_while_the_series_is_fine(history: list[float | None]) -> None:
    """Each bound has the values up to it, whenever the collector is read (None): no error but the bounds' own."""
    collector = TelemetryCollector()
    histogram = provider_of(collector, views=[EXPONENTIAL]).get_meter("m").create_histogram("h")
    recorded: list[float] = []
    for step in [*history, None]:
        if step is not None:
            histogram.record(step)
            recorded.append(step)
        elif recorded:
            found = value(collector, "h")
            assert isinstance(found, HistogramValue)
            assert found.count == len(recorded)
            assert found.sum == pytest.approx(sum(recorded), rel=1e-9, abs=1e-6)
            reached = list(accumulate(found.counts))[:-1]
            assert all(map(le, at_most(recorded, 1 - 1e-9), reached))
            assert all(map(le, reached, at_most(recorded, 1 + 1e-9)))


def cumulative(recorded: list[float], scale: int) -> SimpleNamespace:
    """Make the data of a cumulative exponential histogram at some scale."""
    indices = [ceil(log2(one) * 2.0**scale) - 1 for one in recorded if one > 0]
    first = min(indices, default=0)
    counts = [indices.count(index) for index in range(first, max(indices, default=0) + 1)]
    point = SimpleNamespace(
        attributes={},
        start_time_unix_nano=5,
        time_unix_nano=6,
        count=len(recorded),
        sum=sum(recorded),
        scale=scale,
        zero_count=recorded.count(0.0),
        positive=SimpleNamespace(offset=first, bucket_counts=counts),
        negative=SimpleNamespace(offset=0, bucket_counts=[]),
        exemplars=[],
    )
    data = SimpleNamespace(data_points=[point], aggregation_temporality=AggregationTemporality.CUMULATIVE)
    metric = SimpleNamespace(name="h", unit="", description="", data=data)
    return SimpleNamespace(resource_metrics=[SimpleNamespace(scope_metrics=[SimpleNamespace(metrics=[metric])])])


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(VALUES, st.integers(-3, 3)), min_size=1, max_size=40))
def test_cumulative_exponential_buckets_never_shrink(history: list[tuple[float, int]]) -> None:
    """Nor when the series becomes coarser; a value is at most one of its buckets too high, as is stated."""
    translation = Translation(scope_labels=False, target_info=False, exponential=ExponentialBounds())
    recorded: list[float] = []
    before: tuple[int, ...] = (0,) * 102
    scale = 3
    for one, coarse in history:
        recorded.append(one)
        scale = min(scale, coarse)
        [reported] = translation.take(cumulative(recorded, scale))
        assert isinstance(reported, FamilySnapshot)
        found = reported.series[0].value
        assert isinstance(found, HistogramValue)
        assert (found.count, found.sum) == (len(recorded), sum(recorded))
        assert all(map(le, before, found.counts))
        reached = list(accumulate(found.counts))[:-1]
        assert all(map(le, reached, at_most(recorded, 1 + 1e-9)))
        own_bucket = 2.0 ** (2.0**-scale)
        assert all(map(le, at_most(recorded, (1 - 1e-9) / own_bucket), reached))
        before = found.counts


def test_a_cumulative_series_that_begins_anew_counts_on(bare: TelemetryCollector) -> None:
    """Its provider was replaced: all that it says now came later."""
    translation = Translation(scope_labels=False, target_info=False, exponential=ExponentialBounds())
    later: list[object] = []
    bare.add_source(lambda: translation.take(later.pop()) if later else [])
    for values_, expected in (([1.0, 3.0], (2, 4.0)), ([1.0], (3, 5.0)), ([1.0, 2.0], (4, 7.0))):
        later.append(cumulative(values_, 2))
        found = value(bare, "h")
        assert isinstance(found, HistogramValue)
        assert (found.count, found.sum) == expected


def test_the_bounds_of_exponential_buckets_are_as_stated() -> None:
    """41 % apart, or 19, or 9; from 1e-6 to 1e9; the same on every node."""
    for scale, apart in ((1, 1.4143), (2, 1.1893), (3, 1.0906)):
        bounds = ExponentialBounds(scale, -10, 10).bounds
        assert all(upper / lower < apart for lower, upper in pairwise(bounds))
    usual = ExponentialBounds().bounds
    assert (len(usual), usual[0] < 1e-6, usual[-1] > 1e9, usual[40]) == (101, True, True, 1.0)
    assert usual[bisect_left(usual, 3.0)] == 4.0
    with pytest.raises(ValueError, match="401: give a scale from 0 to 8 with which they are 2 to 256"):
        ExponentialBounds(3)


@pytest.mark.parametrize(
    ("name", "unit", "kind", "expected"),
    [
        ("http.server.duration", "s", MetricType.HISTOGRAM, "http_server_duration_seconds"),
        ("http.server.duration_seconds", "s", MetricType.HISTOGRAM, "http_server_duration_seconds"),
        ("(lambda).function.executions(#)", "", MetricType.COUNTER, "_lambda_function_executions_total"),
        ("system.filesystem.usage", "By", MetricType.GAUGE, "system_filesystem_usage_bytes"),
        ("system.network.dropped", "{packets}", MetricType.COUNTER, "system_network_dropped_total"),
        ("system.network.dropped", "packets", MetricType.COUNTER, "system_network_dropped_packets_total"),
        ("system.network.io_total", "By", MetricType.COUNTER, "system_network_io_bytes_total"),
        ("system.memory.utilization", "1", MetricType.GAUGE, "system_memory_utilization_ratio"),
        ("errors", "1", MetricType.COUNTER, "errors_total"),
        ("speed", "m/s", MetricType.GAUGE, "speed_meters_per_second"),
        ("requests", "{request}/s", MetricType.GAUGE, "requests_per_second"),
        ("storage", "By/h", MetricType.GAUGE, "storage_bytes_per_hour"),
        ("cpu", "%", MetricType.GAUGE, "cpu_percent"),
        ("2xx", "", MetricType.COUNTER, "_2xx_total"),
        ("größe", "", MetricType.GAUGE, "gr_e"),
        ("名", "", MetricType.COUNTER, "__total"),
    ],
)
def test_names_and_units_are_those_of_the_specification(
    name: str, unit: str, kind: MetricType, expected: str, collector: TelemetryCollector
) -> None:
    """The OpenTelemetry-Prometheus compatibility specification; what we do not allow in a name becomes `_`."""
    word = unit_of(unit, kind)
    assert family_name(name, word, kind) == expected
    collector.add_source(list)
    register = collector.register_counter if kind is MetricType.COUNTER else collector.register_gauge
    assert register(expected, unit=word).name == expected, "ours allow it"


def test_attributes_become_labels() -> None:
    """Characters that are not allowed become `_`; values of keys that become one are joined, in the keys' order."""
    attributes = {"a.b": "2", "a b": "1", "2xx": 5, "ok": True, "le": 0.5, "__x": "", "many": ("a", 1)}
    assert dict(labels_of(attributes)) == {
        "a_b": "1;2",
        "key_2xx": "5",
        "ok": "true",
        "exported_le": "0.5",
        "_x": "",
        "many": '["a",1]',
    }


def test_scopes_and_the_resource_are_labels(bare: TelemetryCollector) -> None:
    """Scope labels unless they are switched off; the resource as `target_info` when it is wanted."""
    reader = OpenTelemetryReader(bare, target_info=True)
    provider = MeterProvider([reader], Resource({"service.name": "shop"}), shutdown_on_exit=False)
    for version in ("1", "2"):
        meter = provider.get_meter("scope", version, attributes={"short.name": "s"})
        meter.create_counter("orders").add(int(version))
    assert values(bare, "orders_total") == {("scope", "s", "1"): 1, ("scope", "s", "2"): 2}
    assert values(bare, "target_info") == {("shop",): 1}
    assert family_of(bare, "target_info").rollup == ("sum",)


def test_without_scope_labels_scopes_are_added(bare: TelemetryCollector) -> None:
    """Two libraries may count the same thing."""
    provider = provider_of(bare)
    for scope in ("a", "b"):
        meter = provider.get_meter(scope)
        meter.create_counter("orders").add(2)
        meter.create_up_down_counter("queue").add(-1)
        meter.create_histogram("h", explicit_bucket_boundaries_advisory=[1.0]).record(0.5)
    assert (value(bare, "orders_total"), value(bare, "queue")) == (4, -2)
    assert value(bare, "h") == HistogramValue((2, 0), 1.0)


def test_bounds_that_differ_are_left_out(collector: TelemetryCollector) -> None:
    """And a histogram without any bound is; once for each, and the rest comes in."""
    views = [View(instrument_name="none", aggregation=ExplicitBucketHistogramAggregation([]))]
    provider = provider_of(collector, views=views, scope_labels=True)
    for scope, bounds in (("a", [1.0]), ("b", [2.0])):
        provider.get_meter(scope).create_histogram("h", explicit_bucket_boundaries_advisory=bounds).record(1)
    provider.get_meter("c").create_histogram("none").record(1)
    for _ in range(2):
        assert values(collector, "h") == {("a",): HistogramValue((1, 0), 1.0)}
    assert problems(collector) == {"source_bounds": 2}


def test_what_is_added_up_is_bounded(bare: TelemetryCollector) -> None:
    """With delta temporality the SDK forgets label sets at each reading, and this bridge must not."""
    counter = provider_of(bare, preferred_temporality=DELTA).get_meter("m").create_counter("c")
    for batch in range(3):
        for number in range(1000):
            counter.add(1, {"l": f"{batch}/{number}"})
        bare.collect()
    found = values(bare, "c_total")
    assert len(found) == 2_001
    assert sum(found.values()) == 3_000  # type: ignore[arg-type]
    assert found["true",] == 1_000, "otel_metric_overflow"

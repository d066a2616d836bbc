"""The registration of metrics, and the texts of its refusals."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from fog_aggregator.core.fleet import catalog
from fog_schema import limits
from tests.telemetry.helpers import values
from utilityfog_frontend.telemetry import Counter, Gauge, Histogram, MetricType, TelemetryCollector, names
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, SeriesSnapshot


def test_what_was_registered_is_found(collector: TelemetryCollector) -> None:
    """By name, as the same object; an unknown name is None."""
    counter = collector.register_counter("a_total", "A")
    gauge = collector.register_gauge("b", "B")
    histogram = collector.register_histogram("c", "C")
    assert isinstance(counter, Counter)
    assert isinstance(gauge, Gauge)
    assert isinstance(histogram, Histogram)
    assert collector.get_metric("a_total") is counter
    assert collector.get_metric("nothing") is None
    collector.register_histogram("d", "D", "exponential")
    assert list(collector.get_all_metrics())[-4:] == ["a_total", "b", "c", "d"]
    assert [metric.type for metric in collector.get_all_metrics().values()][-4:] == list(MetricType)


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("counter", "a_total"), ("gauge", "a_total"), "registered already"),
        (("counter", "a_total"), ("gauge", "a"), "both would expose 'a'"),
        (("gauge", "a"), ("counter", "a_total"), "both would expose 'a'"),
        (("counter", "a"), ("counter", "a_total"), "both would expose 'a_total'"),
        (("counter", "a_total"), ("gauge", "a_created"), "both would expose 'a_created'"),
        (("histogram", "a"), ("counter", "a_count"), "both would expose 'a_count'"),
        (("gauge", "a_sum"), ("histogram", "a"), "both would expose 'a_sum'"),
        (("gauge", "a_bucket"), ("histogram", "a"), "both would expose 'a_bucket'"),
    ],
)
def test_no_two_metrics_share_a_sample(
    collector: TelemetryCollector, first: tuple[str, str], second: tuple[str, str], clash: str
) -> None:
    """In no format: a clash by suffix would be found by the scraper, in production. The first one stays."""
    for kind, name in (first,):
        getattr(collector, f"register_{kind}")(name)
    before = collector.get_all_metrics()
    with pytest.raises(ValueError, match=clash):
        getattr(collector, f"register_{second[0]}")(second[1])
    assert collector.get_all_metrics() == before


REGISTRATIONS: list[Callable[[TelemetryCollector], object]] = [
    lambda c: c.register_counter("a_total", "A", {"region": "eu"}),
    lambda c: c.register_counter("a_total", "A", ["x", "y"], max_children=5, ttl=60),
    lambda c: c.register_gauge("a_bytes", "A", unit="bytes", rollup=("max", "min")),
    lambda c: c.register_gauge("a", "A", ["x"], rollup="sum"),
    lambda c: c.register_histogram("a", "A", [1, 2.5]),
    lambda c: c.register_histogram("a", "A", labels=["x"]),
    lambda c: c.register_info("a", "A", {"version": "1"}),
    lambda c: c.register_state_set("a", "A", ["on", "off"]),
]


@pytest.mark.parametrize("register", REGISTRATIONS)
def test_to_register_again_returns_what_is_there(
    collector: TelemetryCollector, register: Callable[[TelemetryCollector], object]
) -> None:
    """The identical metric, as a cell of a notebook or a reloaded module registers it: with all that it has counted."""
    first = register(collector)
    before = collector.get_all_metrics()
    assert register(collector) is first
    assert collector.get_all_metrics() == before


def test_counts_survive_a_second_registration(collector: TelemetryCollector) -> None:
    """Also in another spelling of the same arguments."""
    collector.register_counter("a_total", "A", ("x",)).labels("1").increment(3)
    again = collector.register_counter("a_total", "A", ["x"])
    again.labels(x="1").increment()
    assert values(collector, "a_total") == {("1",): 4}


@pytest.mark.parametrize(
    ("arguments", "difference"),
    [
        ({"description": "B"}, "with another description: 'A' there, 'B' here"),
        ({"unit": "a"}, "with another unit: '' there, 'a' here"),
        ({"labels": ["x"]}, r"with other labels: \['x', 'y'\] there, \['x'\] here"),
        ({"labels": {"x": "1"}}, r"with other labels: \['x', 'y'\] there, {'x': '1'} here"),
        ({"ttl": 60}, "with another ttl: None there, 60 here"),
        ({"max_children": 7}, "with another max_children: 2000 there, 7 here"),
        ({"buckets": [1, 3]}, r"with other buckets: \[1.0, 2.0\] there, \[1.0, 3.0\] here"),
    ],
)
def test_another_metric_of_the_name_is_refused(
    collector: TelemetryCollector, arguments: dict[str, Any], difference: str
) -> None:
    """The error says which argument differs, how, and how to get at the metric that is there."""
    own = {"description": "A", "buckets": [1, 2], "labels": ["x", "y"]}
    metric = collector.register_histogram("some_a", **own)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match=f"'some_a' is registered already, but {difference}") as refusal:
        collector.register_histogram("some_a", **(own | arguments))
    assert "get_metric('some_a') returns the one that is there" in str(refusal.value)
    assert collector.get_metric("some_a") is metric


def test_another_type_or_rollup_is_refused(collector: TelemetryCollector) -> None:
    """As is another set of states under the same gauge."""
    collector.register_gauge("a", rollup="max")
    with pytest.raises(ValueError, match="with another type: 'gauge' there, 'counter' here"):
        collector.register_counter("a")
    with pytest.raises(ValueError, match=r"with another rollup: \('max',\) there, \('sum',\) here"):
        collector.register_gauge("a", rollup="sum")
    states = collector.register_state_set("b", "B", ["on", "off"])
    with pytest.raises(ValueError, match=r"its states differ: \['on', 'off'\] there, \['on', 'broken'\] here"):
        collector.register_state_set("b", "B", ["on", "broken"])
    assert states.states == ["on", "off"]
    assert values(collector, "b") == {("on",): 0, ("off",): 0}


def test_the_name_of_a_sources_metric_is_taken(collector: TelemetryCollector) -> None:
    """Nobody can write to it here, so it is never returned for a counter."""
    family = Family("a_total", MetricType.COUNTER, "A")
    collector.add_source(lambda: [FamilySnapshot(family, [SeriesSnapshot((), 3)])])
    collector.collect()
    with pytest.raises(ValueError, match=r"'a_total' is registered already, by a source of add_source\(\)"):
        collector.register_counter("a_total", "A")


def test_two_threads_register_one_metric(collector: TelemetryCollector) -> None:
    """Both have the same."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: collector.register_counter("a_total", "A", ["x"]), range(64)))
    assert len(set(map(id, found))) == 1


@pytest.mark.parametrize("name", ["fog_orders_total", "fog_aggregator_frames_total"])
def test_a_name_that_the_fleet_refuses_is_refused(collector: TelemetryCollector, name: str) -> None:
    """Where it is registered, not in silence at the aggregator; the fleet's own parts say that they are."""
    with pytest.raises(ValueError, match=f"'{name}' begins with 'fog_': such names are the fleet's own"):
        collector.register_counter(name)
    assert collector.get_metric(name) is None
    collector.register_counter("fog_agent_of_a_node_total")
    TelemetryCollector(reserved_names=True).register_counter(name)


def test_a_name_that_no_frame_carries_is_refused(collector: TelemetryCollector) -> None:
    """The agent would leave such a series out."""
    collector.register_gauge("a" * 256)
    with pytest.raises(ValueError, match="is longer than 256 characters"):
        collector.register_gauge("a" * 257)


def test_refusals_are_the_ones_of_the_fleet() -> None:
    """The SDK does not know the wire; a change there must reach the refusals here."""
    assert names.MAX_NAME_LENGTH == limits.MAX_NAME_LENGTH
    assert (names.RESERVED, names.FROM_NODES) == (catalog.RESERVED, catalog.ALLOWED)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("", "is empty"),
        ("1st", "'1' at position 0"),
        ("requests-total", "'-' at position 8"),
        ("größe", "'ö' at position 2"),
        ("a b", "' ' at position 1"),
        ("a\n", r"'\\n' at position 1"),
    ],
)
def test_a_wrong_metric_name_is_shown(collector: TelemetryCollector, name: str, part: str) -> None:
    """With the first character that is not allowed."""
    with pytest.raises(ValueError, match=part):
        collector.register_gauge(name)
    with pytest.raises(ValueError, match=part):
        Gauge(name)


def test_a_counter_is_more_than_its_suffix(collector: TelemetryCollector) -> None:
    """OpenMetrics would name the family by what comes before `_total`: by nothing."""
    with pytest.raises(ValueError, match="needs a name before '_total'"):
        collector.register_counter("_total")


def test_a_name_is_a_string(collector: TelemetryCollector) -> None:
    """Whatever else is a mistake."""
    with pytest.raises(TypeError, match="must be a string, not 7"):
        collector.register_gauge(7)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("", "is empty"),
        ("a:b", "':' at position 1"),
        ("0a", "'0' at position 0"),
        ("__name__", "beginning with '__' are reserved"),
    ],
)
def test_a_wrong_label_name_is_shown(collector: TelemetryCollector, label: str, message: str) -> None:
    """As a name for children and as a constant label; nothing is registered."""
    with pytest.raises(ValueError, match=message):
        collector.register_counter("a_total", "a", [label])
    with pytest.raises(ValueError, match=message):
        collector.register_counter("a_total", "a", {label: "x"})
    assert collector.get_metric("a_total") is None


def test_le_belongs_to_the_buckets_of_histograms(collector: TelemetryCollector) -> None:
    """A gauge may have it."""
    with pytest.raises(ValueError, match="'le' is reserved"):
        collector.register_histogram("a", "a", labels=["le"])
    collector.register_gauge("b", "b", ["le"])


def test_label_names_are_a_sequence_of_different_names(collector: TelemetryCollector) -> None:
    """A string is a sequence too, and always a mistake."""
    with pytest.raises(ValueError, match="'a' is given twice"):
        collector.register_counter("a_total", "a", ["a", "b", "a"])
    with pytest.raises(TypeError, match="not 'method'"):
        collector.register_counter("a_total", "a", "method")


@pytest.mark.parametrize("name", ["request_seconds", "request_seconds_total"])
def test_a_unit_is_the_end_of_the_name(collector: TelemetryCollector, name: str) -> None:
    """OpenMetrics asks for it."""
    assert collector.register_counter(name, unit="seconds").family.unit == "seconds"
    with pytest.raises(ValueError, match="must end in its unit: a_bytes"):
        collector.register_gauge("a", unit="bytes")


@pytest.mark.parametrize(
    ("arguments", "message"), [({"ttl": 0}, "ttl must be above 0"), ({"max_children": 0}, "must be at least 1")]
)
def test_limits_that_make_no_sense_are_refused(
    collector: TelemetryCollector, arguments: dict[str, float], message: str
) -> None:
    """At registration, not later."""
    with pytest.raises(ValueError, match=message):
        collector.register_counter("a_total", "a", ["x"], **arguments)  # type: ignore[call-overload]


@pytest.mark.parametrize("arguments", [{"collection_interval": 0}, {"max_events": 0}, {"collection_interval": "x"}])
def test_a_collector_that_makes_no_sense_is_refused(arguments: dict[str, float]) -> None:
    """At once."""
    with pytest.raises((ValueError, TypeError)):
        TelemetryCollector(**arguments)  # type: ignore[arg-type]

"""The registration of metrics, and the texts of its refusals."""

import pytest

from utilityfog_frontend.telemetry import Counter, Gauge, Histogram, MetricType, TelemetryCollector


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
    assert list(collector.get_all_metrics())[-3:] == ["a_total", "b", "c"]
    assert [metric.type for metric in collector.get_all_metrics().values()][-3:] == list(MetricType)


@pytest.mark.parametrize(
    ("first", "second", "clash"),
    [
        (("counter", "a_total"), ("counter", "a_total"), "registered already"),
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

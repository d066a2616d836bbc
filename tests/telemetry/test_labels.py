"""Children of labelled metrics: found, limited, removed, and never counted twice."""

import enum
import gc
import logging
import weakref

import pytest

from tests.telemetry.conftest import Clock
from tests.telemetry.helpers import problems, values
from utilityfog_frontend.telemetry import Counter, LabeledCounter, TelemetryCollector


@pytest.fixture
def requests(collector: TelemetryCollector) -> LabeledCounter:
    """Provide a counter with two label names."""
    return collector.register_counter("requests_total", "Requests", ["method", "status"])


def test_a_child_is_found_by_position_by_name_and_by_labels(
    collector: TelemetryCollector, requests: LabeledCounter
) -> None:
    """All ways lead to the same object; values become strings; the order of names does not matter."""
    child = requests.labels("GET", "200")
    assert requests.labels(method="GET", status=200) is child
    assert requests.labels(status="200", method="GET") is child
    assert requests.labels("GET", 200) is child
    requests.increment(2, labels={"status": "200", "method": "GET"})
    child.increment()
    assert isinstance(child, Counter)
    assert values(collector, "requests_total") == {("GET", "200"): 3}
    assert dict(child.labels) == {"method": "GET", "status": "200"}


def test_values_that_are_equal_but_not_the_same_text_are_different_children(requests: LabeledCounter) -> None:
    """1 == True in Python, not in a label."""
    status = True
    assert requests.labels("GET", 1) is not requests.labels("GET", status)


@pytest.mark.parametrize(
    ("positional", "named"),
    [
        (("GET",), {}),
        (("a", "b", "c"), {}),
        (("GET",), {"status": "200"}),
        ((), {"method": "GET"}),
        ((), {"a": 1, "b": 2}),
    ],
)
def test_a_wrong_set_of_labels_is_refused(
    requests: LabeledCounter, positional: tuple[str, ...], named: dict[str, str]
) -> None:
    """With the names that are needed and what was given."""
    with pytest.raises(ValueError, match=r"has label names \('method', 'status'\), but was given"):
        requests.labels(*positional, **named)
    with pytest.raises(ValueError, match="has label names"):
        requests.remove(*positional, **named)


def test_a_family_has_no_value_of_its_own(requests: LabeledCounter) -> None:
    """Its value is the list of its children's, and an increment must say which."""
    requests.labels("GET", "200").increment()
    requests.labels("PUT", "500").increment(2)
    assert [(one.labels["method"], one.value) for one in requests.get_value()] == [("GET", 1), ("PUT", 2)]
    with pytest.raises(ValueError, match="say which child"):
        requests.increment()


def test_every_kind_has_children(collector: TelemetryCollector) -> None:
    """Gauges and histograms as counters, through the family as well."""
    gauge = collector.register_gauge("temperature", "t", ["room"])
    gauge.set(20, labels={"room": "a"})
    gauge.increment(2, labels={"room": "a"})
    gauge.decrement(0.5, labels={"room": "a"})
    assert values(collector, "temperature") == {("a",): 21.5}
    histogram = collector.register_histogram("latency", "l", [1.0], labels=["route"])
    histogram.observe(0.5, labels={"route": "/"})
    histogram.labels(route="/").observe(2)
    assert [one.value for one in histogram.get_value()] == [1, 2.5, 2]


def test_beyond_the_limit_all_is_counted_on_the_overflow_child(
    collector: TelemetryCollector, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is lost, live children stay, it is logged once and counted each time."""
    visits = collector.register_counter("visits_total", "v", ["user"], max_children=2)
    for user in ("a", "b", "c", "d", "c"):
        visits.labels(user).increment()
    assert values(collector, "visits_total") == {("a",): 1, ("b",): 1, ("~overflow",): 3}
    assert problems(collector) == {"label_limit": 3}
    assert len([record for record in caplog.records if "limit of 2 children" in record.getMessage()]) == 1
    visits.remove("a")
    visits.labels("e").increment()
    assert values(collector, "visits_total") == {("b",): 1, ("~overflow",): 3, ("e",): 1}


def test_removed_children_leave_and_come_back_as_new_ones(
    collector: TelemetryCollector, requests: LabeledCounter
) -> None:
    """A kept child that is used again begins at zero, and is the one that a look-up finds."""
    kept = requests.labels("GET", "200")
    kept.increment(5)
    assert requests.remove("GET", "200")
    assert not requests.remove("GET", "200")
    assert values(collector, "requests_total") == {}
    kept.increment()
    kept.increment(2)
    assert requests.labels("GET", "200") is kept
    assert values(collector, "requests_total") == {("GET", "200"): 3}
    requests.clear()
    assert values(collector, "requests_total") == {}


def test_a_look_up_after_a_removal_finds_the_kept_child(
    collector: TelemetryCollector, requests: LabeledCounter
) -> None:
    """Else the kept one and the new one would be two children of one label set."""
    kept = requests.labels("GET", "200")
    requests.clear()
    assert requests.labels(method="GET", status="200") is kept
    kept.increment()
    assert values(collector, "requests_total") == {("GET", "200"): 1}


def test_kept_gauges_and_histograms_come_back_too(collector: TelemetryCollector) -> None:
    """Set, function and observation each begin a new series."""
    gauge = collector.register_gauge("temperature", "t", ["room"])
    a, b = gauge.labels("a"), gauge.labels("b")
    histogram = collector.register_histogram("latency", "l", [1.0], labels=["route"])
    slow = histogram.labels("/slow")
    c = gauge.labels("c")
    gauge.clear()
    histogram.clear()
    a.increment(3)
    b.set_function(lambda: 7)
    c.set(5)
    slow.observe(0.5)
    assert values(collector, "temperature") == {("a",): 3, ("b",): 7, ("c",): 5}
    assert slow.get_value()[-1].value == 1


def test_a_removed_child_that_nobody_holds_leaves_memory_at_once(
    collector: TelemetryCollector, requests: LabeledCounter
) -> None:
    """Series that end must not pile up, also in a program that has turned its collector of cycles off."""
    watch = collector.watch_series()
    latency = collector.register_histogram("latency", "L", labels=["x"])
    gc.disable()
    try:
        counter, histogram = weakref.ref(requests.labels("GET", "1")), weakref.ref(latency.labels("1"))
        requests.clear()
        latency.clear()
        assert len(watch.take_ended()) == 2
        assert (counter(), histogram()) == (None, None)
    finally:
        gc.enable()


def test_an_idle_child_leaves_after_its_ttl(collector: TelemetryCollector, monotonic: Clock) -> None:
    """A used child stays; an unused one leaves the exposition; a handle that was kept comes back."""
    sessions = collector.register_counter("sessions_total", "s", ["user"], ttl=60)
    idle, busy = sessions.labels("idle"), sessions.labels("busy")
    watch = collector.watch_series()
    idle.increment()
    for _ in range(10):
        busy.increment()
        collector.collect()
        monotonic.now += 10
    assert [series.labels for series in watch.take_ended()] == [(("user", "idle"),)]
    assert values(collector, "sessions_total") == {("busy",): 10}
    idle.increment(4)
    assert values(collector, "sessions_total") == {("busy",): 10, ("idle",): 4}


def test_a_gauge_set_to_the_same_value_is_in_use(collector: TelemetryCollector, monotonic: Clock) -> None:
    """Its value says nothing about its use; a function is always in use."""
    gauge = collector.register_gauge("temperature", "t", ["room"], ttl=60)
    steady = gauge.labels("steady")
    gauge.labels("idle").set(1)
    gauge.labels("asked").set_function(lambda: 5)
    level = gauge.labels("level")
    watch = collector.watch_series()
    for _ in range(10):
        steady.set(20)
        level.increment(0)
        collector.collect()
        monotonic.now += 10
    assert [series.labels for series in watch.take_ended()] == [(("room", "idle"),)]
    assert values(collector, "temperature") == {("steady",): 20, ("asked",): 5, ("level",): 0}


def test_resetting_a_family_resets_its_children(collector: TelemetryCollector, requests: LabeledCounter) -> None:
    """They stay, at zero; a kept one counts on."""
    kept = requests.labels("GET", "200")
    kept.increment(3)
    requests.reset()
    assert values(collector, "requests_total") == {("GET", "200"): 0}
    kept.increment()
    assert values(collector, "requests_total") == {("GET", "200"): 1}
    kept.reset()
    assert values(collector, "requests_total") == {("GET", "200"): 0}


def test_the_overflow_is_quiet_below_warning(collector: TelemetryCollector, caplog: pytest.LogCaptureFixture) -> None:
    """The warning is a warning, so that a program that shows warnings sees it."""
    visits = collector.register_counter("visits_total", "v", ["user"], max_children=1)
    visits.labels("a")
    visits.labels("b")
    [record] = [record for record in caplog.records if "limit" in record.getMessage()]
    assert record.levelno == logging.WARNING
    assert record.name == "utilityfog_frontend.telemetry"


class Method(str, enum.Enum):  # noqa: UP042 - what was written before StrEnum: its str() is "Method.GET"
    """A string that calls itself otherwise."""

    GET = "GET"


def test_a_string_of_an_enumeration_is_that_string(collector: TelemetryCollector, requests: LabeledCounter) -> None:
    """It equals the plain string, so one child counts for both, whichever came first."""
    requests.labels(Method.GET, 200).increment()
    requests.labels("GET", "200").increment()
    requests.labels(Method.GET, "200").increment()
    assert values(collector, "requests_total") == {("GET", "200"): 3}


def test_a_label_may_be_called_self(collector: TelemetryCollector) -> None:
    """Python's own word for the metric must not stand in its way."""
    counter = collector.register_counter("a_total", "A", ["self"])
    counter.increment(labels={"self": "x"})
    assert counter.remove(self="x")


def test_what_ended_is_forgotten_whoever_ended_it(clock: Clock, monotonic: Clock) -> None:
    """The memory for `ttl` is of live children, also when one ends while another thread looks at it."""
    collector = TelemetryCollector(self_metrics=False, clock=clock, monotonic=monotonic)
    counter = collector.register_counter("a_total", "A", ["x"], ttl=8)
    for turn in range(20):
        counter.labels(turn).increment()
        monotonic.now += 1
        collector.collect()
        ended = counter.labels(turn)._series  # noqa: SLF001
        counter.remove(turn)
        counter._state._idle._last_use[ended] = (None, 0.0)  # noqa: SLF001 - as a sweep under way would
    monotonic.now += 1
    collector.collect()
    assert counter._state._idle._last_use == {}  # noqa: SLF001

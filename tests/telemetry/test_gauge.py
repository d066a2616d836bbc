"""Gauges hold what was set last."""

import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.conftest import Clock
from tests.telemetry.helpers import problems, value, values
from utilityfog_frontend.telemetry import Gauge, Histogram, TelemetryCollector
from utilityfog_frontend.telemetry.instruments.family import FLUSH_AT
from utilityfog_frontend.telemetry.instruments.functions import UserFunction


def test_a_gauge_works_without_a_collector() -> None:
    """Set, up and down."""
    gauge = Gauge("active", "Active connections")
    gauge.set(42)
    gauge.increment()
    gauge.increment(2.5)
    gauge.decrement(2)
    assert gauge.get_value().value == 43.5
    gauge.reset()
    assert gauge.get_value().value == 0


OPERATIONS = st.tuples(st.sampled_from(["set", "increment", "decrement"]), st.integers(-(2**40), 2**40) | st.just(0.5))


@given(st.lists(st.tuples(OPERATIONS, st.integers(1, 200)), max_size=6), st.sampled_from([0, -0.0, 2.5]))
def test_it_is_what_a_plain_number_would_be(steps: list[tuple[tuple[str, float], int]], first: float) -> None:
    """Whatever is set, and however often it is counted up and down between two readings."""
    gauge, truth = Gauge("active"), first
    gauge.set(first)
    for (name, amount), times in steps:
        for _ in range(times):
            getattr(gauge, name)(amount)
            truth = amount if name == "set" else truth + (amount if name == "increment" else -amount)
        assert gauge.get_value().value == truth
    assert math.copysign(1, gauge.get_value().value) == math.copysign(1, truth)


def test_each_use_is_an_activity_and_a_fold_is_none() -> None:
    """The same number again, up and down to where it was, and as often as a writer adds terms up."""
    gauge = Gauge("active")
    series = gauge._series  # noqa: SLF001
    before = series.activity()
    assert series.activity() == before
    uses: list[Callable[[], None]] = [partial(gauge.set, 0), gauge.increment, gauge.decrement]
    for use in uses + [gauge.increment] * FLUSH_AT:
        use()
        assert series.activity() != before
        before = series.activity()
    for _ in range(FLUSH_AT - 1):  # terms were added up meanwhile, and are as many as before
        gauge.increment()
    assert series.activity() != before
    gauge.get_value()
    before = series.activity()
    gauge.get_value()
    assert series.activity() == before


def test_it_may_be_set_to_anything_that_is_a_number() -> None:
    """NaN and infinities too; Decimal becomes a float; a string is none."""
    gauge = Gauge("active")
    gauge.set(math.nan)
    assert math.isnan(gauge.get_value().value)
    gauge.set(-math.inf)
    assert gauge.get_value().value == -math.inf
    gauge.set(Decimal("1.5"))  # type: ignore[arg-type]
    assert gauge.get_value().value == 1.5
    with pytest.raises(TypeError):
        gauge.set("3")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        gauge.increment(None)  # type: ignore[arg-type]
    assert gauge.get_value().value == 1.5


@pytest.mark.parametrize("amount", [math.nan, math.inf])
def test_an_increment_by_no_finite_number_is_dropped_and_counted(collector: TelemetryCollector, amount: float) -> None:
    """It would make the gauge NaN until the next set."""
    gauge = collector.register_gauge("active")
    gauge.increment(amount)
    gauge.decrement(amount)
    assert value(collector, "active") == 0
    assert problems(collector) == {"not_finite": 2}


def test_a_function_is_asked_at_each_reading(collector: TelemetryCollector) -> None:
    """Until the next set."""
    gauge = collector.register_gauge("queue")
    queue: list[int] = []
    gauge.set_function(lambda: len(queue))
    queue.append(1)
    assert value(collector, "queue") == 1
    queue.append(2)
    assert gauge.get_value().value == 2
    gauge.set(7)
    assert value(collector, "queue") == 7


def test_a_set_ends_a_function_at_once(collector: TelemetryCollector, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader meanwhile sees what the function said, or what is set; never what the gauge was before."""
    gauge = collector.register_gauge("load")
    gauge.set_function(lambda: 50)
    gauge.get_value()
    readings = gauge._state.scope.readings  # noqa: SLF001
    discard, seen = readings.discard, list[object]()

    def look(function: UserFunction) -> None:
        seen.append(gauge._series.read())  # noqa: SLF001
        discard(function)

    monkeypatch.setattr(readings, "discard", look)
    gauge.set(100)
    assert seen == [100]


@pytest.mark.parametrize("result", ["text", None, ZeroDivisionError("no")])
def test_a_failing_function_is_nan_and_counted(
    collector: TelemetryCollector, result: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A reader never sees the exception; the log says which gauge."""
    gauge = collector.register_gauge("queue")

    def function() -> float:
        if isinstance(result, Exception):
            raise result
        return result  # type: ignore[return-value]

    gauge.set_function(function)
    assert math.isnan(value(collector, "queue"))  # type: ignore[arg-type]
    assert problems(collector) == {"gauge_function": 2}  # this is another reading
    assert "queue: its function failed" in caplog.text


def test_labels_for_a_gauge_without_label_names_are_refused() -> None:
    """As for counters and histograms."""
    gauge = Gauge("active")
    for use in (gauge.set, gauge.increment, gauge.decrement):
        with pytest.raises(ValueError, match="without label names"):
            use(1, {"room": "a"})
    with pytest.raises(ValueError, match="without label names"):
        Histogram("latency").observe(1, {"room": "a"})


def test_track_inprogress_counts_up_and_down_again() -> None:
    """Also when the block raises, and for overlapping calls of a decorated function."""
    gauge = Gauge("active")
    with gauge.track_inprogress(), gauge.track_inprogress():
        assert gauge.get_value().value == 2
    with pytest.raises(KeyError), gauge.track_inprogress():
        raise KeyError

    @gauge.track_inprogress()
    def depth(levels: int) -> float:
        return depth(levels - 1) if levels else gauge.get_value().value

    assert depth(3) == 4
    assert gauge.get_value().value == 0


def test_current_time(collector: TelemetryCollector, clock: Clock) -> None:
    """The collector's clock, in unix seconds."""
    gauge = collector.register_gauge("last_run_timestamp_seconds")
    clock.now = 1234.5
    gauge.set_to_current_time()
    assert value(collector, "last_run_timestamp_seconds") == 1234.5


def test_rollup_says_how_a_tree_merges_it(collector: TelemetryCollector) -> None:
    """One name or several, the first being the headline; an unknown one is refused."""
    assert collector.register_gauge("a", rollup="max").family.rollup == ("max",)
    assert collector.register_gauge("b", rollup=["sum", "avg"]).family.rollup == ("sum", "avg")
    assert collector.register_gauge("c").family.rollup == ()
    with pytest.raises(ValueError, match="unknown rollup 'median'"):
        collector.register_gauge("d", rollup="median")
    assert collector.get_metric("d") is None


def test_info_is_a_gauge_of_one_with_the_facts_as_labels(collector: TelemetryCollector) -> None:
    """It adds up along the tree: how many nodes have which version."""
    info = collector.register_info("app_info", "The program", {"version": "1.2", "branch": "main"})
    assert values(collector, "app_info") == {("main", "1.2"): 1}
    assert info.family.rollup == ("sum",)


def test_a_state_set_has_one_state_that_holds(collector: TelemetryCollector) -> None:
    """A gauge for each state, labelled with the metric's name; exactly one is 1 after a set."""
    phase = collector.register_state_set("job_phase", "What the job does", ["idle", "running", "failed"])
    assert phase.states == ["idle", "running", "failed"]
    phase.set("running")
    assert values(collector, "job_phase") == {("idle",): 0, ("running",): 1, ("failed",): 0}
    phase.set("failed")
    assert values(collector, "job_phase") == {("idle",): 0, ("running",): 0, ("failed",): 1}
    with pytest.raises(ValueError, match="no state 'gone'"):
        phase.set("gone")


@pytest.mark.parametrize("states", [[], ["a", "a"]])
def test_a_state_set_needs_states_that_differ(collector: TelemetryCollector, states: list[str]) -> None:
    """None, or the same twice, is a mistake."""
    with pytest.raises(ValueError, match="needs states that differ"):
        collector.register_state_set("phase", "p", states)


def test_numbers_beyond_64_bits_are_floats() -> None:
    """Their digits would overflow every parser, and from 4,300 on Python itself refuses to write them."""
    gauge = Gauge("a")
    for number, expected in ((2**63, 2.0**63), (10**400, math.inf), (-(10**5000), -math.inf)):
        gauge.set(number)
        assert gauge.get_value().value == expected
        assert type(gauge.get_value().value) is float
    gauge.set(Fraction(-(10**400)))  # type: ignore[arg-type]
    assert gauge.get_value().value == -math.inf
    gauge.set(1)
    gauge.increment(10**400)
    gauge.increment(1e300)
    gauge.decrement(1e300)
    gauge.increment(0.5)
    assert gauge.get_value().value == 0.5


def test_a_number_that_is_an_index_by_its_type_only() -> None:
    """As an array or a tensor of one float: a loss, as training loops have it, may be set as it is."""

    class Scalar:
        def __index__(self) -> int:
            raise TypeError("only integer scalars can be converted to an index")

        def __float__(self) -> float:
            return 1.5

    gauge = Gauge("loss")
    gauge.set(Scalar())  # type: ignore[arg-type]
    assert gauge.get_value().value == 1.5


def test_a_reset_leaves_what_functions_and_facts_say(collector: TelemetryCollector) -> None:
    """The collector counts its metrics by a function; an info metric that is 0 joins with nothing."""
    collector.register_info("build_info", "Build", {"version": "1"})
    before = value(collector, "telemetry_metrics_count")
    collector.reset_all_metrics()
    assert value(collector, "telemetry_metrics_count") == before
    assert values(collector, "build_info") == {("1",): 1}

"""Histograms count each observation in its bucket."""

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.telemetry.conftest import Clock
from tests.telemetry.helpers import problems, value
from utilityfog_frontend.telemetry import Histogram, TelemetryCollector
from utilityfog_frontend.telemetry.instruments.family import FLUSH_AT
from utilityfog_frontend.telemetry.instruments.histogram import HistogramSeries
from utilityfog_frontend.telemetry.model import HistogramValue

bounds_lists = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20, unique=True).map(sorted)


def obvious_counts(bounds: list[float], observed: list[float]) -> tuple[int, ...]:
    """Put each value into the first bucket whose bound is not below it, the slow way."""
    counts = [0] * (len(bounds) + 1)
    for one in observed:
        counts[next((index for index, bound in enumerate(bounds) if one <= bound), len(bounds))] += 1
    return tuple(counts)


@given(bounds_lists, st.lists(st.floats(-2e6, 2e6), max_size=300), st.data())
def test_flushing_finds_the_same_buckets_as_the_obvious_way(
    bounds: list[float], observed: list[float], data: st.DataObject
) -> None:
    """Bounds are inclusive, and values that are bounds themselves are the interesting ones."""
    observed += data.draw(st.lists(st.sampled_from(bounds), max_size=50))
    collector = TelemetryCollector(self_metrics=False)
    histogram = collector.register_histogram("sizes", buckets=bounds)
    for one in observed:
        histogram.observe(one)
    read = value(collector, "sizes")
    assert isinstance(read, HistogramValue)
    assert read.counts == obvious_counts(bounds, observed)
    assert read.count == len(observed)
    assert read.sum == pytest.approx(math.fsum(observed), rel=1e-12, abs=1e-6)


def test_values_are_buckets_then_sum_and_count() -> None:
    """One value for each finite bound, cumulative, labelled `le`; then `type: sum` and `type: count`."""
    histogram = Histogram("latency", buckets=[0.1, 0.5, 1.0, 5.0], labels={"zone": "a"})
    for one in (0.05, 0.3, 2.0, 9.0):
        histogram.observe(one)
    values = histogram.get_value()
    assert [(one.value, one.labels) for one in values] == [
        (1, {"zone": "a", "le": "0.1"}),
        (2, {"zone": "a", "le": "0.5"}),
        (2, {"zone": "a", "le": "1.0"}),
        (3, {"zone": "a", "le": "5.0"}),
        (pytest.approx(11.35), {"zone": "a", "type": "sum"}),
        (4, {"zone": "a", "type": "count"}),
    ]


def test_anything_that_is_a_number_can_be_observed() -> None:
    """Ints, bools, Decimals; a string raises at once."""
    histogram = Histogram("sizes", buckets=[1, 10])
    for one in (1, True, Decimal("2.5"), 2**200):
        histogram.observe(one)  # type: ignore[arg-type]
    assert histogram.get_value()[-1].value == 4
    for wrong in ("1", None):
        with pytest.raises(TypeError):
            histogram.observe(wrong)  # type: ignore[arg-type]


def test_nan_and_infinities_are_dropped_and_counted(collector: TelemetryCollector) -> None:
    """NaN would break the sort of a whole batch: everything around it must still be right."""
    histogram = collector.register_histogram("latency", buckets=[1.0, 2.0])
    for one in (1.5, math.nan, 0.5, math.inf, 3.0, -math.inf, 1.0, 10**400):
        histogram.observe(one)
    assert value(collector, "latency") == HistogramValue((2, 1, 1), 6.0)
    assert problems(collector) == {"not_finite": 4}


def test_an_odd_type_that_hides_behind_addition_is_dropped_in_the_fold(collector: TelemetryCollector) -> None:
    """It survived `+ 0.0`; the reader must survive it as well."""
    histogram = collector.register_histogram("latency", buckets=[1.0])
    histogram.observe(1j)  # type: ignore[arg-type]
    histogram.observe(0.5)
    assert value(collector, "latency") == HistogramValue((1, 0), 0.5)
    assert problems(collector) == {"not_finite": 1}


def test_without_a_reader_the_writer_folds(bare: TelemetryCollector) -> None:
    """The backlog stays bounded."""
    histogram = bare.register_histogram("latency")
    for index in range(1000):
        histogram.observe(index / 100)
    [series] = bare.watch_series().series()
    assert isinstance(series, HistogramSeries)
    assert len(series.pending) < FLUSH_AT


@pytest.mark.parametrize(
    ("buckets", "message"),
    [
        ([], "at least one"),
        ([math.inf], "at least one"),
        ([2, 1], "ascend, 1.0 comes after 2.0"),
        ([1, 1], "1.0 is given twice"),
        ([1, math.nan], "nan is not finite"),
        ([-math.inf, 1], "-inf is not finite"),
    ],
)
def test_wrong_buckets_are_refused(buckets: list[float], message: str) -> None:
    """With the bound that is wrong."""
    with pytest.raises(ValueError, match=message):
        Histogram("latency", buckets=buckets)


def test_infinity_is_implied_and_may_be_given() -> None:
    """Either way the finite bounds are the same; the default is made for seconds."""
    assert Histogram("a", buckets=[1, math.inf]).buckets == Histogram("b", buckets=[1.0]).buckets == [1.0]
    assert Histogram("c").buckets == [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]


def test_time_measures_blocks_and_calls() -> None:
    """As a context manager and as a decorator, when it raises too; each call has a start of its own."""
    histogram = Histogram("latency")
    with histogram.time():
        pass

    @histogram.time()
    def work(levels: int) -> int:
        """Do it."""
        if not levels:
            raise KeyError
        return work(levels - 1)

    with pytest.raises(KeyError):
        work(2)
    assert work.__doc__ == "Do it."
    assert histogram.get_value()[-1].value == 4


async def test_time_covers_the_await_of_an_async_function() -> None:
    """It is observed when the coroutine ends, not when it is made."""
    histogram = Histogram("latency")

    @histogram.time()
    async def work() -> str:
        return "done"

    coroutine = work()
    assert histogram.get_value()[-1].value == 0
    assert await coroutine == "done"
    assert histogram.get_value()[-1].value == 1


def test_an_exemplar_stays_with_its_bucket(bare: TelemetryCollector, clock: Clock) -> None:
    """The latest one of each bucket, with the time of the collector's clock."""
    histogram = bare.register_histogram("latency", "l", [1.0, 2.0])
    histogram.observe(0.5, exemplar={"trace_id": "a"})
    clock.now = 1001.0
    histogram.observe(0.7, exemplar={"trace_id": "b"})
    histogram.observe(9.0, exemplar={"trace_id": "c"})
    [snapshot] = bare.collect()
    assert snapshot.series[0].exemplars == {
        0: ((("trace_id", "b"),), 0.7, 1001.0),
        2: ((("trace_id", "c"),), 9.0, 1001.0),
    }
    assert value(bare, "latency") == HistogramValue((2, 0, 1), 10.2)


def test_values_that_do_not_add_up_cost_only_themselves(collector: TelemetryCollector) -> None:
    """Values observed beside them are counted, and the reader gets its answer."""

    class Odd:
        def __add__(self, other: object) -> "Odd":
            return self

        def __radd__(self, other: object) -> float:
            if other:
                raise ValueError("shapes differ")
            return 0.0

    histogram = collector.register_histogram("a", "a", [1.0])
    histogram.observe(0.5)
    histogram.observe(Odd())  # type: ignore[arg-type]
    histogram.observe(2)
    assert value(collector, "a") == HistogramValue((1, 1), 2.5)
    assert problems(collector) == {"not_finite": 1}


def test_an_exemplar_with_a_bad_label_name_is_refused(collector: TelemetryCollector) -> None:
    """It would break the whole OpenMetrics page. Nothing is observed then."""
    histogram = collector.register_histogram("a", "a", [1.0])
    with pytest.raises(ValueError, match="bad name"):
        histogram.observe(0.5, exemplar={"bad name": "x"})
    assert value(collector, "a") == HistogramValue((0, 0), 0.0)

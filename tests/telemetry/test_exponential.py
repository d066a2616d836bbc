"""Exponential histograms: the arithmetic of their buckets, and the instrument."""

import json
import math
from collections import Counter
from fractions import Fraction
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse_text

from tests.telemetry.helpers import problems, value
from tests.telemetry.test_threads import hammer
from utilityfog_frontend.telemetry import Exponential, ExponentialHistogram, TelemetryCollector
from utilityfog_frontend.telemetry.exponential.buckets import (
    MAX_SCHEMA,
    MIN_SCHEMA,
    MOST_BUCKETS,
    ZERO_THRESHOLD,
    coarser,
    index_of,
    upper_bound,
)
from utilityfog_frontend.telemetry.exponential.ladder import ladder_of
from utilityfog_frontend.telemetry.exponential.mantissas import MANTISSAS
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.exponential.value import Buckets, ExponentialValue, is_below
from utilityfog_frontend.telemetry.exposition.openmetrics import generate_openmetrics
from utilityfog_frontend.telemetry.kinds import as_plain, fell, from_plain
from utilityfog_frontend.telemetry.model import MetricType

GOLDEN: Final = Path(__file__).parents[2] / "schema" / "vectors" / "exponential.json"
schemas = st.integers(MIN_SCHEMA, MAX_SCHEMA)
magnitudes = st.floats(ZERO_THRESHOLD, exclude_min=True, allow_infinity=False)
observations = st.lists(
    st.one_of(
        st.floats(-1e3, 1e3), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.0, 1.0, -1.0, 0.5])
    ),
    max_size=60,
)


def counted(observed: list[float], schema: int = 3, most: int = MOST_BUCKETS) -> ExponentialValue:
    """Count observations one by one, the slow way: at the highest schema, not above the given one, where they fit."""
    zero = sum(abs(one) <= ZERO_THRESHOLD for one in observed)
    for lower in range(schema, MIN_SCHEMA - 1, -1):
        sides: list[Counter[int]] = [Counter(), Counter()]
        for one in observed:
            if abs(one) > ZERO_THRESHOLD:
                sides[one < 0][index_of(abs(one), lower)] += 1
        spans = [range(min(side), max(side) + 1) if side else range(0) for side in sides]
        if sum(map(len, spans)) <= most or lower == MIN_SCHEMA:
            break
    positive, negative = (
        Buckets(span.start, tuple(side[index] for index in span)) for span, side in zip(spans, sides, strict=True)
    )
    return ExponentialValue(lower, zero, positive, negative, sum(observed))


def without_sum(one: ExponentialValue) -> tuple[object, ...]:
    """Return the counts of a value: sums of floats depend on their order."""
    return one.schema, one.zero, one.positive, one.negative


def test_every_bound_is_the_nearest_double() -> None:
    """By exact arithmetic: 2^(place/256 - 1) lies between the middles to both neighbours."""
    for place, bound in enumerate(MANTISSAS):
        below, above = ((Fraction(bound) + Fraction(math.nextafter(bound, to))) / 2 for to in (0.0, 1.0))
        assert below**256 <= Fraction(2) ** (place - 256) <= above**256
    assert len(MANTISSAS) == 256


def test_the_golden_vectors_are_true() -> None:
    """The table, and indices of values, as every language must have them; never regenerated here."""
    golden = json.loads(GOLDEN.read_text("utf-8"))
    assert [float.fromhex(one) for one in golden["mantissas"]] == list(MANTISSAS)
    for one in golden["indices"]:
        assert index_of(float.fromhex(one["value"]), one["schema"]) == one["index"], one
    for one in golden["coarser"]:
        assert coarser(one["index"], one["steps"]) == one["becomes"], one
    assert float.fromhex(golden["zero_threshold"]) == ZERO_THRESHOLD


@given(magnitudes, schemas)
@example(1.7976931348623157e308, 8)
@example(math.nextafter(ZERO_THRESHOLD, 1), 8)
def test_a_value_is_in_its_bucket(magnitude: float, schema: int) -> None:
    """Its bucket ends at it or above, and the bucket before ends below."""
    index = index_of(magnitude, schema)
    assert upper_bound(index - 1, schema) < magnitude <= upper_bound(index, schema)


@given(schemas, st.integers(-127 << 8, 1023 << 8))
def test_a_bound_belongs_to_the_bucket_below(schema: int, place: int) -> None:
    """Exact bounds are where logarithms fail: each is the last value of its bucket."""
    index = coarser(place, MAX_SCHEMA - schema)
    bound = upper_bound(index, schema)
    if math.isfinite(bound):
        assert index_of(bound, schema) == index
        assert index_of(math.nextafter(bound, math.inf), schema) == index + 1


@given(magnitudes, schemas, st.integers(0, 12))
def test_a_lower_schema_merges_neighbours(magnitude: float, schema: int, steps: int) -> None:
    """To find a value's bucket at a lower schema is the same as to lower its bucket."""
    lower = max(MIN_SCHEMA, schema - steps)
    assert coarser(index_of(magnitude, schema), schema - lower) == index_of(magnitude, lower)


@given(observations, observations, observations, schemas, schemas, schemas)
def test_merging_is_counting_everything_at_the_lowest_schema(
    one: list[float], two: list[float], three: list[float], first: int, second: int, third: int
) -> None:
    """In any order and grouping, whatever the schemas are."""
    parts = counted(one, first), counted(two, second), counted(three, third)
    lowest = min(part.schema for part in parts)
    wanted = without_sum(counted([*one, *two, *three], lowest))
    assert without_sum(parts[0] + parts[1] + parts[2]) == wanted
    assert without_sum(parts[2] + (parts[1] + parts[0])) == wanted


@given(observations, observations, schemas)
def test_a_difference_is_what_came_since(before: list[float], since: list[float], schema: int) -> None:
    """A later value less an earlier one, at the later schema; and nothing has fallen then."""
    earlier, later = counted(before, schema), counted([*before, *since], schema)
    came = later - earlier
    assert without_sum(came) == without_sum(counted(since, later.schema))
    assert not fell(earlier, later)
    assert is_below(earlier, later) == bool(since)
    assert from_plain(json.loads(json.dumps(as_plain(later)))) == later


@given(st.lists(observations, max_size=6), schemas, st.integers(2, MOST_BUCKETS))
def test_flushing_finds_the_same_buckets_as_the_obvious_way(flushes: list[list[float]], schema: int, most: int) -> None:
    """Batch by batch, sorted runs give what counting one by one gives; the schema falls as late as it can."""
    store = Store(schema, most)
    for batch in flushes:
        store = store.count(sorted(batch)) if batch else store
    observed = [one for batch in flushes for one in batch]
    assert without_sum(store.value(0.0)) == without_sum(counted(observed, schema, most))


@given(observations, schemas)
def test_the_whole_range_of_doubles_fits(observed: list[float], schema: int) -> None:
    """Whatever is observed, there are at most 160 buckets."""
    every = [1.7976931348623157e308, -1.7976931348623157e308, math.nextafter(ZERO_THRESHOLD, 1), -1e-38, 0.0]
    wide = counted([*observed, *every], schema)
    assert len(wide.positive.counts) + len(wide.negative.counts) <= MOST_BUCKETS


@given(st.lists(observations, min_size=1, max_size=4), st.integers(-4, 5))
def test_a_ladder_is_exact_at_each_of_its_bounds(several: list[list[float]], finest: int) -> None:
    """Of each histogram as many are at or below a bound as were observed there; below zero, as are below it."""
    values = [counted(observed, 4) for observed in several]
    ladder = ladder_of(values, finest=finest)
    assert all(lower < upper for lower, upper in pairwise(ladder.bounds))
    for observed, one in zip(several, values, strict=True):
        for bound, cumulative in zip(ladder.bounds, accumulate(ladder.place(one)), strict=False):
            assert cumulative == sum(x < bound or x == bound > 0 for x in observed), bound
        assert sum(ladder.place(one)) == len(observed)


def test_a_node_counts_without_bounds(bare: TelemetryCollector) -> None:
    """Observed as any histogram is, children and all; what cannot be counted is dropped and told."""
    waits = bare.register_histogram("wait_seconds", "How long", "exponential", labels=["queue"])
    for one in (0.1, 0.25, 0.3, 7.0, 0.0, -2.0):
        waits.labels("a").observe(one)
    assert isinstance(waits.labels("a"), ExponentialHistogram)
    waits.observe(1e300, {"queue": "b"})
    [family] = bare.collect()
    read = family.series[0].value
    assert isinstance(read, ExponentialValue)
    assert without_sum(read) == without_sum(counted([0.1, 0.25, 0.3, 7.0, 0.0, -2.0]))
    assert read.sum == pytest.approx(5.65)
    assert waits.labels("a").buckets == [-2.0, -1.0, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    assert [one.value for one in waits.labels("a").get_value()] == [
        0,
        1,
        2,
        3,
        4,
        5,
        5,
        5,
        5,
        6,
        pytest.approx(5.65),
        6,
    ]
    waits.labels("a").reset()
    assert waits.labels("a").buckets == []


def test_nan_and_infinities_are_dropped_and_counted(collector: TelemetryCollector) -> None:
    """As in a histogram with fixed bounds: the format would have a place for infinities, and no sum."""
    sizes = collector.register_histogram("sizes", buckets=Exponential(schema=0))
    for one in (math.nan, math.inf, -math.inf, 3.0):
        sizes.observe(one)
    read = value(collector, "sizes")
    assert isinstance(read, ExponentialValue)
    assert read == ExponentialValue(0, 0, Buckets(2, (1,)), Buckets(), 3.0)
    assert problems(collector)["not_finite"] == 3


@pytest.mark.parametrize("most", [2, 20, 160])
def test_the_schema_falls_and_stays(bare: TelemetryCollector, most: int) -> None:
    """More buckets than `max` become fewer; what was counted before is where it would be had it begun so."""
    sizes = bare.register_histogram("sizes", buckets=Exponential(5, most))
    observed = [1.0 + step / 100 for step in range(700)]
    for one in observed:
        sizes.observe(one)
    first = value(bare, "sizes")
    sizes.observe(1e12)
    last = value(bare, "sizes")
    assert isinstance(first, ExponentialValue)
    assert isinstance(last, ExponentialValue)
    assert without_sum(first) == without_sum(counted(observed, 5, most))
    assert without_sum(last) == without_sum(counted([*observed, 1e12], 5, most))
    assert last.schema < first.schema
    sizes.observe(1.0)
    after = value(bare, "sizes")
    assert isinstance(after, ExponentialValue)
    assert after.schema == last.schema


def test_text_shows_powers_of_two(bare: TelemetryCollector) -> None:
    """All series of a family have the same bounds, so that they can be added up by `le`; a parser reads them back."""
    waits = bare.register_histogram("wait_seconds", "How long", "exponential", labels=["queue"])
    for one in (0.1, 0.25, 7.0):
        waits.labels("a").observe(one)
    waits.labels("b").observe(100.0)
    [family] = parse_text(bare.export_to_prometheus())
    bounds = ["0.0625", "0.125", "0.25", "0.5", "1.0", "2.0", "4.0", "8.0", "16.0", "32.0", "64.0", "128.0", "+Inf"]
    for queue, counts in (("a", [0, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3]), ("b", [0] * 11 + [1, 1])):
        shown = [one for one in family.samples if one.labels == {**one.labels, "queue": queue} and "le" in one.labels]
        assert family.type == "histogram"
        assert [(one.labels["le"], one.value) for one in shown] == list(zip(bounds, counts, strict=True))


def test_bounds_that_are_no_power_of_ten_are_written_so_that_they_are_read_back(bare: TelemetryCollector) -> None:
    """At the lowest schema a bound has seventeen digits."""
    sizes = bare.register_histogram("sizes", buckets="exponential")
    for one in (-1e300, 1e-30, 1e300):
        sizes.observe(one)
    [family] = parse_text(bare.export_to_prometheus())
    read = [float(one.labels["le"]) for one in family.samples if "le" in one.labels]
    assert read[:-1] == sizes.buckets


def test_an_exemplar_stays_with_its_power_of_two(bare: TelemetryCollector) -> None:
    """In OpenMetrics it is beside the bucket that its value is in."""
    waits = bare.register_histogram("wait_seconds", buckets="exponential")
    for one in (0.3, 5.0):
        waits.observe(one, exemplar={"trace_id": f"t{one}"})
    [snapshot] = bare.collect()
    exemplars = snapshot.series[0].exemplars or {}
    assert sorted(one.value for one in exemplars.values()) == [0.3, 5.0]
    assert b'le="0.5"} 1 # {trace_id="t0.3"}' in generate_openmetrics([snapshot])


def test_the_same_metric_is_returned_and_another_refused(bare: TelemetryCollector) -> None:
    """Fixed and exponential buckets under one name, or other resolutions, are told apart with what differs."""
    waits = bare.register_histogram("wait_seconds", "", "exponential")
    assert bare.register_histogram("wait_seconds", "", Exponential()) is waits
    assert waits.type is MetricType.EXPONENTIAL_HISTOGRAM
    with pytest.raises(ValueError, match="other buckets"):
        bare.register_histogram("wait_seconds", "", Exponential(schema=4))
    with pytest.raises(ValueError, match="another type"):
        bare.register_histogram("wait_seconds")


@pytest.mark.parametrize("wrong", [{"schema": 9}, {"schema": -5}, {"max": 1}, {"max": 161}])
def test_a_resolution_that_there_is_not_is_refused(wrong: dict[str, int]) -> None:
    """With the range that there is."""
    with pytest.raises(ValueError, match="must be from"):
        Exponential(**wrong)


def test_threads_lose_no_observation(bare: TelemetryCollector) -> None:
    """Counts are exact with four writers and a reader, while the schema falls."""
    sizes = bare.register_histogram("sizes", buckets=Exponential(8))
    hammer(bare, lambda index: sizes.observe(1.0 + index % 97))
    read = value(bare, "sizes")
    assert isinstance(read, ExponentialValue)
    assert read.count == 4 * 5_000
    assert read.schema < 8

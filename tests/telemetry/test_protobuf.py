"""Prometheus' protobuf, byte for byte as protobuf's own library writes it, and read back by its lengths."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate
from math import inf
from typing import Any, Final

from tests.outgoing.messages import SCRAPE
from utilityfog_frontend.telemetry.exponential.buckets import index_of, upper_bound
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.exposition.messages import native_histogram
from utilityfog_frontend.telemetry.exposition.native import NativeHistogram
from utilityfog_frontend.telemetry.exposition.protobuf import generate_protobuf
from utilityfog_frontend.telemetry.kinds import HistogramValue
from utilityfog_frontend.telemetry.model import Exemplar, Family, FamilySnapshot, MetricType, SeriesSnapshot

TRACED: Final = Exemplar((("trace_id", "abc"),), 0.7, 1_795_000_000.5)


def delimited(data: bytes) -> list[Any]:
    """Return the messages of an answer."""
    found = []
    while data:
        length = shift = at = 0
        while True:
            length |= (data[at] & 0x7F) << shift
            at, shift = at + 1, shift + 7
            if not data[at - 1] & 0x80:
                break
        found.append(SCRAPE["MetricFamily"].FromString(data[at : at + length]))
        data = data[at + length :]
    return found


def expected(family: Family, series: Sequence[SeriesSnapshot]) -> Any:
    """Return the message of a family, made with protobuf's library."""
    kinds = {MetricType.COUNTER: 0, MetricType.GAUGE: 1, MetricType.HISTOGRAM: 4}
    message = SCRAPE["MetricFamily"](name=family.name, help=family.help, type=kinds[family.type])
    if family.unit:
        message.unit = family.unit
    for one in series:
        metric = message.metric.add()
        for name, value in one.labels:
            metric.label.add(name=name, value=value)
        part = {0: metric.counter, 1: metric.gauge, 4: metric.histogram}[message.type]
        if isinstance(one.value, HistogramValue):
            _fill(part, family, one)
        else:
            part.value = one.value
        if one.created is not None:
            part.created_timestamp.seconds, part.created_timestamp.nanos = int(one.created), 250_000_000
    return message


def _fill(part: Any, family: Family, one: SeriesSnapshot) -> None:
    value = one.value
    assert isinstance(value, HistogramValue)
    part.sample_count, part.sample_sum = value.count, value.sum
    count = 0
    for index, bound in enumerate((*family.bounds, inf)):
        count += value.counts[index]
        bucket = part.bucket.add(cumulative_count=count, upper_bound=bound)
        if one.exemplars and index in one.exemplars:
            bucket.exemplar.label.add(name="trace_id", value="abc")
            bucket.exemplar.value = 0.7
            bucket.exemplar.timestamp.seconds, bucket.exemplar.timestamp.nanos = 1_795_000_000, 500_000_000


FAMILIES: Final = [
    FamilySnapshot(
        Family("orders_total", MetricType.COUNTER, "Orders taken"),
        [
            SeriesSnapshot((("fog_path", "fog/0"), ("kind", "ü")), 7, created=1_795_000_000.25),
            SeriesSnapshot((("fog_path", "fog/1"), ("kind", "")), 0),
        ],
    ),
    FamilySnapshot(Family("depth", MetricType.GAUGE), [SeriesSnapshot((), -0.5)]),
    FamilySnapshot(Family("nothing", MetricType.GAUGE), []),
    FamilySnapshot(
        Family("took_seconds", MetricType.HISTOGRAM, "Time", "seconds", (0.5, 1.0)),
        [
            SeriesSnapshot((), HistogramValue((1, 0, 200), 4.5), created=1_795_000_000.25, exemplars={1: TRACED}),
            SeriesSnapshot((("a", "b"),), HistogramValue((0, 0, 0), 0.0)),
        ],
    ),
]


def test_families_are_what_protobuf_writes() -> None:
    """Counters, gauges, classic histograms; times of creation and exemplars; a family without series is none."""
    found = delimited(generate_protobuf(FAMILIES))
    wanted = [expected(one.family, one.series) for one in FAMILIES if one.series]
    assert found == wanted
    written = b"".join(len(data).to_bytes() + data for data in (one.SerializeToString() for one in wanted[1:2]))
    assert generate_protobuf(FAMILIES[1:2]) == written


def test_a_large_family_comes_in_parts() -> None:
    """Each with the family's name, and all series once."""
    family = Family("many_total", MetricType.COUNTER, "Many")
    series = [SeriesSnapshot((("n", str(number)),), number, created=1.0) for number in range(2_500)]
    found = delimited(generate_protobuf([FamilySnapshot(family, series)]))
    assert {one.name for one in found} == {"many_total"}
    assert len(found) > 1
    assert [metric.counter.value for one in found for metric in one.metric] == list(range(2_500))
    assert all(metric.counter.created_timestamp.seconds > 0 for one in found for metric in one.metric)


def test_native_histograms_are_what_protobuf_writes() -> None:
    """With spans and differences; one without observations has its threshold, by which it is known as native."""
    message = SCRAPE["Histogram"](sample_count=12, sample_sum=3.5, schema=-2, zero_threshold=2.0**-128, zero_count=2)
    message.negative_span.add(offset=4, length=1)
    message.negative_delta.extend([2])
    message.positive_span.add(offset=-3, length=2)
    message.positive_span.add(offset=9, length=1)
    message.positive_delta.extend([1, 3, -3])
    message.created_timestamp.seconds = 1_795_000_000
    native = NativeHistogram(-2, 12, 3.5, ((-3, 1), (-2, 4), (8, 1)), ((4, 2),), 2)
    metric = SCRAPE["Metric"]
    assert metric.FromString(native_histogram(native, 1_795_000_000.0)).histogram == message
    assert native_histogram(native, 1_795_000_000.0) == metric(histogram=message).SerializeToString()
    nothing = SCRAPE["Histogram"](sample_count=0, sample_sum=0, schema=3, zero_threshold=2.0**-128, zero_count=0)
    assert native_histogram(NativeHistogram(3, 0, 0.0)) == metric(histogram=nothing).SerializeToString()


def test_an_exponential_histogram_is_a_native_one() -> None:
    """A reader of protobuf has every bucket that was observed, with its own number, zero and both sides."""
    observed = [0.0, 1.0, 1.05, 3.0, 3.0, 900.0, -7.5]
    value = Store(3, 160).count(sorted(observed)).value(sum(observed))
    family = Family("wait_seconds", MetricType.EXPONENTIAL_HISTOGRAM, unit="seconds")
    [found] = delimited(generate_protobuf([FamilySnapshot(family, [SeriesSnapshot((), value, created=1.0)])]))
    histogram = found.metric[0].histogram
    read: dict[float, int] = {}
    for sign, spans, deltas in (
        (1, histogram.positive_span, histogram.positive_delta),
        (-1, histogram.negative_span, histogram.negative_delta),
    ):
        end, counts = 0, accumulate(deltas)
        for span in spans:
            first, end = end + span.offset, end + span.offset + span.length
            read |= {sign * upper_bound(index, histogram.schema): next(counts) for index in range(first, end)}
    buckets = {bound: count for bound, count in read.items() if count}
    wanted = Counter(math.copysign(upper_bound(index_of(abs(one), 3), 3), one) for one in observed if one)
    assert (found.type, histogram.schema, histogram.zero_count, histogram.sample_count) == (4, 3, 1, len(observed))
    assert buckets == wanted
    assert histogram.created_timestamp.seconds == 1

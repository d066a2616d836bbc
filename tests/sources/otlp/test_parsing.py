"""The own parser of OTLP, held against protobuf's: the same points, whatever the order of fields and what is new."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2

from fog_agent.sources.otlp.attributes import canonical, decoded
from fog_agent.sources.otlp.points import Bucketed, Kind, Summarized, Unusable
from fog_agent.sources.otlp.protobuf import MalformedError, fields
from fog_agent.sources.otlp.request import MOST_ITEMS, Parser, TooMuchError
from tests.sources.otlp.requests import request, resource, total
from utilityfog_frontend.telemetry.exponential.buckets import index_of, upper_bound
from utilityfog_frontend.telemetry.exposition import wire
from utilityfog_frontend.telemetry.model import ExponentialValue

Buckets = metrics_pb2.ExponentialHistogramDataPoint.Buckets
STAMPS = st.integers(0, 2**64 - 1)
WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(max_size=8)
COUNTS = st.lists(st.integers(0, 1_000), max_size=6)
UNKNOWN = st.binary(max_size=9).flatmap(
    lambda data: st.sampled_from(
        [
            b"",
            wire.block(99, data),
            wire.key(77, 0) + b"\x85\x01",
            wire.key(78, 1) + bytes(8),
            wire.key(79, 5) + bytes(4),
        ]
    )
)

arrays: Any = st.deferred(lambda: st.builds(common_pb2.ArrayValue, values=st.lists(any_values, max_size=2)))
any_values: Any = st.deferred(
    lambda: (
        st.builds(common_pb2.AnyValue, string_value=TEXTS)
        | st.builds(common_pb2.AnyValue, bool_value=st.booleans())
        | st.builds(common_pb2.AnyValue, int_value=WHOLE)
        | st.builds(common_pb2.AnyValue, double_value=st.floats(allow_nan=False))
        | st.builds(
            common_pb2.AnyValue, array_value=st.builds(common_pb2.ArrayValue, values=st.lists(any_values, max_size=2))
        )
    )
)
attributes = st.lists(
    st.builds(common_pb2.KeyValue, key=st.text(min_size=1, max_size=4), value=any_values),
    max_size=3,
    unique_by=lambda one: one.key,
)
numbers = st.builds(
    metrics_pb2.NumberDataPoint,
    start_time_unix_nano=STAMPS,
    time_unix_nano=STAMPS,
    as_int=WHOLE,
    attributes=attributes,
    flags=st.integers(0, 3),
) | st.builds(
    metrics_pb2.NumberDataPoint,
    start_time_unix_nano=st.integers(1, 9),
    time_unix_nano=st.integers(1, 9),
    as_double=st.floats(allow_nan=False),
    attributes=attributes,
    exemplars=st.lists(st.builds(metrics_pb2.Exemplar, as_int=WHOLE), max_size=1),
)


def plain(value: Any) -> Any:
    """Return what an attribute's value says."""
    which = value.WhichOneof("value")
    return [plain(one) for one in value.array_value.values] if which == "array_value" else getattr(value, which)


def said(point: Any) -> dict[str, Any]:
    """Return what a point's attributes say."""
    return {one.key: plain(one.value) for one in point.attributes}


@settings(max_examples=150)
@given(st.lists(numbers, max_size=4), st.sampled_from([0, 1, 2]), st.integers(0, 1), UNKNOWN)
def test_numbers_are_what_protobuf_reads(points: list[Any], temporality: int, monotonic: int, unknown: bytes) -> None:
    """Each point has its times, its value and its attributes; also at the second reading, which goes the quick way."""
    sent = request()
    metric = resource(sent, name="a").add(name="n", unit="s", description="d")
    metric.sum.aggregation_temporality = temporality
    metric.sum.is_monotonic = bool(monotonic)
    metric.sum.data_points.extend(points)
    parser = Parser()
    data = sent.SerializeToString()
    first, second = parser.parse(data + unknown), parser.parse(data)
    assert first == second
    (read,) = first
    assert (read.name, read.unit, read.description, read.kind) == (b"n", b"s", b"d", Kind.SUM)
    assert (read.temporality, read.monotonic, len(read.points)) == (temporality, monotonic, len(points))
    for (attributes, start, time, value), point in zip(read.points, points, strict=True):
        assert (start, time) == (point.start_time_unix_nano, point.time_unix_nano)
        assert value == (None if point.flags & 1 else getattr(point, point.WhichOneof("value")))
        assert decoded(attributes, 7) == said(point)


@given(numbers, st.randoms(use_true_random=False), UNKNOWN)
def test_fields_may_be_in_any_order(point: Any, random: Any, unknown: bytes) -> None:
    """A writer may order fields as it likes, and add new ones: the point is the same, and so is its key."""
    data = point.SerializeToString()
    parser = Parser()

    def read(body: bytes) -> Any:
        inner = wire.block(7, wire.block(1, body))
        return parser.parse(wire.block(1, wire.block(2, wire.block(2, inner))))[0].points[0]

    parts, at = [], 0
    for _, _, _, end in fields(data, 0, len(data)):
        parts.append(data[at:end])
        at = end
    random.shuffle(parts)
    plainly, shuffled = read(data), read(unknown + b"".join(parts))
    assert plainly[1:] == shuffled[1:]
    assert canonical(plainly[0]) == canonical(shuffled[0])


@given(st.binary(max_size=200))
def test_garbage_is_malformed_or_read(data: bytes) -> None:
    """Whatever comes, the parser says what it is or that it is nothing; what it refuses, protobuf refuses as well."""
    try:
        Parser().parse(data)
    except MalformedError:
        with pytest.raises(DecodeError):
            request().ParseFromString(data)


@given(st.binary(max_size=60), st.integers(0, 200), st.integers(1, 255))
def test_damage_never_escapes(tail: bytes, place: int, bits: int) -> None:
    """A request with damaged bytes is read, or is malformed; no other error comes out."""
    sent = request()
    metrics = resource(sent, host="h")
    total(metrics, "t", 1, attributes={"k": "v"})
    point = metrics.add(name="h").exponential_histogram.data_points.add(count=3, scale=2, zero_count=1)
    point.positive.bucket_counts.extend([1, 1])
    metrics.add(name="e").histogram.data_points.add(count=1, explicit_bounds=[1.0], bucket_counts=[1, 0])
    data = bytearray(sent.SerializeToString() + tail)
    data[place % len(data)] ^= bits
    with suppress(MalformedError):
        Parser().parse(bytes(data))


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=30), st.integers(-4, 20))
def test_exponential_buckets_are_shifted_by_one(values: list[float], scale: int) -> None:
    """Counted as OpenTelemetry numbers buckets, observations are where this house counts them, at its finest schema."""
    schema = min(scale, 8)
    fine: dict[int, int] = {}
    for value in values:
        theirs = index_of(value, schema) - 1
        index = theirs << (scale - schema) if scale > 8 else theirs
        fine[index] = fine.get(index, 0) + 1
    least = min(fine)
    if max(fine) - least > 2_000:
        return
    point = metrics_pb2.ExponentialHistogramDataPoint(count=len(values) + 2, sum=sum(values), scale=scale, zero_count=2)
    point.positive.offset = least
    point.positive.bucket_counts.extend([fine.get(index, 0) for index in range(least, max(fine) + 1)])
    value = _exponential(point)
    assert isinstance(value, ExponentialValue)
    assert (value.count, value.zero, value.sum) == (len(values) + 2, 2, sum(values))
    found = sorted(values)
    for index, count in enumerate(value.positive.counts, value.positive.first):
        for _ in range(count):
            assert upper_bound(index - 1, value.schema) < found[0] <= upper_bound(index, value.schema)
            found.pop(0)
    assert not found


def _exponential(point: Any) -> Any:
    sent = request()
    metric = resource(sent).add(name="e")
    metric.exponential_histogram.data_points.append(point)
    return Parser().parse(sent.SerializeToString())[0].points[0][3]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scale": -5}, "scale"),
        ({"count": 7}, "value"),
        ({"sum": float("inf")}, "value"),
        (
            {"positive": Buckets(offset=2**31 - 1, bucket_counts=[3])},
            "buckets",
        ),
        ({"positive": Buckets(bucket_counts=[0] * 5_000)}, "buckets"),
    ],
)
def test_exponential_histograms_that_have_no_place(change: dict[str, Any], reason: str) -> None:
    """Such a point is unusable, with the reason, and nothing large is made of it."""
    point = metrics_pb2.ExponentialHistogramDataPoint(**{"count": 3, "sum": 1.0, "scale": 3, "zero_count": 0} | change)
    if "positive" not in change:
        point.positive.bucket_counts.extend([1, 2])
    found = _exponential(point)
    assert isinstance(found, Unusable)
    assert found.reason == reason


def test_tiny_observations_are_counted_as_zero() -> None:
    """Buckets at and below 2^-128 are this house's zero, so that their observations are counted there."""
    point = metrics_pb2.ExponentialHistogramDataPoint(count=5, sum=1.0, scale=0)
    point.positive.offset = -130
    point.positive.bucket_counts.extend([2, 0, 3])  # up to 2^-129, and up to 2^-127
    value = _exponential(point)
    assert (value.zero, value.positive.first, value.positive.counts) == (2, -127, (3,))


def test_histograms_and_summaries() -> None:
    """An explicit histogram has its bounds and its trace ids, a summary its quantiles."""
    sent = request()
    metrics = resource(sent)
    point = metrics.add(name="h").histogram.data_points.add(
        count=3, sum=2.5, explicit_bounds=[0.5, 1.0], bucket_counts=[1, 2, 0]
    )
    point.exemplars.add(as_double=0.7, time_unix_nano=3_000_000_000, span_id=b"\1" * 8, trace_id=b"\2" * 16)
    point = metrics.add(name="s").summary.data_points.add(count=4, sum=9.0)
    point.quantile_values.add(quantile=0.5, value=2.0)
    bucketed, summarized = (one.points[0][3] for one in Parser().parse(sent.SerializeToString()))
    assert isinstance(bucketed, Bucketed)
    assert (bucketed.bounds, bucketed.value.counts, bucketed.value.sum) == ((0.5, 1.0), (1, 2, 0), 2.5)
    assert bucketed.exemplars[1].labels == (("span_id", "01" * 8), ("trace_id", "02" * 16))
    assert summarized == Summarized(4, 9.0, ((0.5, 2.0),))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"explicit_bounds": []}, "bounds"),
        ({"explicit_bounds": [2.0, 1.0]}, "bounds"),
        ({"explicit_bounds": [float(bound) for bound in range(300)]}, "bounds"),
        ({"bucket_counts": [1, 1]}, "value"),
        ({"count": 4}, "value"),
    ],
)
def test_histograms_that_have_no_place(change: dict[str, Any], reason: str) -> None:
    """Such a point is unusable, with the reason."""
    sent = request()
    fields = {"count": 3, "explicit_bounds": [0.5, 1.0], "bucket_counts": [1, 2, 0]} | change
    resource(sent).add(name="h").histogram.data_points.add(**fields)
    found = Parser().parse(sent.SerializeToString())[0].points[0][3]
    assert isinstance(found, Unusable)
    assert found.reason == reason


def test_too_many_points_are_refused_before_they_are_made() -> None:
    """Points of two bytes each are too many long before the limit of bytes."""
    points = b"\x0a\x00" * (MOST_ITEMS + 1)
    data = wire.block(1, wire.block(2, wire.block(2, wire.block(1, b"n") + wire.block(7, points))))
    with pytest.raises(TooMuchError):
        Parser().parse(data)

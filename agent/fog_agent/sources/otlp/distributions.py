"""Histograms and summaries of OTLP as values of this house. Pure.

A bucket of OpenTelemetry with the index i has values up to base^(i + 1); here it has the number i + 1. Scales finer
than 8 are made coarser, exactly; those below -4 have no schema here.

Source: opentelemetry-proto, metrics/v1/metrics.proto.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from math import isfinite
from struct import unpack_from
from typing import Final

from fog_agent.sources.otlp import protobuf
from fog_agent.sources.otlp.points import Bucketed, Summarized, Unusable
from fog_agent.sources.otlp.protobuf import BYTES, FIXED64, VARINT, Read, fields
from fog_schema.limits import MAX_BOUNDS
from fog_schema.sections.exponential_histogram import bucket_range
from utilityfog_frontend.telemetry.exponential.buckets import MAX_SCHEMA, MIN_SCHEMA
from utilityfog_frontend.telemetry.exponential.value import Buckets, ExponentialValue, trimmed
from utilityfog_frontend.telemetry.kinds import HistogramValue
from utilityfog_frontend.telemetry.model import Exemplar

MOST_BUCKETS: Final = 2_048
"""Of an exponential histogram, on one side of zero, as they are sent."""
MOST_QUANTILES: Final = 32


def histogram(data: bytes, found: list[Read]) -> Bucketed | Unusable:
    """Make an explicit histogram of the fields of a point.

    Raises:
        MalformedError: An exemplar is none.
    """
    count, total = 0, 0.0
    counts: tuple[int, ...] = ()
    bounds: tuple[float, ...] = ()
    exemplars: list[Exemplar] = []
    for number, kind, at, end in found:
        if kind == FIXED64 and number in (4, 5):
            count, total = (protobuf.unsigned(data, at), total) if number == 4 else (count, protobuf.double(data, at))
        elif kind in (FIXED64, BYTES) and number in (6, 7):
            size = (end - at) // 8
            if size + len(counts if number == 6 else bounds) > MAX_BOUNDS + 1:
                return Unusable("bounds", f"a histogram has more than {MAX_BOUNDS} bounds")
            if number == 6:
                counts += unpack_from(f"<{size}Q", data, at)
            else:
                bounds += unpack_from(f"<{size}d", data, at)
        elif (number, kind) == (8, BYTES) and len(exemplars) < MAX_BOUNDS:
            exemplars += _exemplar(data, at, end)
    wrong = _wrong(bounds, counts, count, total)
    if wrong is not None:
        return wrong
    return Bucketed(bounds, HistogramValue(counts, total), {bisect_left(bounds, one.value): one for one in exemplars})


def _wrong(bounds: tuple[float, ...], counts: tuple[int, ...], count: int, total: float) -> Unusable | None:
    if not bounds or len(bounds) > MAX_BOUNDS:
        return Unusable("bounds", f"a histogram has {len(bounds)} bounds: it needs 1 to {MAX_BOUNDS}")
    if not all(map(isfinite, bounds)) or any(lower >= upper for lower, upper in pairwise(bounds)):
        return Unusable("bounds", "the bounds of a histogram are not finite numbers that ascend")
    if len(counts) != len(bounds) + 1 or sum(counts) != count:
        return Unusable("value", "the counts of a histogram's buckets do not fit its bounds or its count")
    if not isfinite(total):
        return Unusable("value", f"the sum of a histogram is {total}")
    return None


def _exemplar(data: bytes, begin: int, end: int) -> list[Exemplar]:
    value: float = 0.0
    time, span, trace = 0, b"", b""
    for number, kind, at, stop in fields(data, begin, end):
        if kind == FIXED64 and number in (3, 6):
            value = protobuf.double(data, at) if number == 3 else protobuf.signed(data, at)
        elif (number, kind) == (2, FIXED64):
            time = protobuf.unsigned(data, at)
        elif kind == BYTES and number in (4, 5):
            span, trace = (data[at:stop], trace) if number == 4 else (span, data[at:stop])
    if len(span) != 8 or len(trace) != 16 or not isfinite(value):
        return []
    return [Exemplar((("span_id", span.hex()), ("trace_id", trace.hex())), value, time / 1e9)]


def exponential(data: bytes, found: list[Read]) -> ExponentialValue | Unusable:
    """Make an exponential histogram of the fields of a point.

    Raises:
        MalformedError: A side of it is none.
    """
    count = zero = scale = 0
    total = 0.0
    sides: dict[int, tuple[int, list[int]]] = {8: (0, []), 9: (0, [])}
    for number, kind, at, end in found:
        if kind == FIXED64 and number in (4, 7):
            count, zero = (protobuf.unsigned(data, at), zero) if number == 4 else (count, protobuf.unsigned(data, at))
        elif (number, kind) == (5, FIXED64):
            total = protobuf.double(data, at)
        elif (number, kind) == (6, VARINT):
            scale = protobuf.of_zigzag(at & 0xFFFFFFFF)
        elif kind == BYTES and number in sides:
            if end - at > 2 * MOST_BUCKETS * 5:
                return Unusable("buckets", f"an exponential histogram has more than {MOST_BUCKETS} buckets on one side")
            sides[number] = _side(data, at, end)
    if max(len(side[1]) for side in sides.values()) > MOST_BUCKETS:
        return Unusable("buckets", f"an exponential histogram has more than {MOST_BUCKETS} buckets on one side")
    if scale < MIN_SCHEMA:
        return Unusable("scale", f"an exponential histogram has the scale {scale}: the coarsest here is {MIN_SCHEMA}")
    if zero + sum(sum(side[1]) for side in sides.values()) != count or not isfinite(total):
        return Unusable(
            "value", "the buckets of an exponential histogram do not fit its count, or its sum is no number"
        )
    return _placed(scale, zero, total, [sides[8], sides[9]])


def _placed(scale: int, zero: int, total: float, sides: list[tuple[int, list[int]]]) -> ExponentialValue | Unusable:
    """Return the value with its buckets numbered as they are here; those that are zero here are counted there."""
    schema = min(scale, MAX_SCHEMA)
    least, most = bucket_range(schema)
    placed = []
    for offset, counts in sides:
        buckets = trimmed(offset + 1, counts).at(scale - schema)
        below = max(0, min(least - buckets.first, len(buckets.counts)))
        if buckets.counts and below:
            zero += sum(buckets.counts[:below])
            buckets = trimmed(buckets.first + below, list(buckets.counts[below:]))
        if buckets.counts and buckets.first + len(buckets.counts) - 1 > most:
            return Unusable("buckets", "an exponential histogram has a bucket above the largest number")
        placed.append(buckets)
    positive, negative = placed
    return ExponentialValue(schema, zero, positive, negative, total).within()


def _side(data: bytes, begin: int, end: int) -> tuple[int, list[int]]:
    offset, counts = 0, list[int]()
    for number, kind, at, stop in fields(data, begin, end):
        if (number, kind) == (1, VARINT):
            offset = protobuf.of_zigzag(at & 0xFFFFFFFF)
        elif (number, kind) == (2, BYTES):
            counts += protobuf.varints(data, at, stop)
        elif (number, kind) == (2, VARINT):
            counts.append(at)
    return offset, counts


def summary(data: bytes, found: list[Read]) -> Summarized | Unusable:
    """Make a summary of the fields of a point.

    Raises:
        MalformedError: A quantile is none.
    """
    count, total = 0, 0.0
    quantiles: list[tuple[float, float]] = []
    for number, kind, at, end in found:
        if kind == FIXED64 and number in (4, 5):
            count, total = (protobuf.unsigned(data, at), total) if number == 4 else (count, protobuf.double(data, at))
        elif (number, kind) == (6, BYTES):
            values = {1: 0.0, 2: 0.0}
            for field, written, place, _ in fields(data, at, end):
                if written == FIXED64 and field in values:
                    values[field] = protobuf.double(data, place)
            quantiles.append((values[1], values[2]))
    if len(quantiles) > MOST_QUANTILES:
        return Unusable("value", f"a summary has more than {MOST_QUANTILES} quantiles")
    return Summarized(count, total, tuple(quantiles))


def room(one: ExponentialValue, other: ExponentialValue) -> tuple[ExponentialValue, ExponentialValue]:
    """Return two values at a schema at which the buckets of both together are few, before they are added.

    Far apart at a fine schema there would be half a million between them.
    """
    schema = min(one.schema, other.schema)
    while schema > MIN_SCHEMA and max(
        _reach(one.positive, one.schema - schema, other.positive, other.schema - schema),
        _reach(one.negative, one.schema - schema, other.negative, other.schema - schema),
    ) > (2 * MOST_BUCKETS):
        schema -= 1
    return one.at(schema), other.at(schema)


def _reach(one: Buckets, steps: int, other: Buckets, others: int) -> int:
    if not one.counts or not other.counts:
        return 0
    one, other = one.at(steps), other.at(others)
    return max(one.first + len(one.counts), other.first + len(other.counts)) - min(one.first, other.first)

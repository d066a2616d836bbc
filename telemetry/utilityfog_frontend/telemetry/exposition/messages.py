"""The messages of Prometheus' protobuf that stand for one series, from client_model's metrics.proto.

That is proto2: a field that is set is written, also with its default.
"""

from itertools import accumulate
from math import inf

from utilityfog_frontend.telemetry.kinds import Value, exponential_of, histogram_of
from utilityfog_frontend.telemetry.model import Exemplar, Family, Labels, SeriesSnapshot

from . import wire
from .native import NativeHistogram, native_of, spans_of

_NANOS = 1_000_000_000


def present(field: int, value: int) -> bytes:
    """Write an integer that is there, also zero."""
    return wire.key(field, wire.VARINT) + wire.varint(value)


def label_pairs(labels: Labels) -> bytes:
    """Return labels as fields of `Metric`, or of `Exemplar`."""
    pairs = ((wire.encoded(name), wire.encoded(value)) for name, value in labels)
    return b"".join(wire.block(1, wire.block(1, name) + wire.block(2, value)) for name, value in pairs)


def gauge(family: Family, one: SeriesSnapshot) -> bytes:
    """Return the field `gauge` of `Metric`."""
    del family
    return wire.block(2, wire.double_always(1, _number(one.value)))


def counter(family: Family, one: SeriesSnapshot) -> bytes:
    """Return the field `counter` of `Metric`."""
    del family
    return wire.block(3, wire.double_always(1, _number(one.value)) + _created(3, one.created))


def histogram(family: Family, one: SeriesSnapshot) -> bytes:
    """Return the field `histogram` of `Metric`, with buckets of the family's bounds."""
    value, exemplars = histogram_of(one.value, family.name), one.exemplars or {}
    buckets = [
        wire.block(3, present(1, count) + wire.double_always(2, bound) + _exemplar(3, exemplars.get(index)))
        for index, (bound, count) in enumerate(zip((*family.bounds, inf), accumulate(value.counts), strict=True))
    ]
    parts = (present(1, value.count), wire.double_always(2, value.sum), *buckets, _created(15, one.created))
    return wire.block(7, b"".join(parts))


def exponential_histogram(family: Family, one: SeriesSnapshot) -> bytes:
    """Return the field `histogram` of `Metric`, with the buckets that the series has, not with bounds.

    Raises:
        TypeError: the value is none of an exponential histogram.
    """
    return native_histogram(native_of(exponential_of(one.value, family.name)), one.created)


def native_histogram(native: NativeHistogram, created: float | None = None) -> bytes:
    """Return the field `histogram` of `Metric` of a native histogram."""
    positive, negative = spans_of(native.positive), spans_of(native.negative)
    parts = (
        present(1, native.count),
        wire.double_always(2, native.sum),
        present(5, wire.zigzag(native.schema)),
        wire.double_always(6, native.zero_threshold),
        present(7, native.zero_count),
        *(_span(9, span) for span in negative.spans),
        *(present(10, wire.zigzag(delta)) for delta in negative.deltas),
        *(_span(12, span) for span in positive.spans),
        *(present(13, wire.zigzag(delta)) for delta in positive.deltas),
        _created(15, created),
    )
    return wire.block(7, b"".join(parts))


def _number(value: Value) -> float:
    return float(value)  # type: ignore[arg-type]  # a histogram has another type of family


def _created(field: int, created: float | None) -> bytes:
    return b"" if created is None else wire.block(field, _timestamp(created))


def _exemplar(field: int, one: Exemplar | None) -> bytes:
    if one is None:
        return b""
    return wire.block(field, label_pairs(one.labels) + wire.double_always(2, one.value) + _created(3, one.timestamp))


def _timestamp(seconds: float) -> bytes:
    """Return the message `google.protobuf.Timestamp`, which is proto3."""
    integral, fraction = divmod(seconds, 1.0)
    return wire.integer(1, max(0, int(integral))) + wire.integer(2, int(fraction * _NANOS))


def _span(field: int, span: tuple[int, int]) -> bytes:
    offset, length = span
    return wire.block(field, present(1, wire.zigzag(offset)) + present(2, length))

"""Remote write 1.0: `prometheus.WriteRequest`, one message of all series with one sample each.

The labels of a series and the lengths around them are made once; a step puts its values and its time between them.
Field numbers are those of Prometheus' prompb/remote.proto and types.proto.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from fog_aggregator.outgoing.items import About, Item, ItemKind, Moment
from fog_aggregator.outgoing.natives import Natives, divided
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Ints
from utilityfog_frontend.telemetry.exposition import wire
from utilityfog_frontend.telemetry.exposition.native import NativeHistogram, spans_of

EMPTY: Final = b""
"""A request without a series, which every receiver takes: its answer has the receiver's time."""
_VALUE: Final = wire.key(1, wire.FIXED64)
_NUMBER_BYTES: Final = 1 + 8
"""A value with the key before it; a value of zero is left out."""


TYPES: Final = {ItemKind.COUNTER: 1, ItemKind.GAUGE: 2, ItemKind.HISTOGRAM: 3, ItemKind.EXPONENTIAL: 3}
"""The numbers of `MetricMetadata.MetricType`, the same in 2.0."""
_MOST_PAIRS: Final = 16_384
"""Pairs of a name and a value whose bytes are remembered: most stand in very many series."""


class RemoteWrite:
    """The encoder of remote write 1.0."""

    def prepare(self, items: Sequence[Item]) -> PreparedWrite:
        """Make the bytes that stay the same."""
        plain, natives = divided(items)
        labels = [label_bytes(row) for item in items if not item.is_native for row in item.rows]
        return PreparedWrite(labels, plain, natives)


class PreparedWrite:
    """Series whose labels are bytes.

    Args:
        labels: The labels of each that has a sample, as fields of `TimeSeries`.
        plain: The places of their values.
        natives: The others, which are native histograms.
    """

    def __init__(self, labels: Sequence[bytes], plain: Ints, natives: Natives) -> None:
        self._labels = labels
        self._plain = plain
        self._natives = natives
        self._native_labels = [label_bytes(item.series) for item in natives.items]
        self._heads: list[bytes] = []
        self._heads_of_zero: dict[int, bytes] = {}
        self._time_bytes = 0

    def message(self, moment: Moment) -> bytes:
        """Return the body of a request, not compressed yet."""
        time = wire.integer(2, moment.time)
        if len(time) != self._time_bytes:
            self._frame(len(time))
        values = moment.values[self._plain]
        pieces: list[bytes] = [time] * (3 * len(self._labels))
        pieces[0::3] = self._heads
        pieces[1::3] = eights(values)
        for row in np.flatnonzero(values.view(np.int64) == 0).tolist():
            pieces[3 * row], pieces[3 * row + 1] = self._head_of_zero(row), b""
        for labels, native in zip(self._native_labels, self._natives.values(moment), strict=True):
            pieces.append(wire.block(1, labels + wire.block(4, native_message(native, moment.time))))
        return b"".join(pieces)

    def _frame(self, time_bytes: int) -> None:
        """Put the lengths around labels: they depend on how many bytes the time takes, which changes in 2109."""
        self._time_bytes = time_bytes
        self._heads_of_zero.clear()
        self._heads = [head(labels, _NUMBER_BYTES + time_bytes) + _VALUE for labels in self._labels]

    def _head_of_zero(self, row: int) -> bytes:
        """Return a series up to a sample of zero; those that have one have it for long, and most never."""
        known = self._heads_of_zero.get(row)
        if known is None:
            known = self._heads_of_zero[row] = head(self._labels[row], self._time_bytes)
        return known


def descriptions(metrics: Mapping[str, About]) -> bytes:
    """Return the body of a request that describes metrics by name, and has no series."""
    return b"".join(wire.block(3, _description(name, about)) for name, about in metrics.items())


def _description(name: str, about: About) -> bytes:
    words = wire.text(2, name) + wire.text(4, about.help) + wire.text(5, about.unit)
    return wire.integer(1, TYPES[about.kind]) + words


def eights(values: np.ndarray) -> list[bytes]:
    """Return each of some numbers of eight bytes as its bytes."""
    pieces: list[bytes] = values.astype(values.dtype.newbyteorder("<"), copy=False).view("V8").tolist()
    return pieces


def head(labels: bytes, sample: int) -> bytes:
    """Return a series up to its sample, which takes so many bytes."""
    inner = labels + wire.key(2, wire.BYTES) + wire.varint(sample)
    return wire.key(1, wire.BYTES) + wire.varint(len(inner) + sample) + inner


def label_bytes(labels: Labels) -> bytes:
    """Return labels, sorted by their names, as fields of `TimeSeries`."""
    return b"".join(map(_label, labels))


@lru_cache(_MOST_PAIRS)
def _label(pair: tuple[str, str]) -> bytes:
    name, value = pair
    return wire.block(1, wire.text(1, name) + wire.text(2, value))


def native_message(native: NativeHistogram, time: int, start: int = 0) -> bytes:
    """Return the message `Histogram`, the same in 1.0 and 2.0; `start` in milliseconds is of 2.0 alone."""
    positive, negative = spans_of(native.positive), spans_of(native.negative)
    one_of = wire.key(1, wire.VARINT) + wire.varint(native.count)  # of a oneof: written also when it is zero
    zero = wire.key(6, wire.VARINT) + wire.varint(native.zero_count)
    return b"".join(
        (
            one_of,
            wire.double(3, native.sum),
            wire.signed(4, native.schema),
            wire.double(5, native.zero_threshold),
            zero,
            *(_span(8, one) for one in negative.spans),
            wire.packed(9, map(wire.zigzag, negative.deltas)),
            *(_span(11, one) for one in positive.spans),
            wire.packed(12, map(wire.zigzag, positive.deltas)),
            wire.integer(15, time),
            wire.integer(17, start),
        )
    )


def _span(field: int, span: tuple[int, int]) -> bytes:
    offset, length = span
    return wire.block(field, wire.signed(1, offset) + wire.integer(2, length))

"""OTLP: `ExportMetricsServiceRequest`, cumulative, each series with the time at which it began to count.

The path of a group is an attribute of its points, not of the resource: Prometheus puts attributes of resources into
`target_info` alone, so that the series of all paths would be one. Names go out as they are, with the unit in its field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct
from typing import Final, Protocol

import numpy as np

from fog_aggregator.outgoing.items import About, Item, ItemKind, Moment, value_places
from fog_aggregator.outgoing.natives import ENDED, Natives
from fog_aggregator.outgoing.remote_write import eights
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Floats, is_stale
from utilityfog_frontend.telemetry.exposition import wire
from utilityfog_frontend.telemetry.exposition.native import NativeHistogram, dense

_FIXED: Final = Struct("<Q")
_CUMULATIVE: Final = wire.integer(2, 2)
_MONOTONIC: Final = wire.integer(3, 1)
_NO_VALUE: Final = 1
"""The flag of a point that says that its series has ended."""
_MOST_PAIRS: Final = 16_384
"""Pairs of a name and a value whose bytes are remembered."""
_NANOS: Final = 1_000_000
"""Nanoseconds in a millisecond."""


class Otlp:
    """The encoder of OTLP.

    Args:
        resource: The attributes of the resource, sorted by name.
        version: Of the program, for the scope.
    """

    def __init__(self, resource: Labels, version: str = "") -> None:
        self._resource = wire.block(1, b"".join(wire.block(1, attribute(*pair)) for pair in resource))
        self._scope = wire.block(1, wire.text(1, "fog_aggregator") + wire.text(2, version))

    def prepare(self, items: Sequence[Item]) -> PreparedOtlp:
        """Make the bytes that stay the same: metrics in the order in which they come first."""
        places: dict[tuple[str, About], list[int]] = {}
        for place, item in enumerate(items):
            places.setdefault((item.name, item.about), []).append(place)
        rows = value_places(items)
        metrics: list[_Metric] = []
        for (name, about), own in places.items():
            first = np.array([rows[place] for place in own], np.int64)
            points = [items[place] for place in own]
            metrics.append(_Metric(_described(name, about), _points(about.kind, points, first), own))
        return PreparedOtlp(self._resource, self._scope, metrics)


class _Points(Protocol):
    """The points of one metric."""

    def written(self, moment: Moment, starts: Sequence[int]) -> bytes:
        """Return the field `data` of the metric."""


@dataclass(frozen=True, slots=True)
class _Metric:
    """One metric.

    Attributes:
        head: Its name, help and unit.
        points: Its points.
        places: The places of its items.
    """

    head: bytes
    points: _Points
    places: Sequence[int]


class PreparedOtlp:
    """Metrics whose names and attributes are bytes.

    Args:
        resource: The resource, as a field of `ResourceMetrics`.
        scope: The scope, as a field of `ScopeMetrics`.
        metrics: The metrics.
    """

    def __init__(self, resource: bytes, scope: bytes, metrics: Sequence[_Metric]) -> None:
        self._resource = resource
        self._scope = scope
        self._metrics = metrics

    def message(self, moment: Moment) -> bytes:
        """Return the body of a request, not compressed yet."""
        metrics = []
        for one in self._metrics:
            starts = [moment.starts[place] * _NANOS for place in one.places]
            metrics.append(wire.block(2, one.head + one.points.written(moment, starts)))
        return wire.block(1, self._resource + wire.block(2, self._scope + b"".join(metrics)))


class _Numbers:
    """Points with a plain number: of a counter or of a gauge."""

    def __init__(self, kind: ItemKind, items: Sequence[Item], rows: np.ndarray) -> None:
        self._is_counter = kind is ItemKind.COUNTER
        self._rows = rows
        self._attributes = [_attributes(7, item.labels) for item in items]
        self._starts: Sequence[int] = ()
        self._heads: list[bytes] = []

    def written(self, moment: Moment, starts: Sequence[int]) -> bytes:
        """Return the field `sum` or `gauge`."""
        if starts != self._starts or not self._heads:
            self._starts, self._heads = starts, [self._head(*one) for one in zip(self._attributes, starts, strict=True)]
        own, time = moment.values[self._rows], _time(moment)
        pieces: list[bytes] = [time + wire.key(4, wire.FIXED64)] * (4 * len(own))
        pieces[0::4] = self._heads
        pieces[2::4] = eights(own)
        pieces[3::4] = self._attributes
        for row in np.flatnonzero(is_stale(own)).tolist():
            point = _start(starts[row]) + time + self._attributes[row] + wire.integer(8, _NO_VALUE)
            pieces[4 * row : 4 * row + 4] = wire.block(1, point), b"", b"", b""
        points = b"".join(pieces)
        return wire.block(7, points + _CUMULATIVE + _MONOTONIC) if self._is_counter else wire.block(5, points)

    @staticmethod
    def _head(attributes: bytes, start: int) -> bytes:
        began = _start(start)
        return wire.key(1, wire.BYTES) + wire.varint(len(began) + 18 + len(attributes)) + began


class _Histograms:
    """Points of histograms with buckets of their own bounds."""

    def __init__(self, items: Sequence[Item], rows: np.ndarray) -> None:
        self._first = rows.tolist()
        self._bounds = [item.bounds for item in items]
        self._bound_bytes = [wire.block(7, np.array(one, "<f8").tobytes()) if one else b"" for one in self._bounds]
        self._attributes = [_attributes(9, item.labels) for item in items]

    def written(self, moment: Moment, starts: Sequence[int]) -> bytes:
        """Return the field `histogram`."""
        points, time = [], _time(moment)
        for place, first in enumerate(self._first):
            own = moment.values[first : first + len(self._bounds[place]) + 3]
            began = _start(starts[place]) + time
            if is_stale(own).any():
                point = began + self._attributes[place] + wire.integer(10, _NO_VALUE)
            else:
                point = began + self._counted(own) + self._bound_bytes[place] + self._attributes[place]
            points.append(wire.block(1, point))
        return wire.block(9, b"".join(points) + _CUMULATIVE)

    @staticmethod
    def _counted(own: Floats) -> bytes:
        """Return the count, the sum and the counts of the buckets, each alone."""
        counts = np.diff(own[:-2], prepend=0.0).astype("<u8").tobytes()
        return wire.fixed(4, int(own[-1])) + wire.double_always(5, float(own[-2])) + wire.block(6, counts)


class _Exponentials:
    """Points of exponential histograms."""

    def __init__(self, items: Sequence[Item], rows: np.ndarray) -> None:
        self._natives = Natives(items, range(len(items)), rows.tolist())
        self._attributes = [_attributes(1, item.labels) for item in items]

    def written(self, moment: Moment, starts: Sequence[int]) -> bytes:
        """Return the field `exponential_histogram`."""
        points = zip(self._attributes, starts, self._natives.values(moment), strict=True)
        written = (
            wire.block(1, attributes + _exponential(native, moment, start)) for attributes, start, native in points
        )
        return wire.block(10, b"".join(written) + _CUMULATIVE)


def _points(kind: ItemKind, items: Sequence[Item], rows: np.ndarray) -> _Points:
    """Return the points of a metric."""
    if kind is ItemKind.EXPONENTIAL:
        return _Exponentials(items, rows)
    return _Histograms(items, rows) if kind is ItemKind.HISTOGRAM else _Numbers(kind, items, rows)


def _exponential(native: NativeHistogram, moment: Moment, start: int) -> bytes:
    if native is ENDED:
        return _start(start) + _time(moment) + wire.integer(10, _NO_VALUE)
    sides = []
    for field, buckets in ((8, native.positive), (9, native.negative)):
        offset, counts = dense(buckets)
        if counts:
            sides.append(wire.block(field, wire.signed(1, offset) + wire.packed(2, counts)))
    return b"".join(
        (
            _start(start),
            _time(moment),
            wire.fixed(4, native.count),
            wire.double_always(5, native.sum),
            wire.signed(6, native.schema),
            wire.fixed(7, native.zero_count),
            *sides,
            wire.double(14, native.zero_threshold),
        )
    )


def attribute(name: str, value: str) -> bytes:
    """Return the message `KeyValue` of a text."""
    return wire.text(1, name) + wire.block(2, wire.block(1, wire.encoded(value)))


def _attributes(field: int, labels: Labels) -> bytes:
    return b"".join(_attribute(field, pair) for pair in labels)


@lru_cache(_MOST_PAIRS)
def _attribute(field: int, pair: tuple[str, str]) -> bytes:
    return wire.block(field, attribute(*pair))


def _described(name: str, about: About) -> bytes:
    return wire.text(1, name) + wire.text(2, about.help) + wire.text(3, about.unit)


def _start(nanos: int) -> bytes:
    return wire.fixed(2, nanos)


def _time(moment: Moment) -> bytes:
    return wire.key(3, wire.FIXED64) + _FIXED.pack(moment.time * _NANOS)


def rejected(answer: bytes) -> tuple[int, str]:
    """Read how many points a receiver has refused of a request that it took, and why: `partial_success`.

    An answer that cannot be read refuses nothing.
    """
    fields = _fields(answer)
    partial = fields.get(1)
    if not isinstance(partial, bytes):
        return 0, ""
    inner = _fields(partial)
    count, why = inner.get(1, 0), inner.get(2, b"")
    is_count = isinstance(count, int) and 0 <= count < 2**63
    return (int(count) if is_count else 0), (why.decode(errors="replace") if isinstance(why, bytes) else "")


def _fields(data: bytes) -> dict[int, int | bytes]:
    """Read the fields of a short message that are varints or bytes; stop at whatever is something else."""
    found: dict[int, int | bytes] = {}
    at = 0
    while at < len(data):
        tag, at = _varint_at(data, at)
        value, at = _varint_at(data, at)
        if tag & 7 == wire.VARINT:
            found[tag >> 3] = value
        elif tag & 7 == wire.BYTES:
            found[tag >> 3], at = data[at : at + value], at + value
        else:
            break
    return found


def _varint_at(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < 64:
        number |= (data[at] & 0x7F) << shift
        at, shift, goes_on = at + 1, shift + 7, data[at] & 0x80
        if not goes_on:
            break
    return number, at

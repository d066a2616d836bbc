"""From the bytes of a request to points: what is in it, not yet what it means. Pure.

A series is told again and again with the same attributes, so that their bytes are its key, and nothing of them is
decoded but once. Fields that are not known are skipped, as protobuf wants it.

Source: opentelemetry-proto, metrics/v1/metrics.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from fog_agent.sources.otlp import protobuf
from fog_agent.sources.otlp.distributions import exponential, histogram, summary
from fog_agent.sources.otlp.points import Kind, Point
from fog_agent.sources.otlp.protobuf import BYTES, FIXED64, VARINT, MalformedError, fields
from utilityfog_frontend.telemetry.exposition.wire import block

MOST_ITEMS: Final = 50_000
"""Resources, scopes, metrics and points of one request."""

MOST_PROVEN: Final = 20_000
"""Attributes that are remembered as nothing else than attributes."""

_NUMBER: Final = Struct("<BQBQBq")
_START, _TIME, _DOUBLE, _WHOLE = 0x11, 0x19, 0x21, 0x31  # the keys of a number's fields, as every writer orders them
_NO_RECORDED_VALUE: Final = 1
DELTA, CUMULATIVE = 1, 2

Span = tuple[int, int]


class TooMuchError(ValueError):
    """A request with more in it than is taken at once."""


class MetricData(NamedTuple):
    """One metric of one scope of one resource.

    Attributes:
        resource: the resource's message.
        scope: the scope's message.
        name: as it was sent.
        description: as it was sent.
        unit: as it was sent.
        kind: which of the kinds it is.
        temporality: `DELTA`, what was counted since the point before; `CUMULATIVE`, totals; or neither.
        monotonic: whether a sum only rises.
        points: its points.
        suffix: of the family's name, where it is a part of a summary.
    """

    resource: bytes
    scope: bytes
    name: bytes
    description: bytes
    unit: bytes
    kind: Kind
    temporality: int
    monotonic: bool
    points: list[Point]
    suffix: str = ""


class Parser:
    """Reads requests. One thread at a time.

    It remembers attributes, so that points of known series are read in one go.
    """

    def __init__(self) -> None:
        self._proven: set[bytes] = {b""}
        self._items = 0

    def parse(self, data: bytes) -> list[MetricData]:
        """Return the metrics of an `ExportMetricsServiceRequest`.

        Raises:
            MalformedError: It is none.
            TooMuchError: More than `MOST_ITEMS` are in it.
        """
        if len(self._proven) > MOST_PROVEN:
            self._proven = {b""}
        self._items = 0
        found: list[MetricData] = []
        for number, kind, at, end in fields(data, 0, len(data)):
            if (number, kind) == (1, BYTES):
                resource, scopes = self._within(data, (at, end))
                for scope in scopes:
                    name, metrics = self._within(data, scope)
                    found += [one for span in metrics if (one := self._metric(data, span, resource, name)) is not None]
        return found

    def _take(self, count: int) -> None:
        self._items += count
        if self._items > MOST_ITEMS:
            raise TooMuchError(f"more than {MOST_ITEMS} resources, scopes, metrics and points: send fewer at once")

    def _within(self, data: bytes, span: Span) -> tuple[bytes, list[Span]]:
        """Return the field 1 of a resource's or a scope's metrics, which says whose they are, and its parts."""
        whose, parts = b"", []
        for number, kind, at, end in fields(data, *span):
            if (number, kind) == (1, BYTES):
                whose += data[at:end]
            elif (number, kind) == (2, BYTES):
                self._take(1)
                parts.append((at, end))
        return whose, parts

    def _metric(self, data: bytes, span: Span, resource: bytes, scope: bytes) -> MetricData | None:
        texts = {1: b"", 2: b"", 3: b""}
        body: tuple[int, int, int] | None = None
        for number, kind, at, end in fields(data, *span):
            if kind == BYTES and number in texts:
                texts[number] = data[at:end]
            elif kind == BYTES and number in _KINDS:
                body = number, at, end
        if body is None:
            return None
        number, at, end = body
        spans, temporality, monotonic = self._body(data, at, end)
        what = _KINDS[number]
        points = self._numbers(data, spans) if number in (5, 7) else _others(data, spans, what)
        return MetricData(resource, scope, texts[1], texts[2], texts[3], what, temporality, monotonic, points)

    def _body(self, data: bytes, at: int, end: int) -> tuple[list[Span], int, bool]:
        """Return where the points of a metric are, its temporality, and whether it is monotonic."""
        spans: list[Span] = []
        temporality, monotonic = 0, False
        while at < end:
            # The usual case without the generator: a point that is shorter than 128 or 16,384 bytes.
            if data[at] == 0x0A and end - at > 2:
                length, begin = data[at + 1], at + 2
                if length > 0x7F:
                    length, begin = protobuf.varint(data, at + 1, end)
                at = begin + length
                if at > end:
                    raise MalformedError(f"a point at byte {begin} is cut off")
                spans.append((begin, at))
                continue
            number, kind, value, at = next(fields(data, at, end))
            if (number, kind) == (2, VARINT):
                temporality = value
            elif (number, kind) == (3, VARINT):
                monotonic = bool(value)
            elif (number, kind) == (1, BYTES):
                spans.append((value, at))
        self._take(len(spans) + 1)
        return spans, temporality, monotonic

    def _numbers(self, data: bytes, spans: list[Span]) -> list[Point]:
        points: list[Point] = []
        proven, unpack, double = self._proven, _NUMBER.unpack_from, protobuf.double
        for begin, end in spans:
            if end - begin >= _NUMBER.size:
                attributes = data[begin + _NUMBER.size : end]
                if attributes in proven:
                    one, start, two, time, three, integer = unpack(data, begin)
                    if one == _START and two == _TIME:
                        if three == _WHOLE:
                            points.append((attributes, start, time, integer))
                            continue
                        if three == _DOUBLE:
                            points.append((attributes, start, time, double(data, begin + 19)))
                            continue
            points.append(self._number(data, begin, end))
        return points

    def _number(self, data: bytes, begin: int, end: int) -> Point:
        """Read a point in whatever order its fields are."""
        attributes, start, time = b"", 0, 0
        value: int | float | None = None
        unrecorded = False
        for number, kind, at, stop in fields(data, begin, end):
            if kind == FIXED64 and number in (2, 3):
                start, time = (
                    (protobuf.unsigned(data, at), time) if number == 2 else (start, protobuf.unsigned(data, at))
                )
            elif kind == FIXED64 and number in (4, 6):
                value = protobuf.double(data, at) if number == 4 else protobuf.signed(data, at)
            elif (number, kind) == (7, BYTES):
                attributes += block(7, data[at:stop])
            elif (number, kind) == (8, VARINT):
                unrecorded = bool(at & _NO_RECORDED_VALUE)
        self._proven.add(attributes)
        return attributes, start, time, None if unrecorded else value


_KINDS: Final = {
    5: Kind.GAUGE,
    7: Kind.SUM,
    9: Kind.HISTOGRAM,
    10: Kind.EXPONENTIAL,
    11: Kind.SUMMARY,
}
_READ: Final = {Kind.HISTOGRAM: histogram, Kind.EXPONENTIAL: exponential, Kind.SUMMARY: summary}
ATTRIBUTES: Final = {Kind.GAUGE: 7, Kind.SUM: 7, Kind.HISTOGRAM: 9, Kind.EXPONENTIAL: 1, Kind.SUMMARY: 7}
"""The number of the field of a point's attributes."""
_FLAGS: Final = {Kind.HISTOGRAM: 10, Kind.EXPONENTIAL: 10, Kind.SUMMARY: 8}


def _others(data: bytes, spans: list[Span], kind: Kind) -> list[Point]:
    return list(_distributions(data, spans, kind))


def _distributions(data: bytes, spans: list[Span], kind: Kind) -> Iterator[Point]:
    read, attributes_field, flags = _READ[kind], ATTRIBUTES[kind], _FLAGS[kind]
    for span in spans:
        attributes, start, time, unrecorded = b"", 0, 0, False
        rest = []
        for one in fields(data, *span):
            number, written, at, stop = one
            if (number, written) == (attributes_field, BYTES):
                attributes += block(number, data[at:stop])
            elif written == FIXED64 and number in (2, 3):
                stamp = protobuf.unsigned(data, at)
                start, time = (stamp, time) if number == 2 else (start, stamp)
            elif (number, written) == (flags, VARINT):
                unrecorded = bool(at & _NO_RECORDED_VALUE)
            else:
                rest.append(one)
        yield attributes, start, time, None if unrecorded else read(data, rest)

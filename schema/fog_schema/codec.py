"""Frames to bytes and back. Pure: values in, values out.

A frame is the msgpack array ``[magic, version, kind, flags, epoch, seq, part, age_ms, interval_ms, body]``; the body
is a map from small field numbers. Its first bytes are therefore fixed (`PREAMBLE`): a message that does not begin so
was not written by a node, whatever its subject says. Readers skip fields and trailing header elements that they do
not know, and count them.

`decode` is what an aggregator does most. Hence ``type(x) is int`` (it is also what keeps bools out), and tuples as
msgpack made them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import msgpack

from fog_schema import limits
from fog_schema.columns import F64, I64, U8, U64, Ids, column_from_wire, ids_from_wire
from fog_schema.definitions import decode_definitions, encode_definitions
from fog_schema.errors import FrameError
from fog_schema.events import pack_event, unpack_event
from fog_schema.frames import (
    DELTA,
    EVENTS,
    KEYFRAME,
    MAGIC,
    REQUEST,
    VERSION,
    CoverageNumbers,
    Frame,
    Histograms,
    Lasts,
    Numbers,
    Request,
    Summaries,
    ValueCounts,
)

__all__ = ["decode", "decode_definitions", "decode_request", "encode", "encode_definitions", "encode_request"]

HEADER_LENGTH: Final = 10
REQUEST_LENGTH: Final = 6
PREAMBLE: Final = bytes([0x90 | HEADER_LENGTH, 0xA0 | len(MAGIC)]) + MAGIC.encode()
REQUEST_PREAMBLE: Final = bytes([0x90 | REQUEST_LENGTH]) + PREAMBLE[1:]
_BEGINNING: Final = PREAMBLE[1:] + bytes([VERSION])  # after the first byte, which says how long the array is
_new: Final = tuple.__new__

INFO, EVENTS_HELD, DEFINITIONS, COUNTERS, FRACTIONS, GAUGES, HISTOGRAMS, REMOVED, EVENT_LIST = range(1, 10)
SUMMARIES, LASTS, VALUE_COUNTS, COVERAGE = range(10, 14)

_WHOLE: Final = range(U8, I64 + 1)
_UNSIGNED: Final = range(U8, U64 + 1)
_FLOAT: Final = range(F64, F64 + 1)
_ANY: Final = range(U8, F64 + 1)


def encode(frame: Frame) -> bytes:
    """The bytes of a frame. Characters that UTF-8 does not have (lone surrogates) become question marks.

    Raises:
        FrameError: reason ``limit``, when it is more than any reader would look at.
    """
    _check_limit(len(frame.histograms), limits.MAX_ITEMS, "widths of histograms")
    _check_limit(len(frame.events), limits.MAX_EVENTS_PER_FRAME, "events")
    _check_limit(frame.removed.size if frame.removed else 0, limits.MAX_DEFINED, "removed ids")
    if frame.value_counts:
        longest = max(frame.value_counts.lengths.tolist(), default=0)
        _check_limit(int(longest), limits.MAX_VALUE_COUNTS, "values of one gauge")
    fields = {
        INFO: frame.info,
        EVENTS_HELD: frame.events_held,
        DEFINITIONS: frame.definitions or None,
        COUNTERS: frame.counters,
        FRACTIONS: frame.fractions,
        GAUGES: frame.gauges,
        HISTOGRAMS: frame.histograms or None,
        REMOVED: frame.removed,
        SUMMARIES: frame.summaries,
        LASTS: frame.lasts,
        VALUE_COUNTS: frame.value_counts,
        COVERAGE: frame.coverage,
        EVENT_LIST: [pack_event(event) for event in frame.events] or None,
    }
    body = {number: value for number, value in fields.items() if value is not None}
    header = (frame.kind, frame.flags, frame.epoch, frame.seq, frame.part, frame.age_ms, frame.interval_ms)
    data: bytes = msgpack.packb((MAGIC, VERSION, *header, body), unicode_errors="replace")
    _check_limit(len(data), limits.MAX_FRAME_BYTES, "bytes")
    return data


def decode(data: bytes) -> Frame:
    """Decode and check one frame; any bytes give a frame or a FrameError, and memory is bounded by their length.

    The definitions stay packed: `decode_definitions` opens them, once for all frames that bear the same.

    Raises:
        FrameError: with a reason of `fog_schema.errors.REASONS`.
    """
    header = _envelope(data, HEADER_LENGTH)
    kind, flags, epoch, seq, part, age_ms, interval_ms, body = header[2:HEADER_LENGTH]
    if not (
        type(kind) is type(flags) is type(epoch) is type(seq) is type(part) is type(age_ms) is type(interval_ms) is int
    ):
        raise FrameError("malformed", "the header's numbers are not all whole numbers")
    fields = _FIELDS.get(kind)
    if fields is None:
        raise FrameError("kind", f"kind {kind} is not known")
    if not (
        0 < epoch <= limits.MAX_EPOCH and 0 < seq <= limits.MAX_SEQ and 0 <= part < limits.MAX_PARTS and flags >= 0
    ):
        raise FrameError("malformed", f"epoch {epoch}, seq {seq}, part {part} or flags {flags} are out of range")
    if not (0 <= age_ms <= limits.MAX_AGE_MS and limits.MIN_INTERVAL_MS <= interval_ms <= limits.MAX_INTERVAL_MS):
        raise FrameError("malformed", f"age {age_ms} ms or interval {interval_ms} ms is out of range")
    if type(body) is not dict or len(body) > limits.MAX_FIELDS:
        raise FrameError("malformed", f"the body is not a map of at most {limits.MAX_FIELDS} fields")
    frame = Frame(kind, epoch, seq, flags, part, age_ms, interval_ms)
    if len(header) > HEADER_LENGTH:
        frame.unknown_fields = len(header) - HEADER_LENGTH
    for number, value in body.items():
        read = fields.get(number) if type(number) is int else None
        if read is not None:
            read(frame, value)
        else:
            frame.unknown_fields += 1
    return frame


def encode_request(request: Request) -> bytes:
    """The bytes of a request for keyframes."""
    fields = (REQUEST, request.epoch, request.first_event, request.last_event)
    data: bytes = msgpack.packb((MAGIC, VERSION, *fields))
    return data


def decode_request(data: bytes) -> Request:
    """Decode a request for keyframes.

    Raises:
        FrameError: when the bytes are anything else.
    """
    kind, epoch, first, last = _envelope(data, REQUEST_LENGTH)[2:REQUEST_LENGTH]
    if not (type(kind) is type(epoch) is type(first) is type(last) is int and kind == REQUEST):
        raise FrameError("malformed", "not a request: its kind, an epoch, a first and a last event are expected")
    if not (0 <= epoch <= limits.MAX_EPOCH and 0 <= first <= limits.MAX_SEQ and 0 <= last <= limits.MAX_SEQ):
        raise FrameError("malformed", f"epoch {epoch} or events {first} to {last} are out of range")
    return Request(epoch, first, last)


def _envelope(data: bytes, length: int) -> tuple[Any, ...]:
    """The array of `length` elements, or more of a later version, that begins as ours do."""
    if data[1:6] != _BEGINNING or not 0x90 | length <= data[0] <= 0x9F:
        if data[1:5] == PREAMBLE[1:] and 0x90 | length <= data[0] <= 0x9F:
            raise FrameError("version", f"only version {VERSION} is known here")
        raise FrameError("not_a_frame", f"begins with {data[:6].hex(' ') or 'nothing'}")
    if len(data) > limits.MAX_FRAME_BYTES:
        raise FrameError("limit", f"{len(data)} bytes, at most {limits.MAX_FRAME_BYTES} are read")
    try:
        header: tuple[Any, ...] = msgpack.unpackb(
            data,
            use_list=False,
            strict_map_key=False,
            max_array_len=limits.MAX_ITEMS,
            max_map_len=limits.MAX_ITEMS,
            max_ext_len=0,
        )
    except Exception as error:  # msgpack raises ValueError, its subclasses, TypeError for keys, UnicodeDecodeError, …
        raise FrameError("malformed", f"not msgpack, or over its limits: {error}"[:200]) from error
    return header


def _info(frame: Frame, value: object) -> None:
    if type(value) is not dict or len(value) > limits.MAX_INFO_ENTRIES:
        raise FrameError("malformed", f"info is not a map of at most {limits.MAX_INFO_ENTRIES} strings")
    for entry in (*value, *value.values()):
        if type(entry) is not str or len(entry) > limits.MAX_INFO_LENGTH:
            raise FrameError("malformed", f"info has something that is not a string of {limits.MAX_INFO_LENGTH}")
    frame.info = value


def _events_held(frame: Frame, value: object) -> None:
    if type(value) is tuple and len(value) == 2:
        first, last = value
        if type(first) is type(last) is int and 0 <= first <= last + 1 <= limits.MAX_SEQ:
            frame.events_held = (first, last)
            return
    raise FrameError("malformed", "the range of held events is not two numbers, the first and the last")


def _definitions(frame: Frame, value: object) -> None:
    if type(value) is not bytes:
        raise FrameError("definition", "the definitions are not packed bytes")
    frame.definitions = value


def _counters(frame: Frame, value: object) -> None:
    frame.counters = _numbers(value, _WHOLE, "counters")


def _fractions(frame: Frame, value: object) -> None:
    frame.fractions = _numbers(value, _FLOAT, "fractions")


def _gauges(frame: Frame, value: object) -> None:
    frame.gauges = _numbers(value, _ANY, "gauges")


def _numbers(value: object, allowed: range, what: str) -> Numbers:
    if type(value) is not tuple or len(value) != 2:
        raise FrameError("malformed", f"{what}: not a pair of ids and values")
    ids = ids_from_wire(value[0], what)
    return _new(Numbers, (ids, column_from_wire(value[1], allowed, ids.size, what)))


def _histograms(frame: Frame, value: object) -> None:
    if type(value) is not tuple:
        raise FrameError("malformed", "histograms: not a list of groups")
    frame.histograms = tuple([_histogram_group(group) for group in value])


def _histogram_group(group: object) -> Histograms:
    if type(group) is not tuple or len(group) != 4:
        raise FrameError("malformed", "histograms: a group is width, ids, counts and sums")
    width = group[0]
    if type(width) is not int or not 1 <= width <= limits.MAX_BOUNDS + 1:
        raise FrameError("limit", f"histograms: a width is a number from 1 to {limits.MAX_BOUNDS + 1}")
    ids = ids_from_wire(group[1], "histograms")
    rows = ids.size
    counts = column_from_wire(group[2], _UNSIGNED, rows * width, "bucket counts")
    return _new(Histograms, (width, ids, counts, column_from_wire(group[3], _FLOAT, rows, "sums")))


def _removed(frame: Frame, value: object) -> None:
    frame.removed = ids_from_wire(value, "removed")
    _check_limit(frame.removed.size, limits.MAX_DEFINED, "removed ids")


def _summaries(frame: Frame, value: object) -> None:
    ids, columns = _rows(value, 5, "summaries")
    counts = column_from_wire(columns[0], _UNSIGNED, ids.size, "counts of summaries")
    sums, minima, maxima = [column_from_wire(column, _ANY, ids.size, "summaries") for column in columns[1:]]
    frame.summaries = Summaries(ids, counts, sums, minima, maxima)


def _lasts(frame: Frame, value: object) -> None:
    ids, columns = _rows(value, 3, "lasts")
    values = column_from_wire(columns[0], _ANY, ids.size, "lasts")
    frame.lasts = Lasts(ids, values, column_from_wire(columns[1], _FLOAT, ids.size, "times of lasts"))


def _value_counts(frame: Frame, value: object) -> None:
    ids, columns = _rows(value, 4, "value counts")
    lengths = column_from_wire(columns[0], _UNSIGNED, ids.size, "lengths of value counts")
    total = 0
    for length in lengths.tolist():
        _check_limit(int(length), limits.MAX_VALUE_COUNTS, "values of one gauge")
        total += int(length)
    values = column_from_wire(columns[1], _ANY, total, "values of value counts")
    counts = column_from_wire(columns[2], _UNSIGNED, total, "counts of value counts")
    frame.value_counts = ValueCounts(ids, lengths, values, counts)


def _rows(value: object, length: int, what: str) -> tuple[Ids, tuple[Any, ...]]:
    """The ids that a section begins with, and its columns, not checked yet."""
    if type(value) is not tuple or len(value) != length:
        raise FrameError("malformed", f"{what}: not {length} elements, of which ids are the first")
    return ids_from_wire(value[0], what), value[1:]


def _coverage(frame: Frame, value: object) -> None:
    if type(value) is not tuple or len(value) != 4 or not all(type(one) is int for one in value):
        raise FrameError("malformed", "coverage: not four whole numbers, live, stale and departed nodes and an age")
    if not all(0 <= one <= limits.MAX_AGE_MS for one in value):
        raise FrameError("malformed", f"coverage: a number is not from 0 to {limits.MAX_AGE_MS}")
    frame.coverage = CoverageNumbers(*value)


def _events(frame: Frame, value: object) -> None:
    if type(value) is not tuple or not value or frame.seq + len(value) > limits.MAX_SEQ:
        raise FrameError("event", "not a list of events")
    frame.events = tuple([unpack_event(packed) for packed in value])


def _check_limit(count: int, limit: int, what: str) -> None:
    if count > limit:
        raise FrameError("limit", f"{count} {what}, at most {limit} are read")


_Fields: TypeAlias = dict[int, Callable[[Frame, object], None]]

_DELTA_FIELDS: Final[_Fields] = {
    DEFINITIONS: _definitions,
    COUNTERS: _counters,
    FRACTIONS: _fractions,
    GAUGES: _gauges,
    HISTOGRAMS: _histograms,
    REMOVED: _removed,
    SUMMARIES: _summaries,
    LASTS: _lasts,
    VALUE_COUNTS: _value_counts,
    COVERAGE: _coverage,
}
_FIELDS: Final[dict[int, _Fields]] = {
    KEYFRAME: _DELTA_FIELDS | {INFO: _info, EVENTS_HELD: _events_held},
    DELTA: _DELTA_FIELDS,
    EVENTS: {EVENT_LIST: _events},
}

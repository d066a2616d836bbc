"""Frames to bytes and back. Pure: values in, values out.

A frame is the msgpack array ``[magic, version, kind, flags, epoch, seq, part, age_ms, interval_ms, body]``; the body
is a map from small field numbers. Its first bytes are therefore fixed (`PREAMBLE`): a message that does not begin so
was not written by a node, whatever its subject says. Readers skip fields and trailing header elements that they do
not know, and count them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

import msgpack

from fog_schema import limits
from fog_schema.columns import F64, I64, U8, U64, Column, Ids, column_from_wire, ids_from_wire
from fog_schema.definitions import decode_definitions, encode_definitions
from fog_schema.errors import FrameError
from fog_schema.frames import (
    DELTA,
    EVENTS,
    KEYFRAME,
    MAGIC,
    REQUEST,
    VERSION,
    Event,
    Frame,
    Histograms,
    Numbers,
    Request,
)

__all__ = ["decode", "decode_definitions", "decode_request", "encode", "encode_definitions", "encode_request"]

HEADER_LENGTH: Final = 10
REQUEST_LENGTH: Final = 6
PREAMBLE: Final = bytes([0x90 | HEADER_LENGTH, 0xA0 | len(MAGIC)]) + MAGIC.encode()
REQUEST_PREAMBLE: Final = bytes([0x90 | REQUEST_LENGTH]) + PREAMBLE[1:]

INFO, EVENTS_HELD, DEFINITIONS, COUNTERS, FRACTIONS, GAUGES, HISTOGRAMS, REMOVED, EVENT_LIST = range(1, 10)

_WHOLE: Final = range(U8, I64 + 1)
_UNSIGNED: Final = range(U8, U64 + 1)
_FLOAT: Final = range(F64, F64 + 1)
_ANY: Final = range(U8, F64 + 1)


def encode(frame: Frame) -> bytes:
    """The bytes of a frame.

    Raises:
        FrameError: reason ``limit``, when it is longer than any reader would look at.
    """
    body: dict[int, Any] = {}
    if frame.info is not None:
        body[INFO] = frame.info
    if frame.events_held is not None:
        body[EVENTS_HELD] = frame.events_held
    if frame.definitions:
        body[DEFINITIONS] = frame.definitions
    for number, section in ((COUNTERS, frame.counters), (FRACTIONS, frame.fractions), (GAUGES, frame.gauges)):
        if section is not None:
            body[number] = section
    if frame.histograms:
        body[HISTOGRAMS] = frame.histograms
    if frame.removed is not None:
        body[REMOVED] = frame.removed
    if frame.events:
        body[EVENT_LIST] = [(e.name, e.value, e.labels, e.metadata, e.timestamp) for e in frame.events]
    header = (frame.kind, frame.flags, frame.epoch, frame.seq, frame.part, frame.age_ms, frame.interval_ms)
    data: bytes = msgpack.packb((MAGIC, VERSION, *header, body))
    if len(data) > limits.MAX_FRAME_BYTES:
        raise FrameError("limit", f"{len(data)} bytes, at most {limits.MAX_FRAME_BYTES} are read")
    return data


def decode(data: bytes) -> Frame:
    """Decode and check one frame; any bytes give a frame or a FrameError, and nothing is allocated beyond their size.

    The definitions stay packed: `decode_definitions` opens them, once for all frames that bear the same.

    Raises:
        FrameError: with a reason of `fog_schema.errors.REASONS`.
    """
    header = _envelope(data, PREAMBLE)
    kind, flags, epoch, seq, part, age_ms, interval_ms, body = header[2:HEADER_LENGTH]
    if (
        not type(kind)
        is type(flags)
        is type(epoch)
        is type(seq)
        is type(part)
        is type(age_ms)
        is type(interval_ms)
        is int
    ):
        raise FrameError("malformed", "the header's numbers are not all whole numbers")
    if kind not in (KEYFRAME, DELTA, EVENTS):
        raise FrameError("kind", f"kind {kind} is not known")
    if not (1 <= epoch <= limits.MAX_EPOCH and 1 <= seq <= limits.MAX_SEQ and 0 <= part < limits.MAX_PARTS):
        raise FrameError("malformed", f"epoch {epoch}, seq {seq} or part {part} is out of range")
    if not (0 <= age_ms <= limits.MAX_AGE_MS and limits.MIN_INTERVAL_MS <= interval_ms <= limits.MAX_INTERVAL_MS):
        raise FrameError("malformed", f"age {age_ms} ms or interval {interval_ms} ms is out of range")
    if type(body) is not dict or len(body) > limits.MAX_FIELDS or flags < 0:
        raise FrameError("malformed", "the body is not a map of at most 64 fields, or flags are negative")
    frame = Frame(kind, epoch, seq, flags, part, age_ms, interval_ms)
    if len(header) > HEADER_LENGTH:
        frame.unknown_fields = len(header) - HEADER_LENGTH
    for number, value in body.items():
        if read := _FIELDS.get(number):
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
    match _envelope(data, REQUEST_PREAMBLE)[2:6]:
        case [kind, int(epoch), int(first), int(last)] if kind == REQUEST:
            if 0 <= epoch <= limits.MAX_EPOCH and 0 <= first <= limits.MAX_SEQ and 0 <= last <= limits.MAX_SEQ:
                return Request(epoch, first, last)
    raise FrameError("malformed", "not a request: kind, epoch, first and last event expected")


def _envelope(data: bytes, preamble: bytes) -> list[Any]:
    if data[1 : len(preamble)] != preamble[1:] or not preamble[0] <= data[0] <= 0x9F:
        raise FrameError("not_a_frame", f"begins with {bytes(data[:6]).hex(' ') or 'nothing'}")
    if len(data) > limits.MAX_FRAME_BYTES:
        raise FrameError("limit", f"{len(data)} bytes, at most {limits.MAX_FRAME_BYTES} are read")
    if data[len(preamble) : len(preamble) + 1] != bytes([VERSION]):
        raise FrameError("version", f"only version {VERSION} is known here")
    try:
        header: list[Any] = msgpack.unpackb(
            data,
            strict_map_key=False,
            max_array_len=limits.MAX_EVENTS_PER_FRAME,
            max_map_len=limits.MAX_EVENTS_PER_FRAME,
            max_ext_len=0,
        )
    except Exception as error:  # msgpack raises ValueError, its subclasses, TypeError for keys, UnicodeDecodeError, …
        raise FrameError("malformed", f"not msgpack, or over its limits: {error}"[:200]) from error
    return header


def _info(frame: Frame, value: object) -> None:
    if not isinstance(value, dict) or len(value) > limits.MAX_INFO_ENTRIES:
        raise FrameError("malformed", f"info is not a map of at most {limits.MAX_INFO_ENTRIES} strings")
    for entry in (*value, *value.values()):
        if not isinstance(entry, str) or len(entry) > limits.MAX_INFO_LENGTH:
            raise FrameError("malformed", f"info has something that is not a string of {limits.MAX_INFO_LENGTH}")
    frame.info = value


def _events_held(frame: Frame, value: object) -> None:
    match value:
        case [int(first), int(last)] if 0 <= first <= limits.MAX_SEQ and 0 <= last <= limits.MAX_SEQ:
            frame.events_held = (first, last)
        case _:
            raise FrameError("malformed", "the range of held events is not two numbers")


def _definitions(frame: Frame, value: object) -> None:
    if not isinstance(value, bytes):
        raise FrameError("definition", "the definitions are not packed bytes")
    frame.definitions = value


def _counters(frame: Frame, value: object) -> None:
    frame.counters = _numbers(value, _WHOLE, "counters")


def _fractions(frame: Frame, value: object) -> None:
    frame.fractions = _numbers(value, _FLOAT, "fractions")


def _gauges(frame: Frame, value: object) -> None:
    frame.gauges = _numbers(value, _ANY, "gauges")


def _numbers(value: object, allowed: range, what: str) -> Numbers:
    if type(value) is not list or len(value) != 2:
        raise FrameError("malformed", f"{what}: not a pair of ids and values")
    ids, column = ids_from_wire(value[0], what), column_from_wire(value[1], allowed, what)
    if ids.size != column.size:
        raise FrameError("column", f"{what}: {ids.size} ids but {column.size} values")
    return Numbers(ids, column)


def _histograms(frame: Frame, value: object) -> None:
    if not isinstance(value, list) or len(value) > limits.MAX_BOUNDS:
        raise FrameError("malformed", "histograms: not a list of groups")
    frame.histograms = tuple(_histogram_group(group) for group in value)


def _histogram_group(group: object) -> Histograms:
    if type(group) is not list or len(group) != 4:
        raise FrameError("malformed", "histograms: a group is width, ids, counts and sums")
    width, ids, counts, sums = group
    if type(width) is not int or not 1 <= width <= limits.MAX_BOUNDS + 1:
        raise FrameError("limit", f"histograms: a width is a number from 1 to {limits.MAX_BOUNDS + 1}")
    checked = Histograms(
        width,
        ids_from_wire(ids, "histograms"),
        column_from_wire(counts, _UNSIGNED, "bucket counts"),
        column_from_wire(sums, _FLOAT, "sums"),
    )
    rows = checked.ids.size
    if checked.counts.size != rows * width or checked.sums.size != rows:
        raise FrameError("column", f"histograms: {rows} ids of {width} buckets do not match the columns")
    return checked


def _removed(frame: Frame, value: object) -> None:
    frame.removed = ids_from_wire(value, "removed")


def _events(frame: Frame, value: object) -> None:
    if frame.kind != EVENTS or not isinstance(value, list):
        raise FrameError("event", "a list of events belongs into an event frame")
    frame.events = [_event(entry) for entry in value]


def _event(entry: object) -> Event:
    match entry:
        case [str(name), value, dict(labels), dict(metadata), float(timestamp)] if (
            name
            and len(name) <= limits.MAX_NAME_LENGTH
            and math.isfinite(timestamp)
            and len(labels) <= limits.MAX_LABELS
            and all(isinstance(part, str) for pair in labels.items() for part in pair)
            and all(isinstance(key, str) for key in metadata)
        ):
            return Event(name, value, labels, metadata, timestamp)
    raise FrameError("event", "an event is name, value, labels (strings), metadata (named) and a finite time")


_FIELDS: Final[dict[int, Callable[[Frame, object], None]]] = {
    INFO: _info,
    EVENTS_HELD: _events_held,
    DEFINITIONS: _definitions,
    COUNTERS: _counters,
    FRACTIONS: _fractions,
    GAUGES: _gauges,
    HISTOGRAMS: _histograms,
    REMOVED: _removed,
    EVENT_LIST: _events,
}

"""Frames to bytes and back. Pure: values in, values out.

A frame is the msgpack array ``[magic, version, kind, flags, epoch, seq, part, age_ms, interval_ms, body]``; the body
is a map from small field numbers. Its first bytes are therefore fixed (`PREAMBLE`): a message that does not begin so
was not written by a node, whatever its subject says. Readers skip fields and trailing header elements that they do
not know, and count them.

`decode` is what an aggregator does most. Hence ``type(x) is int`` (it is also what keeps bools out), and tuples as
msgpack made them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from importlib import import_module
from operator import attrgetter
from typing import Any, Final, TypeAlias

import msgpack

from fog_schema import limits
from fog_schema.definitions import decode_definitions, encode_definitions
from fog_schema.errors import FrameError
from fog_schema.events import PackedEvents, pack_event
from fog_schema.frames import DELTA, EVENTS, KEYFRAME, KINDS_OF_VALUE, MAGIC, REQUEST, VERSION, Event, Frame, Request
from fog_schema.sections import coverage
from fog_schema.sections.field import Field, check_limit, decode_removed, encode_removed

__all__ = ["decode", "decode_definitions", "decode_request", "encode", "encode_definitions", "encode_request"]

HEADER_LENGTH: Final = 10
REQUEST_LENGTH: Final = 6
PREAMBLE: Final = bytes([0x90 | HEADER_LENGTH, 0xA0 | len(MAGIC)]) + MAGIC.encode()
REQUEST_PREAMBLE: Final = bytes([0x90 | REQUEST_LENGTH]) + PREAMBLE[1:]
_BEGINNING: Final = PREAMBLE[1:] + bytes([VERSION])  # after the first byte, which says how long the array is


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame. Characters that UTF-8 does not have (lone surrogates) become question marks.

    Raises:
        FrameError: reason ``limit``, when it is more than any reader would look at.
    """
    body = {}
    for (number, encode_field), value in zip(_ENCODERS, _values_of(frame), strict=True):
        if value is not None:
            wire = value if encode_field is None else encode_field(value)
            if wire is not None:
                body[number] = wire
    header = (frame.kind, frame.flags, frame.epoch, frame.seq, frame.part, frame.age_ms, frame.interval_ms)
    data: bytes = msgpack.packb((MAGIC, VERSION, *header, body), unicode_errors="replace")
    check_limit(len(data), limits.MAX_FRAME_BYTES, "bytes")
    return data


def decode(data: bytes) -> Frame:
    """Decode and check one frame; any bytes give a frame or a FrameError, and memory is bounded by their length.

    The definitions stay packed: `decode_definitions` opens them, once for all frames that bear the same.

    Raises:
        FrameError: with a reason of `fog_schema.errors.REASONS`.
    """
    header = read_envelope(data, HEADER_LENGTH)
    kind, flags, epoch, seq, part, age_ms, interval_ms, body = header[2:HEADER_LENGTH]
    if not (
        type(kind) is type(flags) is type(epoch) is type(seq) is type(part) is type(age_ms) is type(interval_ms) is int
    ):
        raise FrameError("malformed", "the header's numbers are not all integers")
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
        field = fields.get(number) if type(number) is int else None
        if field is not None:
            attribute, decode_field = field
            setattr(frame, attribute, decode_field(value))
        else:
            frame.unknown_fields += 1
    if frame.events and frame.seq + len(frame.events) > limits.MAX_SEQ:
        raise FrameError("event", f"events from number {frame.seq} on would pass {limits.MAX_SEQ}")
    return frame


def encode_request(request: Request) -> bytes:
    """Return the bytes of a request for keyframes."""
    notices = (request.notices,) if request.notices else ()
    fields = (REQUEST, request.epoch, request.first_event, request.last_event, *notices)
    data: bytes = msgpack.packb((MAGIC, VERSION, *fields))
    return data


def decode_request(data: bytes) -> Request:
    """Decode a request for keyframes.

    Raises:
        FrameError: when the bytes are anything else.
    """
    envelope = read_envelope(data, REQUEST_LENGTH)
    kind, epoch, first, last = envelope[2:REQUEST_LENGTH]
    if not (type(kind) is type(epoch) is type(first) is type(last) is int and kind == REQUEST):
        raise FrameError("malformed", "not a request: its kind, an epoch, a first and a last event are expected")
    if not (0 <= epoch <= limits.MAX_EPOCH and 0 <= first <= limits.MAX_SEQ and 0 <= last <= limits.MAX_SEQ):
        raise FrameError("malformed", f"epoch {epoch} or events {first} to {last} are out of range")
    notices = envelope[REQUEST_LENGTH] if len(envelope) > REQUEST_LENGTH else 0
    return Request(epoch, first, last, notices if type(notices) is int and notices > 0 else 0)


def read_envelope(data: bytes, length: int) -> tuple[Any, ...]:
    """Return the array of `length` elements, or more of a later version, that begins as ours do.

    Raises:
        FrameError: reason ``not_a_frame``, ``version``, ``limit`` or ``malformed``.
    """
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


def _decode_info(value: object) -> dict[str, str]:
    if type(value) is not dict or len(value) > limits.MAX_INFO_ENTRIES:
        raise FrameError("malformed", f"info is not a map of at most {limits.MAX_INFO_ENTRIES} strings")
    for entry in (*value, *value.values()):
        if type(entry) is not str or len(entry) > limits.MAX_INFO_LENGTH:
            raise FrameError("malformed", f"info has something that is not a string of {limits.MAX_INFO_LENGTH}")
    return value


def _decode_events_held(value: object) -> tuple[int, int]:
    if type(value) is tuple and len(value) == 2:
        first, last = value
        if type(first) is type(last) is int and 0 <= first <= last + 1 <= limits.MAX_SEQ:
            return (first, last)
    raise FrameError("malformed", "the range of held events is not two numbers, the first and the last")


def _decode_packed_definitions(value: object) -> bytes:
    if type(value) is not bytes:
        raise FrameError("definition", "the definitions are not packed bytes")
    return value


def _decode_events(value: object) -> PackedEvents:
    if type(value) is not tuple or not value:
        raise FrameError("event", "not a list of events")
    return PackedEvents(value)


def _encode_events(events: Collection[Event]) -> object | None:
    check_limit(len(events), limits.MAX_EVENTS_PER_FRAME, "events")
    return [pack_event(event) for event in events] or None


_SECTIONS: Final[tuple[Field, ...]] = tuple(
    field for kind in KINDS_OF_VALUE for field in import_module(f"fog_schema.sections.{kind}").FIELDS
)
_EVENTS_HELD: Final = Field(2, "events_held", _decode_events_held)
_ABOUT_THE_WRITER: Final = (Field(1, "info", _decode_info), _EVENTS_HELD)
_OF_SERIES: Final = (
    Field(3, "definitions", _decode_packed_definitions, lambda packed: packed or None),
    Field(15, "later_definitions", _decode_packed_definitions, lambda packed: packed or None),
    Field(8, "removed", decode_removed, encode_removed),
    *_SECTIONS,
    *coverage.FIELDS,
)
_OF_EVENTS: Final = (Field(9, "events", _decode_events, _encode_events),)

FIELDS: Final = tuple(sorted((*_ABOUT_THE_WRITER, *_OF_SERIES, *_OF_EVENTS)))
"""Every field of a body, by number."""
_ENCODERS: Final = tuple((field.number, field.encode) for field in FIELDS)
_values_of: Final = attrgetter(*(field.attribute for field in FIELDS))

_Fields: TypeAlias = dict[int, tuple[str, Callable[[object], Any]]]


def _by_number(fields: tuple[Field, ...]) -> _Fields:
    return {field.number: (field.attribute, field.decode) for field in fields}


_FIELDS: Final[dict[int, _Fields]] = {
    KEYFRAME: _by_number((*_ABOUT_THE_WRITER, *_OF_SERIES)),
    DELTA: _by_number((_EVENTS_HELD, *_OF_SERIES)),
    EVENTS: _by_number(_OF_EVENTS),
}

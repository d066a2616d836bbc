"""Frames to bytes and back, and everything else that may arrive."""

from __future__ import annotations

import math
import struct
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fog_schema import limits
from fog_schema.codec import (
    FIELDS,
    decode,
    decode_definitions,
    decode_request,
    encode,
    encode_request,
)
from fog_schema.columns import BITMAP, F64, U8, Ids, pack_floats, pack_ids, pack_ints
from fog_schema.errors import REASONS, FrameError
from fog_schema.frames import DELTA, EVENTS, KEYFRAME, REQUEST, Event, Frame, Numbers, Request, ValueCounts
from tests import strategies
from tests.examples import examples

EMPTY = encode(Frame(kind=DELTA, epoch=1, seq=1))
NUMBER = {field.attribute: field.number for field in FIELDS}
INFO, EVENTS_HELD, COUNTERS = NUMBER["info"], NUMBER["events_held"], NUMBER["counters"]
HISTOGRAMS, COVERAGE, EVENT_LIST = NUMBER["histograms"], NUMBER["coverage"], NUMBER["events"]


ALLOWED = {None, *REASONS}


def packed(kind: object = DELTA, body: object = None, *extra: object, **header: object) -> bytes:
    """Return a frame as a writer who knows no rules would send it."""
    fields = {"flags": 0, "epoch": 1, "seq": 1, "part": 0, "age_ms": 0, "interval_ms": 10_000} | header
    data: bytes = msgpack.packb(("fog", 1, kind, *fields.values(), {} if body is None else body, *extra))
    return data


def reason(data: bytes) -> str:
    """Why `data` is refused."""
    with pytest.raises(FrameError) as refused:
        decode(data)
    return refused.value.reason


def refusal(read: Callable[[bytes], object], data: bytes) -> str | None:
    """Why `read` refuses `data`; None when it does not."""
    try:
        read(data)
    except FrameError as error:
        return error.reason
    return None


def decode_all(data: bytes) -> None:
    """Decode a frame and, as a reader would, everything in it that travels packed."""
    decode_definitions(decode(data).definitions)


@given(strategies.frames())
def test_what_is_encoded_decodes_to_the_same(frame: Frame) -> None:
    """Encoding and decoding are inverse, for every frame on its own: nothing earlier is needed."""
    decoded = decode(encode(frame))
    assert encode(decoded) == encode(frame)
    if not any(column.values.code == F64 and _has_nan(column) for column in (frame.gauges,) if column):
        assert decoded == frame


def _has_nan(numbers: Numbers) -> bool:
    return any(map(math.isnan, numbers.values.tolist()))


@given(st.binary())
@example(b"")
@example(EMPTY[:6])
@example(b"\x9a\xa3fog\x01")
def test_any_bytes_are_a_frame_or_a_named_error(data: bytes) -> None:
    """Whatever arrives, nothing but a FrameError with a reason of the list leaves the decoder."""
    for read in (decode_all, decode_request, decode_definitions):
        assert refusal(read, data) in ALLOWED


@settings(max_examples=examples(200))
@given(strategies.damaged_frames)
def test_damaged_frames_are_frames_or_named_errors(data: bytes) -> None:
    """As above, for bytes that come near to being a frame."""
    assert refusal(decode_all, data) in ALLOWED


@settings(max_examples=examples(200))
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(max_size=3) | st.binary(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.integers(0, 10), inner, max_size=5),
    ),
    st.sampled_from((KEYFRAME, DELTA, EVENTS)),
    st.integers(1, 14),
)
def test_any_value_in_any_field_is_a_frame_or_a_named_error(value: Any, kind: int, field: int) -> None:
    """Well-formed msgpack of a wrong shape is refused like any other."""
    for data in (packed(kind, {field: value}), packed(kind, value)):
        assert refusal(decode_all, data) in ALLOWED


@given(strategies.requests)
def test_requests_survive_the_way(request: Request) -> None:
    """Encoding and decoding are inverse; a request is no frame, a frame no request."""
    data = encode_request(request)
    assert decode_request(data) == request
    assert reason(data) == "not_a_frame"
    with pytest.raises(FrameError):
        decode_request(EMPTY)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b'{"stream":"FOG_METRICS","seq":1}', "not_a_frame"),  # an acknowledgement that somebody had sent to a node
        (EMPTY[:5] + b"\x02" + EMPTY[6:], "version"),
        (EMPTY + b"\x00", "malformed"),
        (EMPTY[:-1], "malformed"),
        (packed(kind=True), "malformed"),
        (packed(DELTA, seq=True), "malformed"),
        (packed(DELTA, epoch=1.0), "malformed"),
        (packed(DELTA, epoch=0), "malformed"),
        (packed(DELTA, seq=0), "malformed"),
        (packed(DELTA, seq=2**63), "malformed"),
        (packed(DELTA, part=limits.MAX_PARTS), "malformed"),
        (packed(DELTA, flags=-1), "malformed"),
        (packed(DELTA, age_ms=-1), "malformed"),
        (packed(DELTA, interval_ms=99), "malformed"),
        (packed(DELTA, interval_ms=3_600_001), "malformed"),
        (packed(DELTA, []), "malformed"),
        (packed(DELTA, dict.fromkeys(range(65))), "malformed"),
        (packed(DELTA, {40: msgpack.ExtType(5, b"x")}), "malformed"),
        (packed(0), "kind"),
        (packed(REQUEST), "kind"),
        (packed(KEYFRAME, {INFO: {"a": 1}}), "malformed"),
        (packed(KEYFRAME, {INFO: {str(number): "" for number in range(17)}}), "malformed"),
        (packed(KEYFRAME, {EVENTS_HELD: [True, True]}), "malformed"),
        (packed(KEYFRAME, {EVENTS_HELD: [3, 1]}), "malformed"),
        (packed(DELTA, {COUNTERS: [[U8, 0, b"\0"], [F64, bytes(8)]]}), "column"),
        (packed(DELTA, {COUNTERS: [[U8, 0, b"\0"], [U8, b"\1\2"]]}), "column"),
        (packed(DELTA, {COUNTERS: [[True, 0, b"\0"], [U8, b"\1"]]}), "ids"),
        (packed(DELTA, {COUNTERS: [[U8, 0, b"\1\1"], [U8, b"\1\2"]]}), "ids"),
        (packed(DELTA, {COUNTERS: [[U8, limits.MAX_ID, b"\1"], [U8, b"\1"]]}), "ids"),
        (packed(DELTA, {HISTOGRAMS: [[0, [BITMAP, 0, b""], [U8, b""], [F64, b""]]]}), "limit"),
        (packed(DELTA, {HISTOGRAMS: [[258, [BITMAP, 0, b""], [U8, b""], [F64, b""]]]}), "limit"),
        (packed(DELTA, {COVERAGE: [1, 2, 3]}), "malformed"),
        (packed(DELTA, {COVERAGE: [1, 2, 3, 4.0]}), "malformed"),
        (packed(DELTA, {COVERAGE: [1, 2, 3, limits.MAX_AGE_MS + 1]}), "malformed"),
        (packed(EVENTS, {EVENT_LIST: []}), "event"),
        (packed(EVENTS, {EVENT_LIST: [["name", None, {}, {}, 1.0]]}), "event"),
        (b"\x9a\xa3fog\x01" + bytes(limits.MAX_FRAME_BYTES), "limit"),
    ],
)
def test_refusals_name_their_reason(data: bytes, expected: str) -> None:
    """Each kind of fault has its own reason; a bool or a float is no number of ours."""
    assert reason(data) == expected


def test_what_a_later_version_adds_is_skipped_and_counted() -> None:
    """Unknown fields, fields of another kind, odd keys and further elements of the header are counted, nothing else."""
    body = {COUNTERS: [[U8, 7, b"\0"], [U8, b"\5"]], 40: "new", INFO: {}, 5.0: 1, "x": []}
    frame = decode(packed(DELTA, body, "more"))
    assert frame.unknown_fields == 5
    assert frame.counters is not None
    assert (frame.counters.ids.tolist(), frame.counters.values.tolist()) == ([7], [5])


def test_gauges_may_be_anything() -> None:
    """NaN and infinities travel bit for bit."""
    odd = struct.unpack("<3d", bytes.fromhex("010000000000f87f000000000000f07f000000000000f0ff"))
    frame = Frame(DELTA, 1, 1, gauges=Numbers(pack_ids([1, 2, 3]), pack_floats(odd)))
    decoded = decode(encode(frame)).gauges
    assert decoded is not None
    assert decoded.values.data.hex() == "010000000000f87f000000000000f07f000000000000f0ff"


@pytest.mark.parametrize(
    "frame",
    [
        Frame(DELTA, 1, 1, gauges=Numbers(Ids(BITMAP, 0, b""), pack_floats([0.0] * 140_000))),
        Frame(DELTA, 1, 1, removed=pack_ids(range(limits.MAX_DEFINED + 1))),
        Frame(DELTA, 1, 1, value_counts=ValueCounts(pack_ids([1]), pack_ints([257]), *[pack_ints([0] * 257)] * 2)),
        Frame(EVENTS, 1, 1, events=(Event("e", "x" * limits.MAX_EVENT_BYTES, {}, {}, 0.0),)),
        Frame(EVENTS, 1, 1, events=(Event("e", 1, {}, {}, 0.0),) * (limits.MAX_EVENTS_PER_FRAME + 1)),
    ],
)
def test_a_writer_is_told_before_readers_would_refuse(frame: Frame) -> None:
    """Data over a limit are not encoded."""
    with pytest.raises(FrameError) as refused:
        encode(frame)
    assert refused.value.reason == "limit"


def test_text_that_utf8_does_not_have_does_not_raise() -> None:
    """Lone surrogates, which file names and broken clients bring, become question marks."""
    frame = Frame(EVENTS, 1, 1, events=(Event("e\udc80", "\ud800", {}, {}, 0.0),))
    [event] = decode(encode(frame)).events
    assert (event.name, event.value) == ("e?", "?")


@pytest.mark.parametrize(
    "body",
    [
        b"\xdc\x01\x00" * 1023,  # arrays that say they hold 256, each in the one before
        b"\xdc\x04\x00" * 1023,  # 1024: what definitions may have
        b"\xde\x01\x00" * 1023,
        (b"\xdc\x01\x00" + b"\x90" * 256) * 255,  # the most memory for a byte: empty lists
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
    ],
    ids=["arrays", "wide arrays", "maps", "empty lists", "array32", "map32", "bin32", "str32", "ext32"],
)
@pytest.mark.parametrize("where", ["frame", "definitions", "event"])
def test_memory_is_bounded_by_what_arrived(body: bytes, where: str) -> None:
    """A header that promises more than follows allocates nothing for it; a nest of them stays under 10 MB."""
    data = {
        "frame": b"\x9a\xa3fog\x01\x02\x00\x01\x01\x00\x00\xcd\x27\x10\x81\x0b" + body,
        "definitions": b"\x91" + body,
        "event": packed(EVENTS, {EVENT_LIST: [(b"\x95" + body)[: limits.MAX_EVENT_BYTES]]}),
    }[where]
    read = decode_definitions if where == "definitions" else decode
    tracemalloc.start()
    try:
        with pytest.raises(FrameError):
            read(data)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()

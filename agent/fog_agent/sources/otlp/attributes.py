"""Attributes of resources and points: as bytes that identify a series, and as what they say. Pure.

Source: opentelemetry-proto, common/v1/common.proto.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Final

from fog_agent.sources.otlp.protobuf import BYTES, FIXED64, VARINT, MalformedError, double, fields, of_two

MOST_DEPTH: Final = 8
"""Of lists and maps in each other; what is deeper is left out."""

AttributeValue = str | bool | int | float | list["AttributeValue"]


def canonical(message: bytes) -> bytes:
    """Return a message with its fields sorted: the same attributes in another order are the same bytes.

    Raises:
        MalformedError: It is no message.
    """
    found = []
    at = 0
    for _, _, _, end in fields(message, 0, len(message)):
        found.append(message[at:end])
        at = end
    return message if len(found) < 2 else b"".join(sorted(found))


def decoded(message: bytes, number: int) -> dict[str, AttributeValue]:
    """Return what the attributes say that are the fields `number` of a message.

    Raises:
        MalformedError: One is no attribute.
        UnicodeDecodeError: A text is not UTF-8.
    """
    return dict(
        _pair(message, at, end, 0)
        for field, kind, at, end in fields(message, 0, len(message))
        if (field, kind) == (number, BYTES)
    )


def _pair(data: bytes, begin: int, end: int, depth: int) -> tuple[str, AttributeValue]:
    key = ""
    value: AttributeValue = ""
    for number, kind, at, stop in fields(data, begin, end):
        if (number, kind) == (1, BYTES):
            key = data[at:stop].decode()
        elif (number, kind) == (2, BYTES):
            value = _value(data, at, stop, depth)
    if not key:
        raise MalformedError("an attribute has no key")
    return key, value


def _value(data: bytes, begin: int, end: int, depth: int) -> AttributeValue:
    value: AttributeValue = ""
    for number, kind, at, stop in fields(data, begin, end):
        if kind == VARINT and number in (2, 3):
            value = bool(at) if number == 2 else of_two(at)
        elif (number, kind) == (4, FIXED64):
            value = double(data, at)
        elif kind == BYTES and number in (5, 6) and depth < MOST_DEPTH:
            value = _several(data, at, stop, depth + 1, pairs=number == 6)
        elif kind == BYTES and number in (1, 7):
            value = data[at:stop].decode() if number == 1 else b64encode(data[at:stop]).decode()
    return value


def _several(data: bytes, begin: int, end: int, depth: int, *, pairs: bool) -> AttributeValue:
    values: list[AttributeValue] = []
    for number, kind, at, stop in fields(data, begin, end):
        if (number, kind) == (1, BYTES):
            values.append(list(_pair(data, at, stop, depth)) if pairs else _value(data, at, stop, depth))
    return values

"""Read the fields of protobuf messages by hand: no library is needed for it, and none is loaded on a node. Pure.

Source: Protocol Buffers, "Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import Final

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""How the value of a field is written."""

MOST_FIELD: Final = (1 << 29) - 1
Read = tuple[int, int, int, int]
"""The number of a field, how it is written, its value (of a varint; else where it begins), and where it ends."""

_DOUBLE: Final = Struct("<d")
_UNSIGNED: Final = Struct("<Q")
_SIGNED: Final = Struct("<q")


class MalformedError(ValueError):
    """Bytes that are no such message."""


def varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Read an integer of 64 bits; return it, and where it ends.

    Raises:
        MalformedError: It is cut off, or longer than ten bytes.
    """
    number = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number & 0xFFFFFFFFFFFFFFFF, at
        shift += 7
    raise MalformedError(f"an integer at byte {at} is cut off or too long")


def fields(data: bytes, at: int, end: int) -> Iterator[Read]:
    """Yield the fields of the message between two places, in their order, known or not.

    Raises:
        MalformedError: It is no message.
    """
    while at < end:
        key, at = varint(data, at, end)
        number, kind = key >> 3, key & 7
        if not 0 < number <= MOST_FIELD:
            raise MalformedError(f"a field at byte {at} has the number {number}")
        if kind == VARINT:
            value, at = varint(data, at, end)
            yield number, kind, value, at
            continue
        if kind == BYTES:
            length, at = varint(data, at, end)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise MalformedError(f"a field at byte {at} is written in the way {kind}, which nothing uses")
        if length > end - at:
            raise MalformedError(f"a field at byte {at} is cut off")
        yield number, kind, at, at + length
        at += length


def double(data: bytes, at: int) -> float:
    """Read a double."""
    return float(_DOUBLE.unpack_from(data, at)[0])


def unsigned(data: bytes, at: int) -> int:
    """Read eight bytes as an integer that is not negative."""
    return int(_UNSIGNED.unpack_from(data, at)[0])


def signed(data: bytes, at: int) -> int:
    """Read eight bytes as an integer."""
    return int(_SIGNED.unpack_from(data, at)[0])


def of_two(number: int) -> int:
    """Return the signed integer that a varint of the types `int32` and `int64` stands for."""
    return number - (1 << 64) if number >> 63 else number


def of_zigzag(number: int) -> int:
    """Return the signed integer that a varint of the types `sint32` and `sint64` stands for."""
    return (number >> 1) ^ -(number & 1)


def varints(data: bytes, at: int, end: int) -> Iterator[int]:
    """Yield integers that are written as one value.

    Raises:
        MalformedError: The last one is cut off.
    """
    while at < end:
        number, at = varint(data, at, end)
        yield number

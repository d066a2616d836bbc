"""Write the fields of protobuf messages by hand: no library is needed for it, and none is as fast.

Callers write fields in the order of their numbers, as protobuf's own libraries do. A scalar that has its default is
left out, as proto3 says; `block` writes what it is given, also an empty message.
"""

from collections.abc import Iterable
from struct import Struct

VARINT, FIXED64, BYTES = 0, 1, 2
"""How the value of a field is written; `key` says it with the number of the field."""

_DOUBLE, _FIXED = Struct("<d"), Struct("<Q")
_NO_DOUBLE = bytes(8)


def varint(number: int) -> bytes:
    """Write an integer that is not negative in groups of seven bits, the lowest first."""
    if number < 0x80:
        return bytes((number,))
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def zigzag(number: int) -> int:
    """Return the integer that stands for a signed one: small ones stay small."""
    return number << 1 if number >= 0 else (-number << 1) - 1


def key(field: int, kind: int) -> bytes:
    """Write what stands before a value: the number of its field, and how it is written."""
    return varint(field << 3 | kind)


def block(field: int, data: bytes) -> bytes:
    """Write bytes, a text or a message within a message."""
    return key(field, BYTES) + varint(len(data)) + data


def encoded(value: str) -> bytes:
    """Return a text as UTF-8; lone surrogates become question marks, as they do on the bus."""
    return value.encode(errors="replace")


def text(field: int, value: str) -> bytes:
    """Write a text."""
    return block(field, encoded(value)) if value else b""


def integer(field: int, value: int) -> bytes:
    """Write an integer that is not negative."""
    return key(field, VARINT) + varint(value) if value else b""


def signed(field: int, value: int) -> bytes:
    """Write a signed integer (`sint32`, `sint64`)."""
    return integer(field, zigzag(value))


def double(field: int, value: float) -> bytes:
    """Write a double; zero is left out, and minus zero is not."""
    data = _DOUBLE.pack(value)
    return b"" if data == _NO_DOUBLE else key(field, FIXED64) + data


def double_always(field: int, value: float) -> bytes:
    """Write a double that has a presence of its own: also zero."""
    return key(field, FIXED64) + _DOUBLE.pack(value)


def fixed(field: int, value: int) -> bytes:
    """Write an integer that is not negative in eight bytes."""
    return key(field, FIXED64) + _FIXED.pack(value) if value else b""


def packed(field: int, values: Iterable[int]) -> bytes:
    """Write several integers that are not negative as one value."""
    data = bytearray()
    for number in values:  # as `varint`, without an object for each
        while number > 0x7F:
            data.append(number & 0x7F | 0x80)
            number >>= 7  # noqa: PLW2901
        data.append(number)
    return block(field, bytes(data)) if data else b""

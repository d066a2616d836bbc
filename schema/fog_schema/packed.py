"""Columns that are packed tighter than arrays: what many numbers of a kind have in common is said once.

A packed column is one binary, whose first byte is its code:

* ``BITS + bits``: unsigned integers of 1 to 32 bits.
* SPARSE: unsigned integers that are mostly 0: a bitmap of the others, and of those the values less one, as bits.
* SCALED: numbers of differing sizes: for each a tag, with its scale and its length, then so many bytes of it.
* NEAR: doubles of like exponents: the smallest exponent, and of each number all but its first byte.

Nothing here needs numpy.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeAlias

from fog_schema.bits import bits_of, from_bytes, pack_bits, size_of, unpack_bits
from fog_schema.limits import MAX_PACKED_VALUES

SPARSE, SCALED, NEAR, BITS = 10, 11, 12, 32

MAX_BITS: Final = 32
MAX_SPARSE_BITS: Final = 31
ALL_BITS: Final = range(BITS + 1, BITS + MAX_BITS + 1)
"""The codes of columns of bits: BITS and the bits of a value."""

DOUBLE: Final = 15
"""The scale of a value that is a double: its bytes are the first ones, the others are 0."""
KIBI: Final = 10
"""The scale of a multiple of 1,024. Scales up to 9 are decimal places."""
DIVISORS: Final = (*(10.0**places for places in range(KIBI)), 1 / 1024)
"""The number that an integer is divided by, by its scale."""

Packed: TypeAlias = tuple[int, bytes]
"""A code, and what follows it."""

_LENGTHS: Final = bytes(tag & 15 for tag in range(256))
_GOOD_TAGS: Final = bytes(tag for tag in range(256) if (tag >> 4 <= KIBI or tag >> 4 == DOUBLE) and tag & 15 <= 8)
_IS_NOT_0: Final = b"0" + b"1" * 255
_ONE_LESS: Final = bytes([0, *range(255)])
_DOUBLES: Final = tuple(DOUBLE << 4 | length for length in range(9))
_LARGEST: Final = 2**53
"""Below it an integer and its double are the same."""
_PLACES: Final = ((3, 1e3), (6, 1e6), (9, 1e9))
"""Decimal places that are tried, after two."""
_EXPONENTS: Final = 16
"""Neighbouring exponents that a NEAR column may have."""
_MAX_EXPONENT: Final = 0xFFF


def is_packed(code: int, data: bytes, count: int) -> bool:
    """Tell whether bytes are a column of a code, one of these, with so many values."""
    if count > MAX_PACKED_VALUES:
        return False
    if code > BITS:
        return code <= BITS + MAX_BITS and len(data) == (count * (code - BITS) + 7) // 8
    check = _CHECKS.get(code)
    return check is not None and check(data, count)


def unpack(code: int, data: bytes, count: int) -> list[int] | list[float]:
    """Return the values of a column that `is_packed`."""
    return unpack_bits(data, code - BITS, count) if code > BITS else _UNPACK[code](data, count)


def pack_sparse(values: bytes) -> Packed | None:
    """Pack integers up to 255, many of them 0; None when bits alone take no more."""
    zeros, count = values.count(0), len(values)
    if 4 * zeros < count or not 0 < count <= MAX_PACKED_VALUES:
        return None
    others = values.translate(_ONE_LESS, b"\0")
    bits = bits_of(others) if others.strip(b"\0") else 0
    if 1 + (count + 7) // 8 + size_of(len(others), bits) >= size_of(count, bits or 1):
        return None
    bitmap = int(values[::-1].translate(_IS_NOT_0), 2).to_bytes((count + 7) // 8, "little")
    return SPARSE, bytes((bits,)) + bitmap + pack_bits(others, bits)


def pack_scaled(values: Sequence[float]) -> Packed | None:
    """Pack integers and doubles, each by itself; None when doubles of 8 bytes are likely to take no more."""
    tags, parts, doubles = bytearray(), [], len(values) // 16 + 1
    if len(values) > MAX_PACKED_VALUES:
        return None
    for value in values:
        number, scale = _scaled(value)
        if scale == DOUBLE:
            if not doubles:
                return None
            doubles -= 1
            part = struct.pack("<d", value).lstrip(b"\0")
        else:
            part = number.to_bytes((number.bit_length() + 8) >> 3 if number else 0, "little", signed=True)
        tags.append(scale << 4 | len(part))
        parts.append(part)
    data = bytes(tags) + b"".join(parts)
    return (SCALED, data) if len(data) < 8 * len(values) else None


def pack_near(doubles: bytes) -> Packed | None:
    """Pack doubles whose exponents are near to each other; None when they are not."""
    count = len(doubles) // 8
    if not 1 < count <= MAX_PACKED_VALUES:
        return None
    firsts = from_bytes("H", doubles)[3::4]
    least = min(firsts) >> 4
    if (max(firsts) >> 4) - least >= _EXPONENTS:
        return None
    number = int.from_bytes(doubles, "little") - int.from_bytes((least << 52).to_bytes(8, "little") * count, "little")
    rest = bytearray(number.to_bytes(8 * count, "little"))
    del rest[7::8]
    return NEAR, struct.pack("<H", least) + rest


def _scaled(value: float) -> tuple[int, int]:
    """Return the integer and the scale of a number; of what is none the scale DOUBLE."""
    if not -_LARGEST < value < _LARGEST:  # nor NaN
        return 0, DOUBLE
    number = int(value)
    if number != value:
        return _decimal(value)
    if not number:
        return 0, DOUBLE if struct.pack("<d", value)[7] else 0  # -0.0
    return (number, 0) if number & 1023 else (number >> 10, KIBI)


def _decimal(value: float) -> tuple[int, int]:
    """Return the integer and the decimal places of a fraction; the scale DOUBLE when it has too many."""
    number = round(value * 100)
    if number / 100 == value:  # as most have that have few
        return (number, 2) if -_LARGEST < number < _LARGEST else (0, DOUBLE)
    if round(value * 1e9) / 1e9 == value:
        for scale, divisor in _PLACES:
            number = round(value * divisor)
            if number / divisor == value and -_LARGEST < number < _LARGEST:
                return number, scale
    return 0, DOUBLE


def _is_sparse(data: bytes, count: int) -> bool:
    end = 1 + (count + 7) // 8
    if len(data) < end or data[0] > MAX_SPARSE_BITS:
        return False
    bitmap = int.from_bytes(data[1:end], "little")
    return not bitmap >> count and len(data) == end + size_of(bitmap.bit_count(), data[0])


def _is_scaled(data: bytes, count: int) -> bool:
    tags = data[:count]
    return not tags.translate(None, _GOOD_TAGS) and len(data) == count + sum(tags.translate(_LENGTHS))


def _is_near(data: bytes, count: int) -> bool:
    return len(data) == 2 + 7 * count and data[1] <= _MAX_EXPONENT >> 8


def _unpack_sparse(data: bytes, count: int) -> list[int]:
    end = 1 + (count + 7) // 8
    bitmap = int.from_bytes(data[1:end], "little")
    values = iter(unpack_bits(data[end:], data[0], bitmap.bit_count()))
    return [next(values) + 1 if bit == "1" else 0 for bit in f"{bitmap | 1 << count:b}"[:0:-1]]


def _unpack_scaled(data: bytes, count: int) -> list[float]:
    values: list[float] = []
    at = count
    for tag in data[:count]:
        scale, length = tag >> 4, tag & 15
        part = data[at : at + length]
        at += length
        if scale == DOUBLE:
            values.append(struct.unpack("<d", part.rjust(8, b"\0"))[0])
        else:
            number = int.from_bytes(part, "little", signed=True)
            values.append(float(number) / DIVISORS[scale])
    return values


def _unpack_near(data: bytes, count: int) -> list[float]:
    base = int.from_bytes(data[:2], "little") << 52
    patterns = [int.from_bytes(data[at : at + 7], "little") + base for at in range(2, 2 + 7 * count, 7)]
    return from_bytes("d", b"".join((one & 2**64 - 1).to_bytes(8, "little") for one in patterns)).tolist()


_CHECKS: Final[Mapping[int, Callable[[bytes, int], bool]]] = MappingProxyType(
    {SPARSE: _is_sparse, SCALED: _is_scaled, NEAR: _is_near}
)
_UNPACK: Final[Mapping[int, Callable[[bytes, int], list[int] | list[float]]]] = MappingProxyType(
    {SPARSE: _unpack_sparse, SCALED: _unpack_scaled, NEAR: _unpack_near}
)

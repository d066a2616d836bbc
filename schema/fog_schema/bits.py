"""Integers of fewer bits than a machine's types have, one behind the other; and arrays, little-endian. Without numpy.

A long number is a row of lanes, each as wide as the array's type. Neighbours are moved together pairwise, then pairs of
pairs, and so on: nine steps for 512 values, each over the whole number at once.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from functools import cache
from typing import Any, Final

_BIG_ENDIAN: Final = sys.byteorder == "big"
_BLOCK: Final = 512
"""Values that are moved together at once: a multiple of 8, so that each block ends with a byte."""
_LANES: Final = (*[(8, "B")] * 9, *[(16, "H")] * 8, *[(32, "I")] * 16)
"""How wide the lanes are in which integers of so many bits are moved together, and their type."""
_DIGITS: Final = b"0123456789abcdefghijklmnopqrstuv".ljust(256, b"?")
_MOST_OF_A_DIGIT: Final = 5
_UP_TO: Final = tuple(bytes(range(1 << bits)) for bits in range(8))


def to_bytes(typecode: str, values: Sequence[float] | bytes) -> bytes:
    """Return values as an array of a type has them, little-endian.

    Raises:
        OverflowError: one does not fit.
    """
    packed = array(typecode, values)
    if _BIG_ENDIAN:
        packed.byteswap()
    return packed.tobytes()


def from_bytes(typecode: str, data: bytes) -> array[Any]:
    """Return the values of little-endian bytes."""
    unpacked = array(typecode, data)
    if _BIG_ENDIAN:
        unpacked.byteswap()
    return unpacked


def bits_of(values: bytes) -> int:
    """Return the bits that the largest of some integers up to 255 needs, at least 1; faster than looking for it."""
    if not values.isascii():
        return 8
    low, high = 1, 7
    while low < high:
        middle = (low + high) // 2
        if values.translate(None, _UP_TO[middle]):
            low = middle + 1
        else:
            high = middle
    return low


def pack_bits(values: Sequence[int] | bytes, bits: int) -> bytes:
    """Return integers of 0 to 32 bits each, least significant bit first, one behind the other; unused bits are 0.

    Raises:
        OverflowError: one does not fit its lane of 8, 16 or 32 bits. It must fit `bits`.
    """
    lane, typecode = _LANES[bits]
    if lane > 8:
        data = to_bytes(typecode, values)
    else:
        data = bytes(values)
        if 0 < bits <= _MOST_OF_A_DIGIT and data:  # as the digits of a number, at a quarter of the cost
            number = int(data[::-1].translate(_DIGITS), 1 << bits)
            return number.to_bytes((len(data) * bits + 7) // 8, "little")
    if bits == lane:
        return data
    size = _BLOCK * lane // 8
    if len(data) <= size:
        return _pack_block(data, lane, bits)
    return b"".join([_pack_block(data[at : at + size], lane, bits) for at in range(0, len(data), size)])


def _pack_block(data: bytes, lane: int, bits: int) -> bytes:
    number, count, group = int.from_bytes(data, "little"), 8 * len(data) // lane, 1
    for lower_halves, shift in _steps(lane, bits):
        if group >= count:
            break
        lower = number & lower_halves
        number = lower | (number ^ lower) >> shift
        group += group
    return number.to_bytes((count * bits + 7) // 8, "little")


def unpack_bits(data: bytes, bits: int, count: int) -> list[int]:
    """Return so many integers of 0 to 32 bits each; unused bits are ignored."""
    lane, typecode = _LANES[bits]
    steps, parts = _steps(lane, bits), []
    for first in range(0, count, _BLOCK):
        size = min(_BLOCK, count - first)
        number = int.from_bytes(data[first * bits // 8 : (first + _BLOCK) * bits // 8], "little")
        number &= (1 << size * bits) - 1
        for lower_halves, shift in reversed(steps):
            lower = number & lower_halves
            number = lower | (number ^ lower) << shift
        parts.append(number.to_bytes(size * lane // 8, "little"))
    return from_bytes(typecode, b"".join(parts)).tolist()


def size_of(count: int, bits: int) -> int:
    """Return how many bytes so many integers of some bits take."""
    return (count * bits + 7) // 8


@cache
def _steps(lane: int, bits: int) -> tuple[tuple[int, int], ...]:
    """Return for each step the bits of the lower halves of what is moved together, and how far the upper ones move."""
    steps, group = [], 1
    while group < _BLOCK:
        field, count = 2 * lane * group, _BLOCK // (2 * group)
        once_each = ((1 << field * count) - 1) // ((1 << field) - 1)
        steps.append((((1 << bits * group) - 1) * once_each, (lane - bits) * group))
        group *= 2
    return tuple(steps)

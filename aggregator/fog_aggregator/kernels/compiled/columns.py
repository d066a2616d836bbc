"""Read columns of numbers from their bytes: arrays, and those that are packed tighter (`fog_schema.packed`)."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.kernels.compiled.compiler import compiled
from fog_aggregator.kernels.compiled.items import binary
from fog_aggregator.kernels.ports import Bits, Bytes, Int64s, Integer
from fog_schema import packed
from fog_schema.columns import F64, ITEM_SIZES, U8, U32, U64

_SIZES: Final = np.array(ITEM_SIZES, np.int64)
_DIVISORS: Final = np.array([*packed.DIVISORS, *[1.0] * (16 - len(packed.DIVISORS))])
_U8: Final = U8
_U32: Final = U32
_U64: Final = U64
_F64: Final = F64
_BITS: Final = packed.BITS
_MOST_BITS: Final = packed.BITS + packed.MAX_BITS
_SPARSE: Final = packed.SPARSE
_MAX_SPARSE_BITS: Final = packed.MAX_SPARSE_BITS
_SCALED: Final = packed.SCALED
_NEAR: Final = packed.NEAR
_KIBI: Final = packed.KIBI
_DOUBLE: Final = packed.DOUBLE
_NONE: Final = -1


@compiled()
def is_small(code: Integer) -> bool:
    """Tell whether a type has unsigned integers of 32 bits at most: none is refused, and no sum of them overflows."""
    return bool(_U8 <= code <= _U32 or _BITS < code <= _MOST_BITS)


@compiled()
def ones(byte: Integer) -> Integer:
    """Count the bits of a byte that are set."""
    byte -= (byte >> 1) & 0x55
    byte = (byte & 0x33) + ((byte >> 2) & 0x33)
    return (byte + (byte >> 4)) & 0x0F


@compiled()
def find_column(data: Bytes, at: Integer, end: Integer, count: Integer) -> tuple[Integer, Integer, Integer]:
    """Find a column of so many values; return its type, and where its values begin and end, all -1 for none."""
    if at < 0 or at + 2 > end:
        return _NONE, _NONE, _NONE
    if data[at] == 0x92:
        code = np.int64(data[at + 1])
        begin, after = binary(data, at + 2, end)
        if begin < 0 or code < _U8 or code > _F64 or after - begin != count * _SIZES[code]:
            return _NONE, _NONE, _NONE
        return code, begin, after
    begin, after = binary(data, at, end)
    if begin < 0 or begin == after:
        return _NONE, _NONE, _NONE
    code = np.int64(data[begin])
    if not is_packed(data, begin + 1, after, code, count):
        return _NONE, _NONE, _NONE
    return code, begin + 1, after


@compiled()
def is_packed(data: Bytes, at: Integer, end: Integer, code: Integer, count: Integer) -> bool:
    """Tell whether bytes are so many values that are packed in a way."""
    if code > _BITS:
        return bool(code <= _MOST_BITS and end - at == (count * (code - _BITS) + 7) // 8)
    if code == _NEAR:
        return bool(end - at == 2 + 7 * count and data[at + 1] <= 0x0F)
    if code == _SCALED:
        length = count
        if end - at < count:
            return False
        for place in range(at, at + count):
            tag = np.int64(data[place])
            if (tag >> 4 > _KIBI and tag >> 4 != _DOUBLE) or tag & 15 > 8:
                return False
            length += tag & 15
        return bool(end - at == length)
    return bool(code == _SPARSE and is_sparse(data, at, end, count))


@compiled()
def is_sparse(data: Bytes, at: Integer, end: Integer, count: Integer) -> bool:
    """Tell whether bytes are a bitmap of so many values, and those of them that are not 0."""
    begin = at + 1 + (count + 7) // 8
    if begin > end or data[at] > _MAX_SPARSE_BITS:
        return False
    present = np.int64(0)
    for place in range(at + 1, begin):
        present += ones(np.int64(data[place]))
    if count & 7 and data[begin - 1] >> (count & 7):
        return False
    return bool(end - begin == (present * data[at] + 7) // 8)


@compiled()
def unpack_integers(data: Bytes, at: Integer, code: Integer, count: Integer, out: Int64s) -> None:
    """Write the values of a column of small integers, or of a sparse one."""
    if code > _BITS:
        unpack_bits(data, at, code - _BITS, count, out)
    elif code == _SPARSE:
        unpack_sparse(data, at, count, out)
    elif code == _U8:
        for place in range(count):
            out[place] = data[at + place]
    else:
        size = _SIZES[code]
        for place in range(count):
            out[place] = np.int64(word(data, at + place * size, size))


@compiled()
def unpack_bits(data: Bytes, at: Integer, bits: Integer, count: Integer, out: Int64s) -> None:
    """Write integers of so many bits, at most 32; the bits of a last byte that are left are ignored."""
    mask, window, loaded = (np.int64(1) << bits) - 1, np.int64(0), np.int64(0)
    for place in range(count):
        while loaded < bits:
            window |= np.int64(data[at]) << loaded
            loaded += 8
            at += 1
        out[place] = window & mask
        window >>= bits
        loaded -= bits


@compiled()
def unpack_sparse(data: Bytes, at: Integer, count: Integer, out: Int64s) -> None:
    """Write integers that are mostly 0."""
    bits, rest = np.int64(data[at]), at + 1 + (count + 7) // 8
    mask, window, loaded = (np.int64(1) << bits) - 1, np.int64(0), np.int64(0)
    for place in range(count):
        if not data[at + 1 + (place >> 3)] >> (place & 7) & 1:
            out[place] = 0
            continue
        while loaded < bits:
            window |= np.int64(data[rest]) << loaded
            loaded += 8
            rest += 1
        out[place] = (window & mask) + 1
        window >>= bits
        loaded -= bits


@compiled()
def unpack_numbers(
    data: Bytes, at: Integer, code: Integer, count: Integer, out: NDArray[np.float64], raw: Bits
) -> None:
    """Write the values of any column but a sparse one as doubles; `raw` is the same memory as `out`, as bits."""
    if code == _F64:
        for place in range(count):
            raw[place] = word(data, at + 8 * place, 8)
    elif code == _NEAR:
        base = np.uint64(word(data, at, 2) << np.uint64(52))
        for place in range(count):
            raw[place] = word(data, at + 2 + 7 * place, 7) + base
    elif code == _SCALED:
        unpack_scaled(data, at, count, out, raw)
    elif code > _BITS:
        unpack_bits(data, at, code - _BITS, count, raw.view(np.int64))
        for place in range(count):
            out[place] = raw[place]
    else:
        unpack_array(data, at, code, count, out)


@compiled()
def unpack_array(data: Bytes, at: Integer, code: Integer, count: Integer, out: NDArray[np.float64]) -> None:
    """Write the integers of an array as doubles."""
    size = _SIZES[code]
    for place in range(count):
        value = word(data, at + place * size, size)
        out[place] = np.float64(value) if code <= _U64 else np.float64(signed(value, size))


@compiled()
def unpack_scaled(data: Bytes, at: Integer, count: Integer, out: NDArray[np.float64], raw: Bits) -> None:
    """Write numbers of differing sizes, each with its scale and its length."""
    part = at + count
    for place in range(count):
        scale, length = np.int64(data[at + place]) >> 4, np.int64(data[at + place]) & 15
        value = word(data, part, length)
        part += length
        if scale == _DOUBLE:
            raw[place] = value << np.uint64(64 - 8 * length) if length else np.uint64(0)
        else:
            out[place] = np.float64(signed(value, length)) / _DIVISORS[scale]


@compiled()
def word(data: Bytes, at: Integer, size: Integer) -> np.uint64:
    """Return the bits of `size` bytes, at most 8, the lowest first."""
    value = np.uint64(0)
    for place in range(size):
        value |= np.uint64(data[at + place]) << np.uint64(8 * place)
    return value


@compiled()
def signed(value: np.uint64, size: Integer) -> np.int64:
    """Return the integer in two's complement that bytes are, 0 for none."""
    if not size:
        return np.int64(0)
    unused = np.int64(64 - 8 * size)
    return np.int64(value << np.uint64(unused)) >> unused

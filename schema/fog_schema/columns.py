"""Typed little-endian columns and id sets: what a frame's numbers travel in.

A `Column` is a type code and the packed values: an array of the narrowest type that holds them all, or packed tighter
(`fog_schema.packed`). An `Ids` is a strictly ascending set of series ids: a bitmap or a column of offsets, whichever is
smaller. Nothing here needs numpy; a reader that has it maps the data of an array with
``numpy.frombuffer(data, NUMPY_DTYPES[code])`` and copies nothing.
"""

from __future__ import annotations

import operator
from array import array
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from fog_schema import packed
from fog_schema.bits import bits_of, from_bytes, pack_bits, to_bytes
from fog_schema.errors import FrameError
from fog_schema.limits import MAX_ID, MAX_PACKED_VALUES

U8, U16, U32, U64, I8, I16, I32, I64, F64 = range(1, 10)

_TYPES: Final = {U8: "B", U16: "H", U32: "I", U64: "Q", I8: "b", I16: "h", I32: "i", I64: "q", F64: "d"}
ITEM_SIZES: Final = (0, 1, 2, 4, 8, 1, 2, 4, 8, 8)
"""Bytes of a value of an array, by type code."""
NUMPY_DTYPES: Final = {
    U8: "<u1",
    U16: "<u2",
    U32: "<u4",
    U64: "<u8",
    I8: "<i1",
    I16: "<i2",
    I32: "<i4",
    I64: "<i8",
    F64: "<f8",
}
_UNSIGNED: Final = ((U8, 2**8), (U16, 2**16), (U32, 2**32), (U64, 2**64))
_SIGNED: Final = ((I8, 2**7), (I16, 2**15), (I32, 2**31), (I64, 2**63))

_new: Final = tuple.__new__
"""A NamedTuple from a tuple that msgpack made, at half the price of calling it: for each column of each frame."""

_ONE: Final = ord("1")
_INTEGERS: Final = {int}

BITMAP: Final = 0
"""`Ids.form` of a bitmap; any other form is the type code (U8, U16 or U32) of a column of offsets."""


class Column(NamedTuple):
    """`size` values: `code` is one of U8 … F64, `data` their little-endian bytes; or they are packed tighter."""

    code: int
    data: bytes
    size: int

    def tolist(self) -> list[int] | list[float]:
        """Return the values as Python numbers."""
        if self.code <= F64:
            return _unpack(self.code, self.data).tolist()
        return packed.unpack(*self)


class Ids(NamedTuple):
    """A strictly ascending set of series ids, each `base` plus an offset.

    With form BITMAP, bit k of byte j (least significant first) says that ``base + 8 * j + k`` is in the set.
    """

    form: int
    base: int
    data: bytes

    @property
    def size(self) -> int:
        """How many ids are in the set."""
        form, _, data = self
        return int.from_bytes(data).bit_count() if form == BITMAP else len(data) // ITEM_SIZES[form]

    def tolist(self) -> list[int]:
        """Return the ids, ascending."""
        if self.form == BITMAP:
            return [
                self.base + 8 * place + bit
                for place, byte in enumerate(self.data)
                if byte
                for bit in range(8)
                if byte >> bit & 1
            ]
        return [self.base + offset for offset in _unpack(self.form, self.data)]


def array_column(code: int, data: bytes) -> Column:
    """Return the column of an array: U8 … F64, and its little-endian bytes."""
    return Column(code, data, len(data) // ITEM_SIZES[code])


def pack_ints(values: Sequence[int]) -> Column:
    """Pack integers into the fewest bits that hold them all, or into the narrowest type when some are negative.

    Raises:
        OverflowError: when they do not fit 64 bits.
    """
    small = _small(values)
    return _pack_large_ints(values) if small is None else _pack_small_ints(small)


def pack_counts(values: Sequence[int]) -> Column:
    """Pack integers as `pack_ints`, or tighter when many of them are 0, as those of buckets."""
    small = _small(values)
    if small is None:
        return _pack_large_ints(values)
    sparse = packed.pack_sparse(small)
    return _pack_small_ints(small) if sparse is None else Column(*sparse, len(small))


def _small(values: Sequence[int]) -> bytes | None:
    """Return integers that are from 0 to 255, as most are; the attempt costs less than looking for the largest."""
    try:
        return bytes(values)
    except ValueError:
        return None


def _pack_small_ints(values: bytes) -> Column:
    bits = bits_of(values)
    if bits == 8 or not 0 < len(values) <= MAX_PACKED_VALUES:
        return Column(U8, values, len(values))
    return Column(packed.BITS + bits, pack_bits(values, bits), len(values))


def _pack_large_ints(values: Sequence[int]) -> Column:
    low, high = min(values), max(values)
    if low < 0:
        code = next((code for code, limit in _SIGNED if -limit <= low and high < limit), I64)
    else:
        bits = high.bit_length()
        if bits <= packed.MAX_BITS and bits not in (16, 32) and len(values) <= MAX_PACKED_VALUES:
            return Column(packed.BITS + bits, pack_bits(values, bits), len(values))
        code = next((code for code, limit in _UNSIGNED if high < limit), U64)
    return Column(code, _pack(code, values), len(values))


def pack_floats(values: Sequence[float]) -> Column:
    """Pack numbers as an array of IEEE 754 doubles, bit for bit."""
    return Column(F64, _pack(F64, values), len(values))


def pack_numbers(values: Sequence[float]) -> Column:
    """Pack doubles, and integers from -2^63 to 2^63 - 1, in few bytes; a reader has their very doubles."""
    integers = pack_ints(values) if set(map(type, values)) == _INTEGERS else None  # type: ignore[arg-type]
    if integers is not None and len(integers.data) <= 2 * len(values):
        return integers
    found = packed.pack_scaled(values)
    if integers is not None:
        return integers if found is None or len(integers.data) <= len(found[1]) else Column(*found, len(values))
    if found is None:
        doubles = _pack(F64, values)
        found = packed.pack_near(doubles) or (F64, doubles)
    return Column(*found, len(values))


def unpack_floats(data: bytes) -> tuple[float, ...]:
    """IEEE 754 doubles, little-endian; a last incomplete one is left out."""
    return tuple(_unpack(F64, data[: len(data) & ~7]))


def pack_ids(ids: Sequence[int]) -> Ids:
    """Pack strictly ascending ids as a bitmap or as a column of offsets, whichever is smaller."""
    if not ids:
        return Ids(BITMAP, 0, b"")
    base, last = ids[0], ids[-1]
    code = U8 if last - base < 2**8 else U16 if last - base < 2**16 else U32
    aligned = base & ~7  # so that no bit of the last byte stands for an id beyond the largest
    width = (last - aligned) // 8 + 1
    if len(ids) * ITEM_SIZES[code] < width:
        return Ids(code, base, _pack(code, [number - base for number in ids]))
    digits = bytearray(b"0") * (8 * width)  # a binary number, its highest digit first: faster than setting bits
    for number in ids:
        digits[aligned - 1 - number] = _ONE
    return Ids(BITMAP, aligned, int(digits, 2).to_bytes(width, "little"))


def column_to_wire(column: Column) -> tuple[int, bytes] | bytes:
    """Return what msgpack writes of a column: the code and an array, or one binary that is packed tighter."""
    code, data, _ = column
    return (code, data) if code <= F64 else bytes((code,)) + data


def column_from_wire(value: object, allowed: Collection[int], count: int, what: str) -> Column:
    """Check a decoded ``[code, bin]`` pair, or a packed binary, of `count` values.

    Raises:
        FrameError: reason ``column``.
    """
    if type(value) is bytes and value:
        code, data = value[0], value[1:]
        if code in allowed and code > F64 and packed.is_packed(code, data, count):
            return _new(Column, (code, data, count))
    elif type(value) is tuple and len(value) == 2:
        code, data = value
        if (
            type(code) is int
            and code in allowed
            and code <= F64
            and type(data) is bytes
            and len(data) == count * ITEM_SIZES[code]
        ):
            return _new(Column, (code, data, count))
    raise FrameError("column", f"{what}: not a column of {count} values of an allowed type")


def ids_from_wire(value: object, what: str) -> Ids:
    """Check a decoded ``[form, base, bin]`` triple.

    Raises:
        FrameError: reason ``ids``.
    """
    if type(value) is tuple and len(value) == 3:
        form, base, data = value
        if type(form) is type(base) is int and type(data) is bytes and 0 <= base <= MAX_ID:
            if form == BITMAP:
                if base + 8 * len(data) <= MAX_ID + 1:
                    return _new(Ids, value)
            elif U8 <= form <= U32 and not len(data) % ITEM_SIZES[form] and _ascending(form, base, data):
                return _new(Ids, value)
    raise FrameError("ids", f"{what}: not a strictly ascending set of ids up to {MAX_ID}")


def _ascending(form: int, base: int, data: bytes) -> bool:
    offsets = _unpack(form, data)
    return all(map(operator.lt, offsets, offsets[1:])) and (not offsets or base + offsets[-1] <= MAX_ID)


def _pack(code: int, values: Sequence[float]) -> bytes:
    return to_bytes(_TYPES[code], values)


def _unpack(code: int, data: bytes) -> array[int]:
    return from_bytes(_TYPES[code], data)

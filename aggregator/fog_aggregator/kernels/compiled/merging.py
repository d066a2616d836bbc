"""Merge the sections of plain deltas into the tables, straight from the bytes of the frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.kernels.compiled.compiler import BYTES, compiled
from fog_aggregator.kernels.layout import BASE, CODE, COUNT, FORM, IDS_AT, IDS_END, SUMS_AT, VALUES_AT
from fog_aggregator.kernels.ports import Bits, Bytes, Int64s, Integer
from fog_schema.columns import F64, I8, ITEM_SIZES, U32

_SIZES: Final = np.array(ITEM_SIZES, np.int64)
_U32: Final = U32
_I8: Final = I8
_F64: Final = F64
_LOWEST_BIT: Final = np.array([0] + [(byte & -byte).bit_length() - 1 for byte in range(1, 256)], np.int64)
"""The number of the lowest bit that is set in a byte."""


@compiled()
def bits(data: Bytes, at: Integer, size: Integer) -> np.uint64:
    """Return the bits of a value of `size` bytes, the lowest first."""
    value = np.uint64(data[at])
    for place in range(1, size):
        value |= np.uint64(data[at + place]) << np.uint64(8 * place)
    return value


@compiled()
def small(data: Bytes, at: Integer, size: Integer) -> Integer:
    """Return an unsigned integer of 1, 2 or 4 bytes, the lowest first."""
    value = np.int64(data[at])
    if size > 1:
        value |= np.int64(data[at + 1]) << 8
    if size > 2:
        value |= np.int64(data[at + 2]) << 16 | np.int64(data[at + 3]) << 24
    return value


@compiled()
def find_slots(data: Bytes, section: Int64s, offset: Integer, slots: Int64s) -> None:
    """Write the slots of a section's ids, in their order."""
    first, at, end = section[BASE] + offset, section[IDS_AT], section[IDS_END]
    size, row = _SIZES[section[FORM]], 0
    if size:
        for place in range(at, end, size):
            slots[row] = first + small(data, place, size)
            row += 1
        return
    for place in range(at, end):
        byte = np.int64(data[place])
        while byte:
            slots[row] = first + _LOWEST_BIT[byte]
            byte &= byte - 1
            row += 1
        first += 8


@compiled(f"void({BYTES}, int64[:, ::1], int64[::1], int64[::1], int64[::1])")
def add_counts(data: Bytes, sections: Int64s, offsets: Int64s, slots: Int64s, values: Int64s) -> None:
    """Add the increments of counters.

    Args:
        data: the bytes of all frames.
        sections: sections of counters, in the order in which they came, shape (n, SECTIONS).
        offsets: what the slots of each are beyond its ids, shape (n,); every slot is in the table.
        slots: room for the slots of the largest of them.
        values: the counts by slot. A sum may not pass 2^63 - 1: increments of 32 bits do not reach it.
    """
    for row in range(len(sections)):
        section = sections[row]
        find_slots(data, section, offsets[row], slots)
        at, size = section[VALUES_AT], _SIZES[section[CODE]]
        if size == 1:
            for place in range(section[COUNT]):
                values[slots[place]] += np.int64(data[at + place])
        else:
            for place in range(section[COUNT]):
                values[slots[place]] += small(data, at + place * size, size)


@compiled(f"void({BYTES}, int64[:, ::1], int64[::1], int64[::1], float64[::1], uint64[::1])")
def set_gauges(
    data: Bytes, sections: Int64s, offsets: Int64s, slots: Int64s, values: NDArray[np.float64], raw: Bits
) -> None:
    """Set the values of gauges, a double bit for bit.

    Args:
        data: the bytes of all frames.
        sections: sections of gauges, in the order in which they came, shape (n, SECTIONS).
        offsets: what the slots of each are beyond its ids, shape (n,); every slot is in the table.
        slots: room for the slots of the largest of them.
        values: the values by slot.
        raw: the same memory, as bits.
    """
    for row in range(len(sections)):
        section = sections[row]
        find_slots(data, section, offsets[row], slots)
        code, at = section[CODE], section[VALUES_AT]
        size = _SIZES[code]
        for place in range(section[COUNT]):
            value = bits(data, at + place * size, size)
            if code == _F64:
                raw[slots[place]] = value
            elif code >= _I8:
                unused = np.uint64(64 - 8 * size)
                values[slots[place]] = np.int64(value << unused) >> np.int64(unused)
            else:
                values[slots[place]] = value


@compiled(f"void({BYTES}, int64[:, ::1], int64[::1], int64[::1], int64[:, ::1], uint64[::1])")
def add_buckets(data: Bytes, sections: Int64s, offsets: Int64s, slots: Int64s, values: Int64s, sums: Bits) -> None:
    """Add the increments of buckets, and set the sums.

    Args:
        data: the bytes of all frames.
        sections: sections of histograms of one width, in the order in which they came, shape (n, SECTIONS).
        offsets: what the slots of each are beyond its ids, shape (n,); every slot is in the table.
        slots: room for the slots of the largest of them.
        values: the buckets by slot, shape (slots, width).
        sums: the sums by slot, as bits.
    """
    buckets = values.shape[1]
    for row in range(len(sections)):
        section = sections[row]
        find_slots(data, section, offsets[row], slots)
        at, size, sum_at = section[VALUES_AT], _SIZES[section[CODE]], section[SUMS_AT]
        for place in range(section[COUNT]):
            cells = values[slots[place]]
            for bucket in range(buckets):
                cells[bucket] += small(data, at, size)
                at += size
            sums[slots[place]] = bits(data, sum_at + 8 * place, 8)

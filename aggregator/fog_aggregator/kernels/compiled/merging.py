"""Merge the sections of plain deltas into the tables, straight from the bytes of the frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.kernels.compiled.columns import unpack_integers, unpack_numbers, word
from fog_aggregator.kernels.compiled.compiler import BYTES, compiled
from fog_aggregator.kernels.layout import (
    BASE,
    CODE,
    COUNT,
    FORM,
    IDS_AT,
    IDS_END,
    MOST_CELLS,
    ONE_DOUBLE,
    ONE_INTEGER,
    SUMS_AT,
    SUMS_CODE,
    VALUES_AT,
    WIDTH,
)
from fog_aggregator.kernels.ports import Bytes, Int64s, Integer
from fog_schema.columns import ITEM_SIZES

_SIZES: Final = np.array(ITEM_SIZES, np.int64)
_LOWEST_BIT: Final = np.array([0] + [(byte & -byte).bit_length() - 1 for byte in range(1, 256)], np.int64)
"""The number of the lowest bit that is set in a byte."""


@compiled()
def find_slots(data: Bytes, section: Int64s, offset: Integer, slots: Int64s) -> None:
    """Write the slots of a section's ids, in their order."""
    first, at, end = section[BASE] + offset, section[IDS_AT], section[IDS_END]
    size, row = _SIZES[section[FORM]], 0
    if size:
        for place in range(at, end, size):
            slots[row] = first + np.int64(word(data, place, size))
            row += 1
        return
    for place in range(at, end):
        byte = np.int64(data[place])
        while byte:
            slots[row] = first + _LOWEST_BIT[byte]
            byte &= byte - 1
            row += 1
        first += 8


@compiled(f"void({BYTES}, int64[:, ::1], int64[::1], int64[::1])")
def add_counts(data: Bytes, sections: Int64s, offsets: Int64s, values: Int64s) -> None:
    """Add the increments of counters.

    Args:
        data: the bytes of all frames.
        sections: sections in the order in which they came, others than of counters too, shape (n, SECTIONS).
        offsets: what the slots of each are beyond its ids, shape (n,); every slot is in the table.
        values: the counts by slot. A sum may not pass 2^63 - 1: increments of 32 bits do not reach it.
    """
    slots, increments = np.empty(MOST_CELLS, np.int64), np.empty(MOST_CELLS, np.int64)
    for row in range(len(sections)):
        section = sections[row]
        if section[WIDTH] != ONE_INTEGER:
            continue
        find_slots(data, section, offsets[row], slots)
        unpack_integers(data, section[VALUES_AT], section[CODE], section[COUNT], increments)
        for place in range(section[COUNT]):
            values[slots[place]] += increments[place]


@compiled(f"void({BYTES}, int64[:, ::1], int64[::1], float64[::1])")
def set_gauges(data: Bytes, sections: Int64s, offsets: Int64s, values: NDArray[np.float64]) -> None:
    """Set the values of gauges, a double bit for bit.

    Args:
        data: the bytes of all frames.
        sections: sections in the order in which they came, others than of gauges too, shape (n, SECTIONS).
        offsets: what the slots of each are beyond its ids, shape (n,); every slot is in the table.
        values: the values by slot.
    """
    slots, numbers = np.empty(MOST_CELLS, np.int64), np.empty(MOST_CELLS, np.float64)
    raw, table = numbers.view(np.uint64), values.view(np.uint64)
    for row in range(len(sections)):
        section = sections[row]
        if section[WIDTH] != ONE_DOUBLE:
            continue
        find_slots(data, section, offsets[row], slots)
        unpack_numbers(data, section[VALUES_AT], section[CODE], section[COUNT], numbers, raw)
        for place in range(section[COUNT]):
            table[slots[place]] = raw[place]


@compiled(f"void({BYTES}, int64[:, ::1], int64[::1], int64[:, ::1], float64[::1])")
def add_buckets(data: Bytes, sections: Int64s, offsets: Int64s, values: Int64s, sums: NDArray[np.float64]) -> None:
    """Add the increments of buckets, and set the sums.

    Args:
        data: the bytes of all frames.
        sections: sections in the order in which they came, others than of this width too, shape (n, SECTIONS).
        offsets: what the slots of each are beyond its ids, shape (n,); every slot is in the table.
        values: the buckets by slot, shape (slots, width).
        sums: the sums by slot.
    """
    buckets, slots, increments = values.shape[1], np.empty(MOST_CELLS, np.int64), np.empty(MOST_CELLS, np.int64)
    numbers = np.empty(MOST_CELLS, np.float64)
    raw, table = numbers.view(np.uint64), sums.view(np.uint64)
    for row in range(len(sections)):
        section = sections[row]
        if section[WIDTH] != buckets:
            continue
        count = section[COUNT]
        find_slots(data, section, offsets[row], slots)
        unpack_integers(data, section[VALUES_AT], section[CODE], count * buckets, increments)
        unpack_numbers(data, section[SUMS_AT], section[SUMS_CODE], count, numbers, raw)
        cell = np.int64(0)
        for place in range(count):
            for bucket in range(buckets):
                values[slots[place], bucket] += increments[cell]
                cell += 1
            table[slots[place]] = raw[place]

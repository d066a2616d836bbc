"""Read plain deltas from their bytes: all of a batch in one call, and no object for any of them.

A plain delta has nothing but values of series that were defined before: counters, gauges and histograms in columns of
a type that has no value which is refused for its sign or its size. It is what a fleet sends nearly always. This
kernel looks at bytes alone. A frame that it does not take, for whatever reason, is not judged by it: the general
decoder reads that one. So it may be stricter than the wire, and must never be laxer.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.kernels.compiled.columns import find_column, is_small, ones, unpack_numbers, word
from fog_aggregator.kernels.compiled.compiler import BYTES, compiled
from fog_aggregator.kernels.compiled.items import binary, unsigned
from fog_aggregator.kernels.layout import (
    AGE,
    BASE,
    CODE,
    COUNT,
    FIRST_SECTION,
    FLAGS,
    FORM,
    FRAME,
    HIGH,
    IDS_AT,
    IDS_END,
    INTERVAL,
    LOW,
    MOST_CELLS,
    MOST_SECTIONS,
    ONE_DOUBLE,
    ONE_INTEGER,
    SEQ,
    SUMS_AT,
    SUMS_CODE,
    VALUES_AT,
    WIDTH,
)
from fog_aggregator.kernels.ports import Bits, Bytes, Int64s, Integer
from fog_schema import limits
from fog_schema.columns import F64, ITEM_SIZES, U32
from fog_schema.packed import NEAR, SCALED, SPARSE

_SIZES: Final = np.array(ITEM_SIZES, np.int64)
_U32: Final = U32
_F64: Final = F64
_NEAR: Final = NEAR
_SCALED: Final = SCALED
_SPARSE: Final = SPARSE
_MAX_FRAME_BYTES: Final = limits.MAX_FRAME_BYTES
_MAX_SEQ: Final = np.uint64(limits.MAX_SEQ)
_MAX_AGE_MS: Final = np.uint64(limits.MAX_AGE_MS)
_MIN_INTERVAL_MS: Final = np.uint64(limits.MIN_INTERVAL_MS)
_MAX_INTERVAL_MS: Final = np.uint64(limits.MAX_INTERVAL_MS)
_IDS: Final = limits.MAX_ID + 1
_MAX_WIDTH: Final = np.uint64(limits.MAX_BOUNDS + 1)

Room: TypeAlias = tuple[NDArray[np.float64], Bits]
"""Room for sums while they are looked at, and the same memory as bits."""


@compiled()
def bitmap(data: Bytes, section: Int64s) -> bool:
    """Count the ids of a bitmap, and find the lowest and the highest; tell whether it can be one."""
    at, end, base = section[IDS_AT], section[IDS_END], section[BASE]
    while at < end and data[at] == 0:
        at += 1
    while at < end and data[end - 1] == 0:
        end -= 1
    if at >= end or base + 8 * (section[IDS_END] - section[IDS_AT]) > _IDS:
        return False
    count = np.int64(0)
    for place in range(at, end):
        count += ones(np.int64(data[place]))
    low = high = 0
    while not data[at] >> low & 1:
        low += 1
    while data[end - 1] >> (high + 1):
        high += 1
    section[COUNT] = count
    section[LOW] = base + 8 * (at - section[IDS_AT]) + low
    section[HIGH] = base + 8 * (end - 1 - section[IDS_AT]) + high
    return True


@compiled()
def offsets(data: Bytes, section: Int64s) -> bool:
    """Count the ids of a column of offsets, and find the lowest and the highest; tell whether it can be one."""
    size = _SIZES[section[FORM]]
    at, end = section[IDS_AT], section[IDS_END]
    if end == at or (end - at) % size:
        return False
    before = np.int64(word(data, at, size))
    section[COUNT] = (end - at) // size
    section[LOW] = section[BASE] + before
    for place in range(at + size, end, size):
        offset = np.int64(word(data, place, size))
        if offset <= before:
            return False
        before = offset
    section[HIGH] = section[BASE] + before
    return bool(section[HIGH] < _IDS)


@compiled()
def read_ids(data: Bytes, at: Integer, end: Integer, section: Int64s) -> Integer:
    """Read a set of ids into a section; return where the next item begins; -1 for none, and for an empty one."""
    if at < 0 or at + 2 > end or data[at] != 0x93 or data[at + 1] > _U32:
        return -1
    section[FORM] = data[at + 1]
    base, after = unsigned(data, at + 2, end)
    section[IDS_AT], section[IDS_END] = binary(data, after, end)
    if section[IDS_END] < 0 or base >= np.uint64(_IDS):
        return -1
    section[BASE] = np.int64(base)
    fine = offsets(data, section) if section[FORM] else bitmap(data, section)
    return np.int64(section[IDS_END]) if fine else -1


@compiled()
def read_numbers(data: Bytes, at: Integer, end: Integer, section: Int64s) -> Integer:
    """Read ids and a column into a section; return where the next item begins, -1 where it is not plain."""
    if at < 0 or at >= end or data[at] != 0x92:
        return -1
    after = read_ids(data, at + 1, end, section)
    if after < 0 or section[COUNT] > MOST_CELLS:
        return -1
    section[CODE], section[VALUES_AT], after = find_column(data, after, end, section[COUNT])
    if section[CODE] == _SPARSE:
        return -1
    return after


@compiled()
def read_group(data: Bytes, at: Integer, end: Integer, section: Int64s, room: Room) -> Integer:
    """Read the histograms of one width into a section; return where the next item begins, -1 where it is not plain.

    A sum that is not finite is refused, and so is not plain.
    """
    if at < 0 or at >= end or data[at] != 0x94:
        return -1
    buckets, after = unsigned(data, at + 1, end)
    if after < 0 or buckets < np.uint64(1) or buckets > _MAX_WIDTH:
        return -1
    section[WIDTH] = np.int64(buckets)
    after = read_ids(data, after, end, section)
    cells = section[COUNT] * section[WIDTH]
    if after < 0 or cells > MOST_CELLS:
        return -1
    section[CODE], section[VALUES_AT], after = find_column(data, after, end, cells)
    if not is_small(section[CODE]) and section[CODE] != _SPARSE:
        return -1
    section[SUMS_CODE], section[SUMS_AT], after = find_column(data, after, end, section[COUNT])
    if section[SUMS_CODE] != _F64 and section[SUMS_CODE] != _NEAR and section[SUMS_CODE] != _SCALED:
        return -1
    unpack_numbers(data, section[SUMS_AT], section[SUMS_CODE], section[COUNT], room[0], room[1])
    return after if np.isfinite(room[0][: section[COUNT]]).all() else -1


@compiled()
def read_groups(
    data: Bytes, at: Integer, end: Integer, sections: Int64s, row: Integer, room: Room
) -> tuple[Integer, Integer]:
    """Read all histograms; return where the next item begins, -1 where they are not plain, and the row after theirs."""
    if at >= end or data[at] & 0xF0 != 0x90:
        return -1, row
    groups, at, first = np.int64(data[at] & 0x0F), at + 1, row
    if groups > MOST_SECTIONS - 2:
        return -1, row
    for _ in range(groups):
        at = read_group(data, at, end, sections[row], room)
        if at < 0:
            return -1, row
        for before in range(first, row):
            if sections[before, WIDTH] == sections[row, WIDTH]:
                return -1, row
        row += 1
    return at, row


@compiled()
def read_header(data: Bytes, at: Integer, end: Integer, header: Int64s) -> tuple[np.uint64, Integer]:
    """Read the header of a delta; return its epoch and where its body begins; -1 for none."""
    none = np.uint64(0), -1
    if end - at < 9 or end - at > _MAX_FRAME_BYTES or data[at] != 0x9A or data[at + 1] != 0xA3:
        return none
    if data[at + 2] != 0x66 or data[at + 3] != 0x6F or data[at + 4] != 0x67 or data[at + 5] != 1 or data[at + 6] != 2:
        return none
    header[FLAGS] = data[at + 7]
    epoch, after = unsigned(data, at + 8, end)
    seq, after = unsigned(data, after, end)
    if after < 0 or after >= end or data[after] != 0 or header[FLAGS] > 0x7F:
        return none
    age, after = unsigned(data, after + 1, end)
    interval, after = unsigned(data, after, end)
    if after < 0 or epoch == 0 or seq == 0 or seq > _MAX_SEQ or age > _MAX_AGE_MS:
        return none
    if interval < _MIN_INTERVAL_MS or interval > _MAX_INTERVAL_MS:
        return none
    header[SEQ], header[AGE], header[INTERVAL] = np.int64(seq), np.int64(age), np.int64(interval)
    return epoch, after


@compiled()
def read_body(data: Bytes, at: Integer, end: Integer, sections: Int64s, row: Integer, room: Room) -> Integer:
    """Read the sections of a delta into rows of their own; return the row after them, -1 where it is not plain."""
    if at >= end or data[at] & 0xF0 != 0x80:
        return -1
    fields, at, before = np.int64(data[at] & 0x0F), at + 1, np.int64(3)
    for _ in range(fields):
        if at < 0 or at >= end or data[at] <= before or data[at] > 7:
            return -1
        before = np.int64(data[at])
        if before == 4:
            sections[row, WIDTH] = ONE_INTEGER
            at = read_numbers(data, at + 1, end, sections[row])
            if at < 0 or not is_small(sections[row, CODE]):
                return -1
            row += 1
        elif before == 6:
            sections[row, WIDTH] = ONE_DOUBLE
            at, row = read_numbers(data, at + 1, end, sections[row]), row + 1
        elif before == 7:
            at, row = read_groups(data, at + 1, end, sections, row, room)
        else:
            return -1
    return row if at == end else -1


@compiled(f"void({BYTES}, int64[::1], boolean[::1], uint64[::1], int64[:, ::1], int64[:, ::1])")
def read_deltas(
    data: Bytes, ends: Int64s, plain: NDArray[np.bool_], epochs: Bits, headers: Int64s, sections: Int64s
) -> None:
    """Read the plain deltas among frames.

    Args:
        data: the bytes of all frames, one after the other.
        ends: where each ends, shape (n,).
        plain: takes whether it is plain, shape (n,).
        epochs: takes its epoch, shape (n,); 0 where it is not plain.
        headers: takes its header, shape (n + 1, HEADERS): columns as `layout` names them.
        sections: takes the sections of all that are plain, shape (n * MOST_SECTIONS, SECTIONS).
    """
    row, at, sums = np.int64(0), np.int64(0), np.empty(MOST_CELLS, np.float64)
    room = sums, sums.view(np.uint64)
    for frame in range(len(ends)):
        end = ends[frame]
        epoch, body = read_header(data, at, end, headers[frame])
        after = -1 if body < 0 else read_body(data, body, end, sections, row, room)
        headers[frame, FIRST_SECTION] = row
        plain[frame] = after >= 0
        epochs[frame] = epoch if after >= 0 else np.uint64(0)
        if after >= 0:
            sections[row:after, FRAME] = frame
            row = np.int64(after)
        at = end
    headers[len(ends), FIRST_SECTION] = row

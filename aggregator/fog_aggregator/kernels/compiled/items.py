"""Read items of msgpack from their bytes."""

from __future__ import annotations

import numpy as np

from fog_aggregator.kernels.compiled.compiler import compiled
from fog_aggregator.kernels.ports import Bytes, Integer


@compiled()
def unsigned(data: Bytes, at: Integer, end: Integer) -> tuple[np.uint64, Integer]:
    """Read an unsigned integer of msgpack; return it and where the next item begins; -1 for none."""
    if at < 0 or at >= end:
        return np.uint64(0), -1
    first = np.int64(data[at])
    if first < 0x80:
        return np.uint64(first), at + 1
    if first < 0xCC or first > 0xCF:
        return np.uint64(0), -1
    after = at + 1 + (1 << (first - 0xCC))
    if after > end:
        return np.uint64(0), -1
    value = np.uint64(0)
    for place in range(at + 1, after):
        value = (value << np.uint64(8)) | np.uint64(data[place])
    return value, after


@compiled()
def binary(data: Bytes, at: Integer, end: Integer) -> tuple[Integer, Integer]:
    """Read a binary of msgpack; return where its bytes begin and end, both -1 for none."""
    if at < 0 or at >= end:
        return -1, -1
    first = np.int64(data[at])
    if first < 0xC4 or first > 0xC6:
        return -1, -1
    begin = at + 1 + (1 << (first - 0xC4))
    if begin > end:
        return -1, -1
    length = np.int64(0)
    for place in range(at + 1, begin):
        length = (length << 8) | np.int64(data[place])
    if begin + length > end:
        return -1, -1
    return begin, begin + length

"""Columns that are packed tighter than arrays, as numpy arrays: several at once, as each call of numpy costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from fog_schema.columns import Column
from fog_schema.packed import BITS, DIVISORS, DOUBLE, NEAR, SCALED, SPARSE

_DIVISORS: Final = np.array([*DIVISORS, *[1.0] * (16 - len(DIVISORS))])


def _bits(columns: Sequence[Column]) -> NDArray[np.int64]:
    bits = np.array([column.code - BITS for column in columns], np.int64)
    sizes = np.array([column.size for column in columns], np.int64)
    return _from_bits([column.data for column in columns], bits, sizes)


def _from_bits(parts: Sequence[bytes], bits: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return integers of some bits each, from several binaries that each begin with a byte; shape (n,)."""
    data = b"".join((*parts, bytes(8)))
    windows = np.ndarray((len(data) - 7,), "<i8", data, strides=(1,))  # eight bytes, from each byte on
    alike = bool((bits == bits[0]).all())
    of_each = bits[:1] if alike else bits.repeat(sizes)
    masks = (1 << bits[:1]) - 1 if alike else ((1 << bits) - 1).repeat(sizes)
    places = np.arange(sizes.sum())
    places *= of_each
    if len(parts) > 1:
        lengths = (sizes * bits + 7) >> 3
        places += (8 * (lengths.cumsum() - lengths) - (sizes.cumsum() - sizes) * bits).repeat(sizes)
    found: NDArray[np.int64] = windows[places >> 3]
    places &= 7
    found >>= places
    found &= masks
    return found


def _sparse(columns: Sequence[Column]) -> NDArray[np.integer]:
    bitmaps, rests, bits = [], [], []
    for _, data, size in columns:
        end = 1 + ((size + 7) >> 3)
        bitmaps.append(data[1:end])
        rests.append(data[end:])
        bits.append(data[0])
    sizes = np.array([column.size for column in columns], np.int64)
    places = np.unpackbits(np.frombuffer(b"".join(bitmaps), np.uint8), bitorder="little").nonzero()[0]
    present = np.array([int.from_bytes(bitmap).bit_count() for bitmap in bitmaps], np.int64)
    if len(columns) > 1:
        unused = (-sizes) & 7  # bits of each bitmap's last byte
        places -= (unused.cumsum() - unused).repeat(present)
    found: NDArray[np.integer] = np.zeros(int(sizes.sum()), np.uint8 if max(bits) < 8 else np.int64)
    found[places] = _from_bits(rests, np.array(bits, np.int64), present) + 1 if any(bits) else 1
    return found


def _scaled(columns: Sequence[Column]) -> NDArray[np.float64]:
    tags = np.frombuffer(b"".join([column.data[: column.size] for column in columns]), np.uint8)
    parts = np.frombuffer(b"".join([column.data[column.size :] for column in columns]), np.uint8)
    lengths, scales = tags & 15, tags >> 4
    rows = np.zeros((len(tags), 8), np.uint8)
    rows[np.arange(8, dtype=np.uint8) >= (8 - lengths)[:, None]] = parts  # at the upper end of their eight bytes
    words = rows.view("<i8").ravel()
    found: NDArray[np.float64] = (words >> (8 * (8 - np.maximum(lengths, 1)).astype(np.int64))).astype(np.float64)
    found /= _DIVISORS[scales]
    doubles = scales == DOUBLE
    if doubles.any():
        found[doubles] = words.view("<f8")[doubles]
    return found


def _near(columns: Sequence[Column]) -> NDArray[np.float64]:
    data = b"".join((*[column.data[2:] for column in columns], b"\0"))
    sizes = [column.size for column in columns]
    least = np.array([int.from_bytes(column.data[:2], "little") for column in columns], np.uint64) << np.uint64(52)
    words = np.ndarray((sum(sizes),), "<u8", data, strides=(7,)) & np.uint64(2**56 - 1)
    words += least.repeat(sizes)
    return words.view("<f8")


UNPACK: Final[Mapping[int, Callable[[Sequence[Column]], NDArray[Any]]]] = MappingProxyType(
    {BITS: _bits, SPARSE: _sparse, SCALED: _scaled, NEAR: _near}
)
"""The values of several columns of one layout, one behind the other; shape (n,), integers or doubles."""

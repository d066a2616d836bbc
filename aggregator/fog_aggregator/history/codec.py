"""Encode the values of some series at some steps, and decode them again exactly.

Integers are their first value and the increments, in the narrowest column that holds them; other numbers are the bits
that changed since the step before. Bytes of equal weight stand together, and zlib packs them: a series that stands
still costs next to nothing. The chunks of a matrix are packed one by one, so that a few series cost a few chunks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.promql.storage import Floats, Ints, Mask

try:
    from isal import isal_zlib

    compress, decompress = isal_zlib.compress, isal_zlib.decompress
    _damage: Any = isal_zlib.error
except ImportError:  # no wheel for this machine: slower, and the bytes are the same format
    compress, decompress = zlib.compress, zlib.decompress
    _damage = zlib.error

CHUNK_ROWS: Final = 512
FLOATS: Final = 0
"""The item_bytes of a chunk that has numbers with fractions; other widths are the bytes of an increment."""
_LEVEL: Final = 1
_EXACT: Final = 2**53
"""Integers below have a double of their own."""
_WIDTHS: Final = ((1, 2**7), (2, 2**15), (4, 2**31))
OVERHEAD: Final = 160
"""Bytes that a chunk takes beside its data."""


class CodecError(ValueError):
    """Bytes that are not what was encoded."""


class Chunk(NamedTuple):
    """Some series, one after the other.

    Attributes:
        rows: How many series.
        item_bytes: The bytes of an increment, 1, 2, 4 or 8; `FLOATS` for numbers with fractions.
        data: The packed values.
    """

    rows: int
    item_bytes: int
    data: bytes


def encode(raw: Ints, integer: Mask) -> list[Chunk]:
    """Encode a matrix [series x steps].

    Args:
        raw: Integers, or the bits of doubles.
        integer: Which rows are integers.
    """
    return [_encode(raw[start:stop], integer=bool(integer[start])) for start, stop in _runs(integer)]


def decode(chunk: Chunk, into: Floats) -> None:
    """Decode a chunk into a matrix [series x steps]; integers beyond 2^53 become the nearest double.

    Raises:
        CodecError: the data are not those of so many steps.
    """
    steps = into.shape[1]
    size = _size(chunk, steps)
    data = unpack(chunk.data, size)
    if len(data) != size:
        raise CodecError(f"a chunk of {chunk.rows} series has {len(data)} bytes, and should have {size}")
    if chunk.item_bytes == FLOATS:
        changes = unshuffle(data, "<u8", 0, into.size).reshape(into.shape)
        into[:] = np.bitwise_xor.accumulate(changes, axis=1).view(np.float64)
    else:
        _decode_integers(data, chunk, into)


def pack(data: bytes) -> bytes:
    """Pack bytes."""
    packed: bytes = compress(data, _LEVEL)
    return packed


def unpack(data: bytes, size: int = 16_384) -> bytes:
    """Unpack bytes; `size` is how many there will be, as far as that is known.

    Raises:
        CodecError: they cannot be unpacked.
    """
    try:
        unpacked: bytes = decompress(data, bufsize=max(1, size))
    except _damage as error:
        raise CodecError(f"{len(data)} bytes cannot be unpacked: {error}") from None
    return unpacked


def _size(chunk: Chunk, steps: int) -> int:
    return chunk.rows * (8 * steps if chunk.item_bytes == FLOATS else 8 + chunk.item_bytes * (steps - 1))


def _runs(integer: Mask) -> Iterator[tuple[int, int]]:
    """Cut the rows into chunks of one form."""
    changes = (np.flatnonzero(np.diff(integer)) + 1).tolist()
    for begin, end in zip([0, *changes], [*changes, len(integer)], strict=True):
        for start in range(begin, end, CHUNK_ROWS):
            yield start, min(start + CHUNK_ROWS, end)


def _encode(raw: Ints, *, integer: bool) -> Chunk:
    if not integer:
        numbers = raw.view(np.float64)
        if not _are_integers(numbers):
            changes = raw.view(np.uint64).copy()
            changes[:, 1:] ^= changes[:, :-1].copy()
            return Chunk(len(raw), FLOATS, pack(shuffle(changes)))
        raw = numbers.astype(np.int64)
    increments = np.diff(raw, axis=1)
    low, high = int(increments.min(initial=0)), int(increments.max(initial=0))
    item_bytes = next((item_bytes for item_bytes, limit in _WIDTHS if -limit <= low and high < limit), 8)
    data = shuffle(raw[:, 0]) + shuffle(increments.astype(f"<i{item_bytes}"))
    return Chunk(len(raw), item_bytes, pack(data))


def _are_integers(numbers: Floats) -> bool:
    """Tell whether numbers are integers with a double of their own each; the negative zero is none."""
    with np.errstate(invalid="ignore"):
        if not (np.abs(numbers) < _EXACT).all() or not (numbers == np.trunc(numbers)).all():
            return False
    return not (np.signbit(numbers) & (numbers == 0)).any()


def shuffle(values: NDArray[Any]) -> bytes:
    """Put bytes of equal weight together."""
    item_bytes = values.dtype.itemsize
    flat = np.ascontiguousarray(values)
    return flat.tobytes() if item_bytes == 1 else flat.view(np.uint8).reshape(-1, item_bytes).T.tobytes()


def unshuffle(data: bytes, kind: str, start: int = 0, count: int | None = None) -> NDArray[Any]:
    """Undo `shuffle` for values of a type, from some byte on; for all bytes where `count` is left out.

    Raises:
        ValueError: they are not so many.
    """
    item_bytes = np.dtype(kind).itemsize
    planes = np.frombuffer(data, np.uint8, -1 if count is None else count * item_bytes, start)
    return (planes if item_bytes == 1 else np.ascontiguousarray(planes.reshape(item_bytes, -1).T).ravel()).view(kind)


def _decode_integers(data: bytes, chunk: Chunk, into: Floats) -> None:
    rows, steps = into.shape
    first = unshuffle(data, "<i8", 0, rows)
    increments = unshuffle(data, f"<i{chunk.item_bytes}", 8 * rows, rows * (steps - 1)).reshape(rows, -1)
    # In doubles nothing is rounded while no sum can pass 2^53.
    roomy = chunk.item_bytes < 8 and np.abs(first).max(initial=0) < _EXACT // 2 and (steps << 31) < _EXACT // 2
    values = into if roomy else np.empty(into.shape, np.int64)
    values[:, 0] = first
    values[:, 1:] = increments
    np.cumsum(values, axis=1, out=values)
    if not roomy:
        into[:] = values

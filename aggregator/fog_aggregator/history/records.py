"""The bytes of a history on disk: records with checksums, one after the other, so that damage costs what follows it.

A file begins with a magic word. A record is its length, a CRC-32 of what follows, and msgpack: the label sets of a
level, which hold for the records after it; one step; or a block. The label sets of a level are the pairs of names and
values, each once, and for each series their places.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import msgpack
import numpy as np
from numpy.typing import NDArray

from fog_aggregator.history.block import Block, LevelBlock
from fog_aggregator.history.codec import FLOATS, Chunk, CodecError, pack, shuffle, unpack, unshuffle
from fog_aggregator.history.step import Columns, Depth, Step, Table
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import Ints

MAGIC: Final = b"FOGHIST1"
_HEADER: Final = struct.Struct("<II")
_LABELS, _STEP, _BLOCK = 0, 1, 2
_WIDTHS: Final = frozenset((FLOATS, 1, 2, 4, 8))


class RecordError(ValueError):
    """Bytes that are no records of a history; the text says where and why."""


@dataclass(frozen=True, slots=True)
class LoadedBlock:
    """A block as it is read: each level has its series, and their places as numbers."""

    times: Ints
    levels: Mapping[Depth, tuple[Sequence[Labels], LevelBlock]]


def block_bytes(block: Block, labels: Mapping[Depth, Sequence[Labels]]) -> bytes:
    """Return the file of a block.

    Args:
        block: The block.
        labels: The label sets of each level, by the block's numbers.
    """
    records, levels = [MAGIC], {}
    for depth, level in block.levels.items():
        known = labels[depth]
        records.append(_labels_record(depth, Table([known[number] for number in level.numbers.tolist()], np.zeros(0))))
        chunks = [(chunk.rows, chunk.item_bytes, chunk.data) for chunk in level.chunks]
        levels[depth] = (chunks, _bytes(level.absent, "<i4"), level.presence.tobytes(), _bytes(level.born, "<i4"))
    records.append(_record([_BLOCK, _bytes(block.times, "<i8"), levels]))
    return b"".join(records)


class Journal:
    """Turn steps into the records of one file; the first begins with the magic word."""

    def __init__(self) -> None:
        self._written: dict[Depth, Table] = {}
        self._is_new = True

    def records(self, step: Step) -> bytes:
        """Return the records of a step, and of the label sets that have changed since the one before."""
        records, levels = [MAGIC] if self._is_new else [], {}
        self._is_new = False
        for depth, columns in step.levels.items():
            if self._written.get(depth) is not columns.table:
                records.append(_labels_record(depth, columns.table))
                self._written[depth] = columns.table
            integer = np.packbits(columns.integer, bitorder="little").tobytes()
            levels[depth] = (pack(shuffle(columns.raw)), integer)
        records.append(_record([_STEP, step.time, levels]))
        return b"".join(records)


def read_records(data: bytes) -> Iterator[Step | LoadedBlock]:
    """Read the steps and blocks of a file, in order.

    Raises:
        RecordError: at the first record that is damaged; what came before it is integer.
    """
    if not data.startswith(MAGIC):
        raise RecordError("it does not begin as a history does")
    tables: dict[Depth, Table] = {}
    at = len(MAGIC)
    while at < len(data):
        with _decoding(at):
            length, checksum = _HEADER.unpack_from(data, at)
            payload = data[at + _HEADER.size : at + _HEADER.size + length]
            if len(payload) < length:
                raise RecordError(f"it ends in the middle of the record at byte {at}")
            if zlib.crc32(payload) != checksum:
                raise RecordError(f"the record at byte {at} is damaged: its checksum is wrong")
            kind, *fields = msgpack.unpackb(payload, strict_map_key=False)
            found: Step | LoadedBlock | None = None
            if kind == _LABELS:
                depth, pairs, lengths, codes, born = fields
                tables[depth] = Table(_labels(pairs, lengths, codes), np.frombuffer(unpack(born), "<f8"))
            elif kind == _STEP:
                found = _step(tables, *fields)
            else:
                found = _block(tables, *fields)
        if found is not None:
            yield found
        at += _HEADER.size + length


@contextmanager
def _decoding(at: int) -> Iterator[None]:
    """Turn any fault of reading into one error: a checksum holds off damage, not another version's records."""
    try:
        yield
    except (ValueError, TypeError, KeyError, IndexError, struct.error, CodecError, msgpack.UnpackException) as error:
        raise error if isinstance(error, RecordError) else RecordError(f"the record at byte {at}: {error}") from None


def _record(fields: Sequence[Any]) -> bytes:
    payload: bytes = msgpack.packb(fields)
    return _HEADER.pack(len(payload), zlib.crc32(payload)) + payload


def _bytes(values: NDArray[Any], kind: str) -> bytes:
    return values.astype(kind).tobytes()


def _labels_record(depth: Depth, table: Table) -> bytes:
    code_of: dict[tuple[str, str], int] = {}
    codes = [code_of.setdefault(pair, len(code_of)) for pair in chain.from_iterable(table.labels)]
    lengths = np.array([len(labels) for labels in table.labels], np.int64)
    texts = msgpack.packb(list(chain.from_iterable(code_of)), unicode_errors="surrogatepass")
    packed = (pack(texts), pack(_bytes(lengths, "<u2")), pack(shuffle(np.array(codes, "<u4"))))
    return _record([_LABELS, depth, *packed, pack(_bytes(table.born, "<f8"))])


def _labels(pairs: bytes, lengths: bytes, codes: bytes) -> list[Labels]:
    texts = msgpack.unpackb(unpack(pairs), unicode_errors="surrogatepass")
    known = list(zip(texts[::2], texts[1::2], strict=True))
    chosen = [known[code] for code in unshuffle(unpack(codes), "<u4").tolist()]
    ends = np.cumsum(np.frombuffer(unpack(lengths), "<u2").astype(np.int64)).tolist()
    if (ends[-1] if ends else 0) != len(chosen):
        raise RecordError("label sets do not fit their places")
    return [tuple(chosen[begin:end]) for begin, end in zip([0, *ends], ends, strict=False)]


def _step(tables: Mapping[Depth, Table], time: int, levels: Mapping[Depth, tuple[bytes, bytes]]) -> Step:
    columns = {}
    for depth, (raw, integer) in levels.items():
        table = tables[depth]
        count = len(table.labels)
        values = unshuffle(unpack(raw), "<i8")
        bits = np.unpackbits(np.frombuffer(integer, np.uint8), count=count, bitorder="little").view(np.bool_)
        if len(values) != count or len(table.born) != count:
            raise RecordError(f"{len(values)} values, and {count} series")
        columns[depth] = Columns(table, values, bits)
    return Step(int(time), columns)


def _block(tables: Mapping[Depth, Table], times: bytes, levels: Mapping[Depth, tuple[Any, ...]]) -> LoadedBlock:
    steps: Ints = np.frombuffer(times, "<i8")
    if not len(steps) or (np.diff(steps) <= 0).any():
        raise RecordError("the times of its steps do not ascend")
    found = {}
    for depth, (chunks, absent, presence, born) in levels.items():
        labels = tables[depth].labels
        level = LevelBlock(
            np.arange(len(labels), dtype=np.int32),
            tuple(Chunk(int(rows), int(item_bytes), bytes(data)) for rows, item_bytes, data in chunks),
            np.frombuffer(absent, "<i4"),
            np.frombuffer(presence, np.uint8).reshape(-1, (len(steps) + 7) // 8),
            np.frombuffer(born, "<i4"),
        )
        _check(level)
        found[depth] = (labels, level)
    return LoadedBlock(steps, found)


def _check(level: LevelBlock) -> None:
    rows = len(level.numbers)
    fits = sum(chunk.rows for chunk in level.chunks) == rows and all(
        chunk.rows > 0 and chunk.item_bytes in _WIDTHS for chunk in level.chunks
    )
    for places in (level.absent, level.born):
        fits = fits and not ((places < 0) | (places >= rows)).any()
    if not fits or len(level.presence) != len(level.absent):
        raise RecordError("the parts of a level do not fit together")

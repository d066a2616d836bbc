"""Some steps of all levels, encoded: what a history keeps, drops and writes to disk as a integer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.history.codec import OVERHEAD, Chunk, decode, encode
from fog_aggregator.history.step import Depth
from fog_aggregator.promql.storage import Floats, Ints, Mask

_OF_BLOCK: Final = 1_000
"""Bytes that a level of a block takes beside what it has, at most."""


@dataclass(frozen=True, slots=True)
class LevelBlock:
    """The series of one level at the steps of a block.

    Attributes:
        numbers: The series, by the numbers of the level's index, in the order of the chunks.
        chunks: Their values. Where a series is absent its last value stands.
        absent: The rows of the series that are absent at some of the steps.
        presence: At which steps each of these is present: a bit for each step, packed.
        born: The rows of counters that began at their first step here, while they were watched.
        shares: Whether the numbers are those of the block before, and in memory once.
    """

    numbers: Ints
    chunks: tuple[Chunk, ...]
    absent: Ints
    presence: NDArray[np.uint8]
    born: Ints
    shares: bool = False

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        packed = sum(len(chunk.data) + OVERHEAD for chunk in self.chunks)
        own = sum(one.nbytes for one in (self.absent, self.presence, self.born))
        return packed + own + (0 if self.shares else self.numbers.nbytes) + _OF_BLOCK

    def renumbered(self, numbers: Ints) -> LevelBlock:
        """Give the series other numbers; `numbers` has them by the present ones."""
        return replace(self, numbers=numbers[self.numbers].astype(np.int32), shares=False)

    def read(self, wanted: Ints, known: int, values: Floats, present: Mask) -> Ints:
        """Decode some series into a matrix [series x steps]; of those that are not there nothing is written.

        Args:
            wanted: The numbers of the series, in the order of the matrix.
            known: How many numbers there are.
            values: Where the values go, all steps of the block.
            present: Where their presence goes; false before.

        Returns:
            The lines of the matrix whose counters began here, while they were watched.

        Raises:
            CodecError: the block is damaged.
        """
        row_of = np.full(known, -1, np.int32)
        row_of[self.numbers] = np.arange(len(self.numbers), dtype=np.int32)
        rows: Ints = row_of[wanted].astype(np.int64)
        target = np.flatnonzero(rows >= 0)
        rows = rows[target]
        if not _ascends(rows):
            order = np.argsort(rows, kind="stable")
            rows, target = rows[order], target[order]
        present[target] = True
        start = 0
        for chunk in self.chunks:
            low, high = rows.searchsorted([start, start + chunk.rows])
            if high > low:
                _read_chunk(chunk, rows[low:high] - start, target[low:high], values)
            start += chunk.rows
        target_of = np.full(len(self.numbers), -1, np.int64)
        target_of[rows] = target
        targets = target_of[self.absent]
        there = targets >= 0
        if there.any():
            present[targets[there]] = self._presence(values.shape[1])[there]
        born = target_of[self.born]
        return born[born >= 0]

    def _presence(self, steps: int) -> Mask:
        """Return the presence of the rows of `absent`; shape (rows, steps)."""
        return np.unpackbits(self.presence, axis=1, count=steps, bitorder="little").view(np.bool_)


@dataclass(frozen=True, slots=True)
class Block:
    """Some steps of all levels.

    Attributes:
        times: Of the steps, in milliseconds, ascending.
        levels: The levels that were kept.
        bytes: The memory that it takes.
    """

    times: Ints
    levels: Mapping[Depth, LevelBlock]
    bytes: int

    @property
    def span(self) -> tuple[int, int]:
        """The times of the first and the last step."""
        return int(self.times[0]), int(self.times[-1])

    def renumbered(self, depth: Depth, numbers: Ints) -> Block:
        """Give the series of a level other numbers; `numbers` has them by the present ones."""
        if depth not in self.levels:
            return self
        return make_block(self.times, {**self.levels, depth: self.levels[depth].renumbered(numbers)})

    def sharing(self, before: Block | None) -> Block:
        """Take the numbers of the block before where they are the same: they are then in memory once."""
        levels = dict(self.levels)
        for depth, level in levels.items():
            known = before.levels.get(depth) if before is not None else None
            shares = known is not None and np.array_equal(known.numbers, level.numbers)
            levels[depth] = replace(level, numbers=known.numbers if known and shares else level.numbers, shares=shares)
        return make_block(self.times, levels)


def make_block(times: Ints, levels: Mapping[Depth, LevelBlock]) -> Block:
    """Make a block of its levels."""
    return Block(times, levels, times.nbytes + _OF_BLOCK + sum(level.bytes for level in levels.values()))


def encode_level(numbers: Ints, raw: Ints, integer: Mask, present: Mask, born: Ints) -> LevelBlock:
    """Encode a level.

    Args:
        numbers: The series; shape (series,).
        raw: Their values, integers or the bits of doubles; shape (series, steps). Overwritten where they are absent.
        integer: Which series are integers.
        present: Which values are there; each series is present somewhere.
        born: The rows of the counters that began at their first step.
    """
    absent = np.flatnonzero(~present.all(axis=1))
    if absent.size:
        there = present[absent]
        steps = np.arange(raw.shape[1])
        last = np.maximum.accumulate(np.where(there, steps, -1), axis=1)
        last = np.where(last < 0, there.argmax(axis=1)[:, np.newaxis], last)
        raw[absent] = np.take_along_axis(raw[absent], last, axis=1)
    presence = np.packbits(present[absent], axis=1, bitorder="little")
    chunks = tuple(encode(raw, integer))
    return LevelBlock(numbers.astype(np.int32), chunks, absent.astype(np.int32), presence, born)


def _read_chunk(chunk: Chunk, rows: Ints, target: Ints, values: Floats) -> None:
    if rows.size == chunk.rows and target[-1] - target[0] + 1 == target.size and _ascends(target):
        decode(chunk, values[target[0] : target[-1] + 1])
        return
    decoded = np.empty((chunk.rows, values.shape[1]))
    decode(chunk, decoded)
    values[target] = decoded[rows]


def _ascends(numbers: Ints) -> bool:
    return bool((np.diff(numbers) > 0).all())

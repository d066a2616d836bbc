"""The steps that are not encoded yet: a matrix [steps x series] for each level."""

from __future__ import annotations

from typing import Final

import numpy as np

from fog_aggregator.history.block import LevelBlock, encode_level
from fog_aggregator.history.index import SeriesIndex
from fog_aggregator.history.step import Columns, Table
from fog_aggregator.promql.storage import Floats, Ints, Mask

CELL_BYTES: Final = 9
"""A value and whether it is there."""
_ROW_BYTES: Final = 170
"""Bytes that a series takes in a dictionary and in the columns beside the matrix."""
_LAST_DIGITS: Final = 1e-9
"""A sum of fractions that is lower by so much of itself, or less, was added in another order."""


class LevelHead:
    """The steps of one level since the last block. Lines that were written change no more: they may be read meanwhile.

    Args:
        steps: How many there can be.
        last: The last values of the level's fractional counters, by the index's numbers; NaN for all others.
    """

    def __init__(self, steps: int, last: Floats) -> None:
        self.numbers: Ints = np.zeros(0, np.int64)
        self.raw: Ints = np.zeros((steps, 0), np.int64)
        self.present: Mask = np.zeros((steps, 0), np.bool_)
        self.integer: Mask = np.zeros(0, np.bool_)
        self.born: list[int] = []
        self.began: Floats = np.zeros(0)
        self.last = last
        self._row_of: dict[int, int] = {}
        self._known: tuple[Table, Ints, Mask] | None = None

    @property
    def bytes(self) -> int:
        """The memory that it takes."""
        return self.raw.nbytes + self.present.nbytes + _ROW_BYTES * len(self._row_of) + self.last.nbytes

    def append(self, columns: Columns, index: SeriesIndex, at: int, born_since: float) -> None:
        """Add a step.

        Args:
            columns: The values.
            index: The series of the level, to which new ones are added.
            at: The place of the step in the block.
            born_since: Counters that began later, unix seconds, are born while they are watched.
        """
        rows, fractions = self._rows(columns, index, born_since)
        raw = self._clamped(columns, rows, fractions)
        mixed = columns.integer != self.integer[rows]
        if mixed.any():
            self._become_fractional(rows[mixed & ~columns.integer])
            late = columns.integer & ~self.integer[rows]
            raw = np.where(late, raw.astype(np.float64).view(np.int64), raw)
        self.raw[at, rows] = raw
        self.present[at, rows] = True

    def encode(self, steps: int) -> LevelBlock | None:
        """Encode the first steps; None without a series."""
        present: Mask = np.ascontiguousarray(self.present[:steps].T)
        raw: Ints = np.ascontiguousarray(self.raw[:steps].T)
        numbers, integer, born = self.numbers, self.integer, np.array(self.born, np.int64)
        there: Mask = np.any(present, axis=1)
        if not there.any():
            return None
        if not there.all():  # some came later
            numbers, raw, integer, present = numbers[there], raw[there], integer[there], present[there]
            born = np.cumsum(there)[born[there[born]]] - 1
        return encode_level(numbers, raw, integer, present, born)

    def renumber(self, numbers: Ints) -> None:
        """Give the series other numbers; `numbers` has them by the present ones, -1 for those that are gone."""
        last = np.full(int(numbers.max(initial=-1)) + 1, np.nan)
        stay = np.flatnonzero(numbers[: len(self.last)] >= 0)
        last[numbers[stay]] = self.last[stay]
        self.last = last
        self.numbers = numbers[self.numbers]
        self._row_of = {number: row for row, number in enumerate(self.numbers.tolist())}

    def _clamped(self, columns: Columns, rows: Ints, fractions: Mask) -> Ints:
        """Keep fractional counters from falling by a last digit: the same fractions may come in another order."""
        if not fractions.any():
            return columns.raw
        numbers = self.numbers[rows[fractions]]
        if numbers.max() >= len(self.last):
            self.last = np.append(self.last, np.full(int(numbers.max()) + 1 - len(self.last), np.nan))
        values, last = columns.raw[fractions].view(np.float64), self.last[numbers]
        values = np.where((values < last) & (last - values <= _LAST_DIGITS * last), last, values)
        self.last[numbers] = values
        raw = columns.raw.copy()
        raw[fractions] = values.view(np.int64)
        return raw

    def _rows(self, columns: Columns, index: SeriesIndex, born_since: float) -> tuple[Ints, Mask]:
        """Return the row of each series, and which are counters with fractions."""
        table, known = columns.table, len(index)
        if self._known is None or self._known[0] is not table:
            numbers = index.add(table.labels)
            fresh = np.array([number not in self._row_of for number in numbers.tolist()], np.bool_)
            if fresh.any():
                self._grow(numbers[fresh], columns.integer[fresh])
            rows = np.array([self._row_of[number] for number in numbers.tolist()], np.int64)
            self.began[rows] = table.born
            self.born += rows[(numbers >= known) & (table.born > born_since)].tolist()
            self._known = (table, rows, ~np.isnan(table.born))
        return self._known[1], self._known[2] & ~columns.integer

    def _grow(self, numbers: Ints, integer: Mask) -> None:
        """Add rows; whole numbers first, so that those of one form stand together."""
        order = np.argsort(~integer, kind="stable")
        numbers, integer = numbers[order], integer[order]
        first, steps = len(self.numbers), len(self.raw)
        self._row_of |= {number: first + place for place, number in enumerate(numbers.tolist())}
        self.numbers = np.concatenate((self.numbers, numbers))
        self.integer = np.concatenate((self.integer, integer))
        self.began = np.concatenate((self.began, np.full(len(numbers), np.nan)))
        self.raw = np.concatenate((self.raw, np.zeros((steps, len(numbers)), np.int64)), axis=1)
        self.present = np.concatenate((self.present, np.zeros((steps, len(numbers)), np.bool_)), axis=1)

    def _become_fractional(self, rows: Ints) -> None:
        """Turn the values that some series had until now into doubles, in copies: what was there may be being read."""
        self.raw, self.integer = self.raw.copy(), self.integer.copy()
        self.raw[:, rows] = self.raw[:, rows].astype(np.float64).view(np.int64)
        self.integer[rows] = False


class HeadView:
    """Some steps of a level's head, to be read while more are added.

    Args:
        head: The head.
        begin, stop: Which steps.
    """

    def __init__(self, head: LevelHead, begin: int, stop: int) -> None:
        self._numbers = head.numbers
        self._integer = head.integer
        self._raw = head.raw[begin:stop]
        self._present = head.present[begin:stop]
        born = np.array(head.born, np.int64)
        self._born = born[~head.present[:begin, born].any(axis=0)]

    def read(self, wanted: Ints, known: int, values: Floats, present: Mask) -> Ints:
        """Write some series into a matrix [series x steps]; see `read_level`."""
        row_of = np.full(known, -1, np.int64)
        row_of[self._numbers] = np.arange(len(self._numbers))
        rows = row_of[wanted]
        target = np.flatnonzero(rows >= 0)
        rows = rows[target]
        raw, integer = self._raw[:, rows].T, self._integer[rows]
        values[target[integer]] = raw[integer]
        values[target[~integer]] = np.ascontiguousarray(raw[~integer]).view(np.float64)
        present[target] = self._present[:, rows].T
        return target[np.isin(rows, self._born)]

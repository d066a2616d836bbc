"""Count the values that came from each place, and those of them that came late."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.kinds.table import grow
from fog_aggregator.core.kinds.view import Slots
from fog_aggregator.core.outcome import Outcome


class Arrivals:
    """Counts since the process began, as arrays: two numbers for each place, by its row."""

    def __init__(self) -> None:
        self._values: Int64s = np.zeros(0, np.int64)
        self._late: Int64s = np.zeros(0, np.int64)

    def count(self, outcomes: Sequence[Outcome]) -> None:
        """Count the values of frames that were applied."""
        late = np.fromiter((one.late for one in outcomes), np.bool_)
        self.add(_column(one.row for one in outcomes), _column(one.values for one in outcomes), late)

    def add(self, rows: Int64s, values: Int64s, late: Bools) -> None:
        """Count the values of frames, given the row of each frame's place and whether it came late; shapes (n,)."""
        if not len(rows):
            return
        self._reach(int(rows.max()))
        np.add.at(self._values, rows, values)
        np.add.at(self._late, rows[late], values[late])

    def move(self, row: int, to: int) -> None:
        """Add the counts of a place that goes to those of another one: its row will be given out again."""
        self._reach(max(row, to))
        for counts in (self._values, self._late):
            counts[to] += counts[row]
            counts[row] = 0

    def by_group(self, of_place: Int32s, places: Slots, size: int) -> Int64s:
        """Add up the values of each group, and those that came late; shape (groups, 2).

        Args:
            of_place: the group of each place, by its row.
            places: the rows of those that have one, ascending.
            size: how many groups there are.
        """
        found = np.zeros((size, 2), np.int64)
        self._reach(len(of_place) - 1)
        for column, counts in enumerate((self._values, self._late)):
            if size == 1:
                found[0, column] = counts[places].sum()
            else:
                np.add.at(found[:, column], of_place[places], counts[places])
        return found

    def _reach(self, row: int) -> None:
        if row >= len(self._values):
            rows = max(64, 2 * row)
            self._values, self._late = grow(self._values, rows), grow(self._late, rows)


def _column(numbers: Iterable[int]) -> Int64s:
    return np.fromiter(numbers, np.int64)

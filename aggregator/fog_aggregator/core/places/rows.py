"""Hold what a rollup and a sweep need of all places and epochs at once, as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int32s, Int64s
from fog_aggregator.core.kinds.table import grow
from fog_aggregator.kernels.layout import (
    BIRTH,
    BLOCK,
    END_BLOCK,
    EPOCH,
    FIRST_BLOCK,
    LAST_SEEN,
    NUMBER,
    OBSERVED,
    ROW_BITS,
    TICKET,
    TIMES,
    USUAL,
)

CLOSED: Final = 0
"""The id of the pseudo-epoch that holds a path's closed total; its ids are series numbers."""
STALE_INTERVALS = 3
"""So many of its intervals a node, or a writer of it, may be silent while its gauges count."""
MOST_ROWS = 2**ROW_BITS
"""A checkpoint that names a row beyond is damaged."""
MOST_TICKETS: Final = 2 ** (63 - ROW_BITS) - 1
"""After so many the first one comes again: at 10,000 a second that takes 159 days."""
NO_ROW = MOST_ROWS
"""The row of an epoch that was closed: in no array, so that whoever goes on to read the epoch fails."""

UNHEARD_SECONDS = 30 * 86_400.0
"""For so long a writer may have counted before its path was first heard: what it says beyond is cut (R12.52)."""


class RowPool:
    """Hand out rows; those that were given back first.

    Attributes:
        size: how many rows there are, free ones included.
    """

    def __init__(self, taken: Sequence[int] = ()) -> None:
        self.size = max(taken, default=-1) + 1
        self._free = sorted(set(range(self.size)) - set(taken))

    def take(self) -> int:
        """Return a row."""
        if self._free:
            return self._free.pop()
        self.size += 1
        return self.size - 1

    def give_back(self, row: int) -> None:
        """Take back a row that nobody uses any more."""
        self._free.append(row)


class EpochColumns:
    """Hold as arrays what moves with each frame of an epoch, so that a kernel moves the epochs of many frames.

    A kernel may move an epoch while its ticket is valid: only plain deltas of its next numbers have come since it was
    given out. Whatever else changes an epoch withdraws its ticket; none of the next 137 billion is like it.

    Args:
        taken: rows that are in use.

    Attributes:
        rows: hands out rows.
        integers: columns as `fog_aggregator.kernels.layout` names them, by epoch's row.
        times: likewise.
        blocks: the blocks of ids of the epochs that have tickets.
    """

    def __init__(self, taken: Sequence[int] = ()) -> None:
        self.rows = RowPool(taken)
        size = max(1, self.rows.size)
        self.integers: Int64s = np.zeros((size, EPOCH), np.int64)
        self.times: Float64s = np.zeros((size, TIMES))
        self.blocks: Int64s = np.zeros((0, BLOCK), np.int64)
        self._tickets = self._end = 0
        self._free: dict[int, list[int]] = {}

    def begin(self, row: int, number: int) -> None:
        """Begin an epoch: nothing was heard of it."""
        if row >= len(self.integers):
            rows = max(64, 2 * row)
            self.integers, self.times = grow(self.integers, rows), grow(self.times, rows)
        self.integers[row] = 0
        self.integers.view(np.uint64)[row, NUMBER] = number
        self.times[row, [BIRTH, USUAL, LAST_SEEN, OBSERVED]] = np.inf, np.inf, 0.0, 0.0

    def end(self, row: int) -> None:
        """Let go of an epoch that is closed, and take back its row."""
        self._make_room(row, 0)
        self.integers[row] = 0
        self.rows.give_back(row)

    def ticket(self, row: int) -> int:
        """Return the ticket of an epoch; 0 while no kernel may move it."""
        return self.integers.item(row, TICKET)

    def withdraw(self, row: int) -> None:
        """Let no kernel move an epoch before it has a new ticket."""
        self.integers[row, TICKET] = 0

    def give_ticket(self, row: int, flags: int, place: int, blocks: Sequence[Sequence[int]], *, alone: bool) -> int:
        """Let a kernel move an epoch by plain deltas that have these flags and are of series in these blocks.

        Args:
            row: the epoch's.
            flags: a frame's.
            place: the row of its place.
            blocks: as `fog_aggregator.kernels.layout` has them.
            alone: the place has no other epoch.
        """
        first = self._make_room(row, len(blocks))
        end = first + len(blocks)
        self.blocks[first:end] = np.array(blocks, np.int64).reshape(-1, BLOCK)
        self._tickets = self._tickets % MOST_TICKETS + 1
        ticket = self._tickets << ROW_BITS | row
        self.integers[row, TICKET:] = ticket, flags, place, alone, first, end
        return ticket

    def _make_room(self, row: int, count: int) -> int:
        """Let an epoch have room for so many blocks, in place of what it has; return where."""
        first, end = self.integers[row, [FIRST_BLOCK, END_BLOCK]].tolist()
        if count == end - first:
            return int(first)
        if end > first:
            self._free.setdefault(end - first, []).append(first)
        if free := self._free.get(count):
            return free.pop()
        if self._end + count > len(self.blocks):
            self.blocks = grow(self.blocks, max(256, 2 * (self._end + count)))
        self._end += count
        return self._end - count


class Rows:
    """Hold as arrays what rollups and sweeps need of all places and epochs at once; rows are reused when free.

    Attributes:
        epochs: what moves with each frame of an epoch, by its row.
        epoch_place: the place's row, by epoch's row; -1 for a free one.
        adds_up: whether the epoch's counts are part of the path's total, by epoch's row: a replica's are not.
        shows_gauges: whether the epoch's gauges count, by epoch's row.
        last_seen: server's time of the place's last frame, by place's row; -inf before the first.
        audible_at: the audible time at the place's last frame, by place's row; -inf before the first.
        interval: how often the place sends, seconds, by place's row.
        retired: whether the row is a group of retired nodes, by place's row.
        ended: whether the place's writers have ended in good order, by place's row.
        ephemeral: whether the place says that it comes and goes, by place's row.
        counts_itself: whether coverage counts the place as one node, by place's row.
    """

    def __init__(self) -> None:
        self.epochs = EpochColumns()
        self.epoch_place = np.zeros(0, np.int32)
        self.adds_up: Bools = np.zeros(0, np.bool_)
        self.shows_gauges: Bools = np.zeros(0, np.bool_)
        self.last_seen: Float64s = np.zeros(0)
        self.audible_at: Float64s = np.zeros(0)
        self.interval: Float64s = np.zeros(0)
        self.retired: Bools = np.zeros(0, np.bool_)
        self.ended: Bools = np.zeros(0, np.bool_)
        self.counts_itself: Bools = np.zeros(0, np.bool_)
        self.ephemeral: Bools = np.zeros(0, np.bool_)
        self._places = RowPool()

    def silent_since(self, row: int) -> float:
        """Return the server's time before which a writer of a place was silent for too long, seen from its newest."""
        return float(self.last_seen[row] - STALE_INTERVALS * self.interval[row])

    def live(self, audible: float, places: Int32s | slice = slice(None)) -> Bools:
        """Tell which of some places were heard within 3 of their intervals (R12.23); of all, by place's row."""
        return audible - self.audible_at[places] <= STALE_INTERVALS * self.interval[places]

    def open_epochs(self) -> Int64s:
        """Count the epochs of each place that are open, by the place's row."""
        taken = np.flatnonzero(self.epoch_place >= 0)
        opened = taken[self.epochs.integers[taken, NUMBER] != CLOSED]
        return np.bincount(self.epoch_place[opened], minlength=len(self.retired))

    def reserve(self, places: list[int], epochs: list[int]) -> None:
        """Take the rows of a checkpoint as they were; the rows between them are free."""
        self._places, self.epochs = RowPool(places), EpochColumns(epochs)
        of_places, of_epochs = self._places.size, self.epochs.rows.size
        self.last_seen, self.audible_at = np.full(of_places, -np.inf), np.full(of_places, -np.inf)
        self.interval = np.zeros(of_places)
        self.retired, self.counts_itself = np.zeros(of_places, np.bool_), np.zeros(of_places, np.bool_)
        self.ended, self.ephemeral = np.zeros(of_places, np.bool_), np.zeros(of_places, np.bool_)
        self.epoch_place = np.full(of_epochs, -1, np.int32)
        self.adds_up, self.shows_gauges = np.ones(of_epochs, np.bool_), np.zeros(of_epochs, np.bool_)

    def new_place(self, *, counts_itself: bool, retired: bool = False) -> int:
        """Return a row for a place."""
        row = self._places.take()
        if row == len(self.last_seen):
            rows = max(64, 2 * row)
            self.last_seen, self.audible_at = grow(self.last_seen, rows), grow(self.audible_at, rows)
            self.interval, self.ended = grow(self.interval, rows), grow(self.ended, rows)
            self.retired, self.counts_itself = grow(self.retired, rows), grow(self.counts_itself, rows)
            self.ephemeral = grow(self.ephemeral, rows)
        self.last_seen[row] = self.audible_at[row] = -np.inf
        self.interval[row] = 0.0
        self.ended[row] = self.ephemeral[row] = False
        self.retired[row] = retired
        self.counts_itself[row] = counts_itself
        return row

    def new_epoch(self, place: int, *, adds_up: bool = True) -> int:
        """Return a row for an epoch of the place at row `place`."""
        row = self.epochs.rows.take()
        if row == len(self.epoch_place):
            rows = max(64, 2 * row)
            self.epoch_place, self.adds_up = grow(self.epoch_place, rows), grow(self.adds_up, rows)
            self.shows_gauges = grow(self.shows_gauges, rows)
            self.epoch_place[row:] = -1
        self.epoch_place[row] = place
        self.adds_up[row] = adds_up
        self.shows_gauges[row] = False
        return row

    def free_epoch(self, row: int) -> None:
        """Take back the row of an epoch that has no slots any more."""
        self.epoch_place[row] = -1
        self.shows_gauges[row] = False

    def free_place(self, row: int) -> None:
        """Take back the row of a place that is gone."""
        self.last_seen[row] = self.audible_at[row] = -np.inf
        self.counts_itself[row] = self.ended[row] = False
        self._places.give_back(row)

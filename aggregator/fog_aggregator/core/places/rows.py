"""Hold what a rollup and a sweep need of all places and epochs at once, as arrays."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s
from fog_aggregator.core.kinds.table import grow

STALE_INTERVALS = 3
"""So many of its intervals a node, or a writer of it, may be silent while its gauges count."""


class Rows:
    """Hold as arrays what rollups and sweeps need of all places and epochs at once; rows are reused when free.

    Attributes:
        epoch_place: the place's row, by epoch's row; -1 for a free one.
        adds_up: whether the epoch's counts are part of the path's total, by epoch's row: a replica's are not.
        shows_gauges: whether the epoch's gauges count, by epoch's row.
        last_seen: server's time of the place's last frame, by place's row; -inf before the first.
        interval: how often the place sends, seconds, by place's row.
        retired: whether the row is a group of retired nodes, by place's row.
        counts_itself: whether coverage counts the place as one node, by place's row.
    """

    def __init__(self) -> None:
        self.epoch_place = np.zeros(0, np.int32)
        self.adds_up: Bools = np.zeros(0, np.bool_)
        self.shows_gauges: Bools = np.zeros(0, np.bool_)
        self.last_seen: Float64s = np.zeros(0)
        self.interval: Float64s = np.zeros(0)
        self.retired: Bools = np.zeros(0, np.bool_)
        self.counts_itself: Bools = np.zeros(0, np.bool_)
        self._free_epochs: list[int] = []
        self._free_places: list[int] = []
        self._places = 0
        self._epochs = 0

    def silent_since(self, row: int) -> float:
        """Return the server's time before which a writer of a place was silent for too long, seen from its newest."""
        return float(self.last_seen[row] - STALE_INTERVALS * self.interval[row])

    def live(self, now: float) -> Bools:
        """Tell which places were heard within 3 of their intervals (R12.23), by place's row."""
        return now - self.last_seen <= STALE_INTERVALS * self.interval

    def reserve(self, places: list[int], epochs: list[int]) -> None:
        """Take the rows of a checkpoint as they were; the rows between them are free."""
        self._places, self._epochs = max(places, default=-1) + 1, max(epochs, default=-1) + 1
        self.last_seen, self.interval = np.full(self._places, -np.inf), np.zeros(self._places)
        self.retired, self.counts_itself = np.zeros(self._places, np.bool_), np.zeros(self._places, np.bool_)
        self.epoch_place = np.full(self._epochs, -1, np.int32)
        self.adds_up, self.shows_gauges = np.ones(self._epochs, np.bool_), np.zeros(self._epochs, np.bool_)
        self._free_places = sorted(set(range(self._places)) - set(places))
        self._free_epochs = sorted(set(range(self._epochs)) - set(epochs))

    def new_place(self, *, counts_itself: bool, retired: bool = False) -> int:
        """Return a row for a place."""
        if self._free_places:
            row = self._free_places.pop()
        else:
            row = self._places
            self._places += 1
            if row == len(self.last_seen):
                rows = max(64, 2 * row)
                self.last_seen, self.interval = grow(self.last_seen, rows), grow(self.interval, rows)
                self.retired, self.counts_itself = grow(self.retired, rows), grow(self.counts_itself, rows)
        self.last_seen[row] = -np.inf
        self.interval[row] = 0.0
        self.retired[row] = retired
        self.counts_itself[row] = counts_itself
        return row

    def new_epoch(self, place: int, *, adds_up: bool = True) -> int:
        """Return a row for an epoch of the place at row `place`."""
        if self._free_epochs:
            row = self._free_epochs.pop()
        else:
            row = self._epochs
            self._epochs += 1
            if row == len(self.epoch_place):
                rows = max(64, 2 * row)
                self.epoch_place, self.adds_up = grow(self.epoch_place, rows), grow(self.adds_up, rows)
                self.shows_gauges = grow(self.shows_gauges, rows)
        self.epoch_place[row] = place
        self.adds_up[row] = adds_up
        self.shows_gauges[row] = False
        return row

    def free_epoch(self, row: int) -> None:
        """Take back the row of an epoch that has no slots any more."""
        self.epoch_place[row] = -1
        self.shows_gauges[row] = False
        self._free_epochs.append(row)

    def free_place(self, row: int) -> None:
        """Take back the row of a place that is gone."""
        self.last_seen[row] = -np.inf
        self.counts_itself[row] = False
        self._free_places.append(row)

"""Flat columns, one row a slot: (epoch, series) with its value. Everything a rollup reads is an array.

There is a table for each kind of value: whole counters (int64), fractional counters and gauges (float64), and one for
each width of histogram (int64 rows and a float64 sum). Slots are handed out in blocks, so that a node's series lie
together, and reused when they are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int64s

T = TypeVar("T", bound=np.generic)

FREE = -1
"""`Table.series` of a slot that nobody has."""


class Table:
    """The slots of one kind of value.

    Attributes:
        values: shape (capacity,), or (capacity, width) for histograms.
        sums: shape (capacity,), histograms only (empty otherwise).
        series: the catalog's number, FREE for a free slot.
        epoch: the row of the epoch that the slot belongs to.
        ids: the series' id in its epoch.
        created: when the series began to count at its path, server's seconds.
        live: whether its writer still has the series; false for what was removed and for closed totals.
        size: slots ever handed out; rows from here on are unused.
        version: grows whenever a slot is handed out or given back.
    """

    COLUMNS: Final = ("values", "sums", "series", "epoch", "ids", "created", "live")

    def __init__(self, dtype: DTypeLike, width: int = 0) -> None:
        self.width = width
        self.values: NDArray[Any] = np.zeros((0, width) if width else 0, dtype)
        self.sums: Float64s = np.zeros(0)
        self.series = np.zeros(0, np.int32)
        self.epoch = np.zeros(0, np.int32)
        self.ids = np.zeros(0, np.int64)
        self.created: Float64s = np.zeros(0)
        self.live: Bools = np.zeros(0, np.bool_)
        self.size = 0
        self.version = 0
        self._free: list[int] = []

    def __len__(self) -> int:
        """Slots in use."""
        return self.size - len(self._free)

    def allocate(self, ids: Int64s, series: NDArray[np.integer], epoch: int, created: float) -> Int64s:
        """Slots for some series of an epoch, with value zero; contiguous unless free ones are reused."""
        count = len(ids)
        if len(self._free) >= count:
            slots = np.array(self._free[-count:], np.int64) if count else np.zeros(0, np.int64)
            del self._free[len(self._free) - count :]
        else:
            self._reserve(self.size + count)
            slots = np.arange(self.size, self.size + count)
            self.size += count
        self.series[slots] = series
        self.epoch[slots] = epoch
        self.ids[slots] = ids
        self.created[slots] = created
        self.live[slots] = True
        self.version += 1
        return slots

    def release(self, slots: Int64s) -> None:
        """Give slots back; their values are gone."""
        self.values[slots] = 0
        if self.width:
            self.sums[slots] = 0
        self.series[slots] = FREE
        self.epoch[slots] = 0  # a row there always is: a checkpoint knows only rows that are in use
        self._free.extend(slots.tolist())
        self.version += 1

    def restore(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Take over the columns of a checkpoint; the table must be empty."""
        for name in self.COLUMNS:
            setattr(self, name, columns[name])
        self.size = len(self.series)
        self._free = np.flatnonzero(self.series == FREE).tolist()
        self.version += 1

    def used(self) -> Int64s:
        """The slots in use, ascending."""
        return np.flatnonzero(self.series[: self.size] != FREE)

    def _reserve(self, needed: int) -> None:
        capacity = len(self.series)
        if needed <= capacity:
            return
        grown = max(needed, capacity + capacity // 2, 1024)
        self.values = grow(self.values, grown)
        if self.width:
            self.sums = grow(self.sums, grown)
        self.series = grow(self.series, grown)
        self.epoch = grow(self.epoch, grown)
        self.ids = grow(self.ids, grown)
        self.created = grow(self.created, grown)
        self.live = grow(self.live, grown)


def grow(array: NDArray[T], rows: int) -> NDArray[T]:
    """A copy with more rows, the new ones zero."""
    grown = np.zeros((rows, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown


class IdMap:
    """Where the ids of one epoch are in one table.

    A node's first ids and slots are a block, for which three numbers are enough; arrays are kept only when it frays.
    """

    __slots__ = ("_ids", "_slots", "high", "low", "offset")

    def __init__(self) -> None:
        self.low = self.high = self.offset = 0
        self._ids: Int64s | None = None
        self._slots: Int64s | None = None

    def __len__(self) -> int:
        return self.high - self.low if self._ids is None else len(self._ids)

    @property
    def is_block(self) -> bool:
        """Whether every id from `low` to below `high` is known and ``id + offset`` is its slot."""
        return self._ids is None

    def find(self, ids: Int64s) -> tuple[Int64s, Bools | None]:
        """The slots of some ascending ids and, when not all are known, a mask of those that are.

        Slots of unknown ids are 0.
        """
        if not len(ids):
            return ids, None
        if self._ids is None or self._slots is None:
            if ids[0] >= self.low and ids[-1] < self.high:
                return ids + self.offset, None
            known = (ids >= self.low) & (ids < self.high)
            return np.where(known, ids + self.offset, 0), known
        if not len(self._ids):
            return np.zeros(len(ids), np.int64), np.zeros(len(ids), np.bool_)
        places = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        known = self._ids[places] == ids
        slots = self._slots[places]
        return (slots, None) if known.all() else (np.where(known, slots, 0), known)

    def known(self, ids: Int64s) -> Int64s:
        """The slots of those of some ascending ids that are known."""
        slots, known = self.find(ids)
        return slots if known is None else slots[known]

    def add(self, ids: Int64s, slots: Int64s) -> None:
        """Note where new ids are; they must be ascending and not known."""
        if not len(ids):
            return
        old_ids, old_slots = self.items()
        merged = np.concatenate((old_ids, ids))
        order = np.argsort(merged, kind="stable")
        self._set(merged[order], np.concatenate((old_slots, slots))[order])

    def discard(self, ids: Int64s) -> None:
        """Forget some ids; unknown ones do no harm."""
        old_ids, old_slots = self.items()
        stays = ~np.isin(old_ids, ids)
        self._set(old_ids[stays], old_slots[stays])

    def items(self) -> tuple[Int64s, Int64s]:
        """All ids, ascending, and their slots."""
        if self._ids is None or self._slots is None:
            ids = np.arange(self.low, self.high)
            return ids, ids + self.offset
        return self._ids, self._slots

    def _set(self, ids: Int64s, slots: Int64s) -> None:
        count = len(ids)
        block = count > 0 and ids[-1] - ids[0] == count - 1 and bool((slots - ids == slots[0] - ids[0]).all())
        if block or not count:
            self._ids = self._slots = None
            self.low, self.high = (int(ids[0]), int(ids[-1]) + 1) if count else (0, 0)
            self.offset = int(slots[0] - ids[0]) if count else 0
        else:
            self._ids, self._slots = ids, slots

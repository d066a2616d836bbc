"""Find the slots of an epoch's ids."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_schema.columns import BITMAP, Ids


class IdMap:
    """Know where the ids of one epoch are in one table.

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
        """Tell whether every id from `low` to below `high` is known and ``id + offset`` is its slot."""
        return self._ids is None

    def find(self, ids: Int64s) -> tuple[Int64s, Bools | None]:
        """Return the slots of some ascending ids and, when not all are known, a mask of those that are.

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

    def fits(self, ids: Ids) -> bool:
        """Tell whether ids are a bitmap whose every bit is known, and they are a block; told without unpacking it."""
        if self._ids is not None or ids.form != BITMAP or not ids.data:
            return False
        first, last = ids.data[0], ids.data[-1]
        if not (first and last):
            return False
        lowest = ids.base + (first & -first).bit_length() - 1
        highest = ids.base + 8 * len(ids.data) - 9 + last.bit_length()
        return lowest >= self.low and highest < self.high

    def covers(self, low: int, high: int) -> bool:
        """Tell whether every id from `low` to `high` is known, and they are a block."""
        return self._ids is None and self.low <= low and high < self.high

    def known(self, ids: Int64s) -> Int64s:
        """Return the slots of those ids that are known; the ids must be ascending."""
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
        """Forget some ids; unknown ones are ignored."""
        old_ids, old_slots = self.items()
        stays = ~np.isin(old_ids, ids)
        self._set(old_ids[stays], old_slots[stays])

    def items(self) -> tuple[Int64s, Int64s]:
        """Return all ids, ascending, and their slots."""
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

"""Hold values in flat columns, one row a slot: (epoch, series) with its value. Everything a rollup reads is an array.

Slots are handed out in blocks, so that a node's series lie together, and reused when they are free.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Final, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.slot_news import SlotNews

T = TypeVar("T", bound=np.generic)

FREE: Final = -1
"""`Table.series` of a slot that nobody has."""
_FREE_BYTES: Final = 40
"""The number of a free slot, in a list."""
_FIRST_BYTES: Final = 32_768
_FEWEST: Final = 16
"""So many bytes, and so many rows, a table has at least once it has any: 256 sizes of histograms are as many tables."""


class Table:
    """The slots of one kind of value.

    Args:
        dtype: the type of a value.
        row: the shape of one value; empty for a number.

    Attributes:
        values: shape (capacity, *row).
        series: the catalog's number, FREE for a free slot.
        epoch: the row of the epoch that the slot belongs to.
        ids: the series' id in its epoch.
        created: when the series began to count at its path, server's seconds.
        live: whether its writer still has the series; false for what was removed and for closed totals.
        size: slots ever handed out; rows from here on are unused.
        news: which slots were handed out or given back lately.
    """

    COLUMNS: ClassVar[tuple[str, ...]] = ("values", "series", "epoch", "ids", "created", "live")
    """The attributes that have a row for each slot."""

    def __init__(self, dtype: DTypeLike, row: tuple[int, ...] = ()) -> None:
        self.values: NDArray[Any] = np.zeros((0, *row), dtype)
        self.series = np.zeros(0, np.int32)
        self.epoch = np.zeros(0, np.int32)
        self.ids = np.zeros(0, np.int64)
        self.created: Float64s = np.zeros(0)
        self.live: Bools = np.zeros(0, np.bool_)
        self.size = 0
        self.news = SlotNews()
        self._free: list[int] = []

    def __len__(self) -> int:
        """Slots in use."""
        return self.size - len(self._free)

    def allocate(self, ids: Int64s, series: NDArray[np.integer], epoch: int, created: float) -> Int64s:
        """Hand out slots for some series of an epoch, with value zero; contiguous unless free ones are reused."""
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
        self.news.note(slots)
        return slots

    def release(self, slots: Int64s) -> None:
        """Take slots back; their values are gone."""
        self.values[slots] = 0
        self.series[slots] = FREE
        self.epoch[slots] = 0  # a row that always exists: a checkpoint knows only rows that are in use
        self._free.extend(slots.tolist())
        self.news.note(slots)

    def copy_rows(self, slots: Int64s, into: Table, epoch: int, created: float) -> Int64s:
        """Copy what some slots hold into new slots of another table of this kind; return those, which begin anew."""
        made = into.allocate(self.ids[slots], self.series[slots], epoch, created)
        for name in self.COLUMNS:
            if name not in ("series", "epoch", "ids", "created"):
                getattr(into, name)[made] = getattr(self, name)[slots]
        return made

    def image(self) -> dict[str, NDArray[Any]]:
        """Return the columns as a checkpoint keeps them; they are the table's own memory."""
        return {name: getattr(self, name)[: self.size] for name in self.COLUMNS}

    def restore(self, columns: Mapping[str, NDArray[Any]]) -> None:
        """Take over the columns of a checkpoint; the table must be empty.

        Raises:
            ValueError: a column is missing, or is not of the type and shape of this table's.
        """
        size = len(columns["series"])
        for name in self.COLUMNS:
            column, own = columns[name], getattr(self, name)
            if column.dtype != own.dtype or column.shape != (size, *own.shape[1:]):
                raise ValueError(f"column {name} is {column.dtype}{column.shape}, not {own.dtype} with {size} rows")
            setattr(self, name, column)
        if np.isnan(self.created).any():
            raise ValueError("column created has what is no time")
        self.size = size
        self._free = np.flatnonzero(self.series == FREE).tolist()
        self.epoch[self._free] = 0  # as `release` leaves it: nobody checks what a free slot says
        self.news.forget()

    @cached_property
    def row_bytes(self) -> int:
        """Return how many bytes the row of one slot has in all columns; rows of a table are of one size for ever."""
        return sum(_row_bytes(getattr(self, name)) for name in self.COLUMNS)

    @cached_property
    def value_bytes(self) -> int:
        """Return how many bytes one value has, likewise."""
        return _row_bytes(self.values)

    @property
    def bytes(self) -> int:
        """Return how many bytes the columns take, rows that are not in use yet included."""
        return len(self.series) * self.row_bytes + _FREE_BYTES * len(self._free)

    def make_room(self, count: int, most: int) -> int:
        """Let more slots fit, if they do within bytes; return for how many there is room now.

        Columns grow by half of what they are; near the limit by less. While a column grows, it is there twice.
        """
        capacity = len(self.series)
        spare = max(len(self._free), capacity - self.size)
        if count <= spare:
            return count
        needed, twice = self.size + count, capacity * max(_row_bytes(getattr(self, name)) for name in self.COLUMNS)
        for grown in (max(needed, self._grown(capacity)), needed + capacity // 16, needed):
            if (grown - capacity) * self.row_bytes + twice <= most:
                self._grow_to(grown)
                return count
        return spare

    def used(self) -> Int64s:
        """Return the slots in use, ascending."""
        return np.flatnonzero(self.series[: self.size] != FREE)

    def _reserve(self, needed: int) -> None:
        capacity = len(self.series)
        if needed > capacity:
            self._grow_to(max(needed, self._grown(capacity)))

    def _grown(self, capacity: int) -> int:
        return max(capacity + capacity // 2, _FIRST_BYTES // self.row_bytes, _FEWEST)

    def _grow_to(self, rows: int) -> None:
        for name in self.COLUMNS:
            setattr(self, name, grow(getattr(self, name), rows))


def _row_bytes(column: NDArray[Any]) -> int:
    return int(column.itemsize * np.prod(column.shape[1:], dtype=np.int64))


def grow(array: NDArray[T], rows: int) -> NDArray[T]:
    """Return a copy with more rows, the new ones zero."""
    grown = np.zeros((rows, *array.shape[1:]), array.dtype)
    grown[: len(array)] = array
    return grown

"""The samples in the window of each step: positions for a block of series, by binary search and not by series.

A block is small enough for the cache, which is what makes the functions over windows fast.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_aggregator.promql.storage import Floats, Ints, Mask, Part, is_stale, parts_of_grid

BLOCK: Final = 200
"""Series in a block with shared times; of 400 samples each they fill some 640 kB."""


@dataclass(frozen=True, slots=True)
class Moments:
    """The windows that are asked for, one a step: ``(end - reach, end]``, or with both ends in when `closed`.

    `check_time` raises when the time of the query is up; functions that take long on one block call it.
    """

    ends: Ints
    reach: int
    closed: bool
    check_time: Callable[[], None]

    @property
    def first_wanted(self) -> int:
        """The earliest time that belongs to a window."""
        return int(self.ends.min()) - self.reach + (0 if self.closed else 1)

    @property
    def last_wanted(self) -> int:
        """The latest."""
        return int(self.ends.max())

    @property
    def before(self) -> Ints:
        """The latest time before each window."""
        return self.ends - self.reach - (1 if self.closed else 0)


@dataclass(frozen=True, slots=True)
class Block:
    """A block of series, and where the windows begin and end in them.

    Attributes:
        rows: The number of series.
        times: Of a shared grid [times], or flat as the values.
        values: Flat, row after row.
        low, high: Positions in `times` [1 x steps] for a shared grid, else [rows x steps]; `high` is not in the window.
        base: Where each row begins in `values` [rows x 1], for a shared grid; else zeros.
        shared: Whether all rows have the same times.
        moments: The windows that are asked for.
    """

    rows: int
    times: Ints
    values: Floats
    low: Ints
    high: Ints
    base: Ints
    shared: bool
    moments: Moments

    @property
    def ends(self) -> Ints:
        """The end of each window [steps]."""
        return self.moments.ends

    @property
    def reach(self) -> int:
        """The length of the windows."""
        return self.moments.reach

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and steps."""
        return self.rows, self.ends.size

    @property
    def counts(self) -> Ints:
        """How many samples each window has, [1 or rows x steps]."""
        return self.high - self.low

    def has(self, least: int) -> Mask:
        """Tell which windows have at least so many samples, [rows x steps]."""
        return np.broadcast_to(self.counts >= least, self.shape)

    def at(self, positions: Ints) -> Floats:
        """Look up values at positions in `times`, [rows x steps]; positions out of bounds are clipped."""
        if self.shared:
            return _columns(self.values.reshape(self.rows, self.times.size), positions[0])
        return self.values.take(positions, mode="clip")

    def times_at(self, positions: Ints) -> Ints:
        """Look up times at positions."""
        return self.times.take(positions, mode="clip")


def _columns(grid: Floats, positions: Ints) -> Floats:
    """Choose columns, as a view where they are evenly spaced."""
    last = grid.shape[1] - 1
    if positions.size > 1:
        step = int(positions[1] - positions[0])
        start, end = int(positions[0]), int(positions[-1])
        even = step > 0 and start >= 0 and end <= last and end - start == step * (positions.size - 1)
        if even and bool((np.diff(positions) == step).all()):
            return grid[:, start : end + 1 : step]
    return grid.take(np.clip(positions, 0, last), axis=1)


def blocks(part: Part, moments: Moments) -> Iterator[tuple[slice, Block]]:
    """Cut a part into blocks, each with the rows it stands for; rows without samples may be left out."""
    if not part.samples:
        return
    if part.offsets is None:
        yield from _shared_blocks(part, moments)
    else:
        yield from _own_blocks(part, part.offsets, moments)


def _shared_blocks(part: Part, moments: Moments) -> Iterator[tuple[slice, Block]]:
    samples = part.times.size
    low = part.times.searchsorted(moments.before, "right")[None, :]
    high = part.times.searchsorted(moments.ends, "right")[None, :]
    height = max(1, min(BLOCK, BLOCK * 400 // max(samples, moments.ends.size)))
    for start in range(0, len(part.labels), height):
        rows = slice(start, min(start + height, len(part.labels)))
        count = rows.stop - rows.start
        base = np.arange(count, dtype=np.int64)[:, None] * samples
        values = part.values[rows].reshape(-1)
        yield rows, Block(count, part.times, values, low, high, base, shared=True, moments=moments)


def _own_blocks(part: Part, offsets: Ints, moments: Moments) -> Iterator[tuple[slice, Block]]:
    """Cut rows with times of their own: one search in row number and time, joined into one key."""
    mean = max(1, int(offsets[-1]) // max(1, len(part.labels)))
    height = max(1, min(BLOCK, BLOCK * 400 // max(mean, moments.ends.size)))
    for start in range(0, len(part.labels), height):
        rows = slice(start, min(start + height, len(part.labels)))
        count = rows.stop - rows.start
        cut = slice(int(offsets[start]), int(offsets[rows.stop]))
        times, values = part.times[cut], part.values[cut]
        if not times.size:
            continue
        lengths = np.diff(offsets[rows.start : rows.stop + 1])
        low, high = _search_rows(times, lengths, moments.before), _search_rows(times, lengths, moments.ends)
        base = np.zeros((count, 1), np.int64)
        yield rows, Block(count, times, values, low, high, base, shared=False, moments=moments)


def _search_rows(times: Ints, lengths: Ints, wanted: Ints) -> Ints:
    """Count, for each row and moment, the position after the row's last time that is not later, [rows x moments]."""
    origin = int(times.min()) - 1
    span = int(times.max()) - origin + 1
    number = np.arange(lengths.size, dtype=np.int64)
    keys = np.repeat(number, lengths) * span + (times - origin)
    asked = np.clip(wanted - origin, 0, span - 1)
    return keys.searchsorted((number * span)[:, None] + asked[None, :], "right")


def without_stale(part: Part) -> list[Part]:
    """Take the stale markers out of a part: they end instant vectors, and are no values of windows."""
    flat = part.values.reshape(-1)
    if not np.isnan(flat).any():
        return [part]
    stale = is_stale(flat)
    if not stale.any():
        return [part]
    if part.offsets is None:
        return parts_of_grid(part.labels, part.times, part.values, ~stale.reshape(part.values.shape))
    retained = np.concatenate(([0], np.cumsum(~stale)))
    return [Part(part.labels, part.times[~stale], part.values[~stale], retained[part.offsets])]

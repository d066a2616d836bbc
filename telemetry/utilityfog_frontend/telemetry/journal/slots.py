"""Where records have their place in a journal's segments. Pure: who calls hands in more room."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from .layout import (
    AT_SEGMENTS,
    CELL,
    FIRST_SEGMENT,
    FREE,
    HEADER_BYTES,
    LARGEST_SEGMENT,
    SEGMENTS,
    head,
    rounded,
)

Grow: TypeAlias = Callable[[int], bytearray | memoryview | None]
"""Makes a journal so many bytes longer, and returns these; None when there is no more room."""

END: Final = 1
"""Cells that a segment keeps at its end: a 0 ends the row of records."""


class Region:
    """A stretch of a journal: its cells, seen as bytes, as integers and as doubles."""

    __slots__ = ("bytes", "floats", "ints", "offset", "used")

    def __init__(self, buffer: bytearray | memoryview, offset: int) -> None:
        self.bytes = memoryview(buffer).cast("B")
        self.ints = self.bytes.cast("q")
        self.floats = self.bytes.cast("d")
        self.offset = offset
        self.used = 0

    @property
    def room(self) -> int:
        """Cells that no record has."""
        return len(self.ints) - END - self.used


class Slot:
    """The place of one record. It is given to another one when it was released and nothing refers to it any more.

    Attributes:
        region: the stretch in which it is.
        at: the first of its cells there.
        cells: how many it has.
        released: no frame needs its count any more.
    """

    __slots__ = ("_returned", "at", "cells", "region", "released")

    def __init__(self, region: Region, at: int, cells: int, returned: deque[tuple[Region, int, int]]) -> None:
        self.region = region
        self.at = at
        self.cells = cells
        self.released = False
        self._returned = returned

    @property
    def address(self) -> int:
        """Where it begins in the file, bytes."""
        return self.region.offset + self.at * CELL

    def write(self, at: int, data: bytes) -> None:
        """Write bytes from one of its cells on."""
        start = (self.at + at) * CELL
        self.region.bytes[start : start + len(data)] = data

    def commit(self, kind: int) -> None:
        """Make what was written a record of this kind."""
        self.region.ints[self.at] = head(self.cells, kind)

    def __del__(self) -> None:
        # An increment may still be under way in a thread after its series has ended: only when that has gone too,
        # which holds the slot as well, may another series count here.
        if self.released:
            self._returned.append((self.region, self.at, self.cells))


class Slots:
    """Give places to records. Not thread-safe.

    Args:
        header: the journal's header, in which the lengths of its segments stand.
        grow: makes the journal longer.
    """

    def __init__(self, header: Region, grow: Grow) -> None:
        self._header = header
        self._grow = grow
        self._regions: list[Region] = []
        self._free: dict[int, list[tuple[Region, int, int]]] = {}
        self._returned: deque[tuple[Region, int, int]] = deque()
        self._end = HEADER_BYTES

    @property
    def regions(self) -> tuple[Region, ...]:
        """All segments, in the order of the file."""
        return tuple(self._regions)

    def allocate(self, cells: int) -> Slot | None:
        """Return a place of at least so many cells, all zero but the first; None when there is no more room."""
        cells = rounded(cells)
        while self._returned:
            returned = self._returned.popleft()
            self._free.setdefault(returned[2], []).append(returned)
        place = self._again(cells) or self._fresh(cells)
        if place is None:
            return None
        slot = Slot(*place, self._returned)
        slot.commit(FREE)
        slot.write(1, bytes((cells - 1) * CELL))
        return slot

    def _again(self, cells: int) -> tuple[Region, int, int] | None:
        free = self._free.get(cells)
        return free.pop() if free else None

    def _fresh(self, cells: int) -> tuple[Region, int, int] | None:
        region = self._regions[-1] if self._regions else None
        if region is None or region.room < cells:
            region = self._longer((cells + END) * CELL)
        if region is None:
            return None
        at = region.used
        region.used += cells
        return region, at, cells

    def _longer(self, least: int) -> Region | None:
        count = len(self._regions)
        size = max(min(FIRST_SEGMENT << count, LARGEST_SEGMENT), -(-least // FIRST_SEGMENT) * FIRST_SEGMENT)
        buffer = self._grow(size) if count < SEGMENTS else None
        if buffer is None:
            return None
        region = Region(buffer, self._end)
        self._end += size
        self._regions.append(region)
        self._header.ints[AT_SEGMENTS + count] = size
        return region

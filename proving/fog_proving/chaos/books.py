"""The books: what every node has counted and what it has seen acknowledged, kept outside the system that is tried.

A book is a file mapped into memory, written cell by cell before the instrument is: it survives the kill -9 of its
writer, and another process can read it at any moment. Each node has a row. A cell is a double, which holds whole
numbers to 2^53.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Final, Self

BOUNDS: Final = (0.01, 0.1, 1.0, 10.0)
KINDS: Final = ("mine", "move", "rest", "talk")

PREFIX: Final = "chaos_"
WHOLE: Final = "chaos_whole_total"
LIFE: Final = "chaos_life_total"
JOBS: Final = "chaos_jobs_total"
FRACTION: Final = "chaos_fraction_total"
SECONDS: Final = "chaos_seconds"
LEVEL: Final = "chaos_level"
EVENT: Final = "chaos_event"

Key = tuple[str, str]
"""A sample's name and its labels as an exposition writes them."""


class Cell(IntEnum):
    """The numbers of a row, in this order, once as counted and once as acknowledged."""

    LIFE = 0
    EVENTS = 1
    LEVEL = 2
    WHOLE = 3
    FRACTION = 4
    SUM = 5
    JOBS = 6
    BUCKETS = JOBS + len(KINDS)
    END = BUCKETS + len(BOUNDS) + 1


class Fate(IntEnum):
    """The fate of a node."""

    LIVING = 0
    """It runs, or it was killed: its file cannot tell."""
    FINISHED = 1
    """It ended in good order, and all of it was acknowledged."""


_CELLS: Final = int(Cell.END)
_ROW: Final = 1 + 2 * _CELLS
_DOUBLE: Final = 8


class Row:
    """One node's row. Written by its node alone."""

    def __init__(self, cells: memoryview[float]) -> None:
        self._cells = cells

    @property
    def fate(self) -> Fate:
        """The fate of the node."""
        return Fate(int(self._cells[0]))

    @property
    def counted(self) -> list[float]:
        """Everything counted until now, in the order of `Cell`."""
        return list(self._cells[1 : 1 + _CELLS])

    @property
    def acknowledged(self) -> list[float]:
        """The counts that are known to be in the stream."""
        return list(self._cells[1 + _CELLS :])

    def add(self, cell: int, amount: float) -> None:
        """Note what is about to be counted."""
        self._cells[1 + cell] += amount

    def set(self, cell: int, value: float) -> None:
        """Note what a gauge is about to be set to."""
        self._cells[1 + cell] = value

    def acknowledge(self, counted: list[float]) -> None:
        """Note that all of an earlier `counted` is in the stream."""
        for cell, value in enumerate(counted, 1 + _CELLS):
            self._cells[cell] = value

    def survive(self) -> None:
        """Note that all that was counted until now outlives a kill -9: it is in a journal, which has no events."""
        counted, events = self.counted, self.acknowledged[Cell.EVENTS]
        self.acknowledge([events if cell == Cell.EVENTS else value for cell, value in enumerate(counted)])

    def finish(self) -> None:
        """Note that all that was ever counted is in the stream."""
        self.acknowledge(self.counted)
        self._cells[0] = Fate.FINISHED


class Book:
    """A file of rows."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._cells = memoryview(memory).cast("d")
        rows = len(self._cells) // _ROW
        self.rows = [Row(self._cells[row * _ROW : (row + 1) * _ROW]) for row in range(rows)]

    @classmethod
    def create(cls, file: Path, rows: int) -> Self:
        """Make a new book with empty rows."""
        file.write_bytes(bytes(rows * _ROW * _DOUBLE))
        return cls.open(file)

    @classmethod
    def open(cls, file: Path) -> Self:
        """Open a book that exists."""
        with file.open("r+b") as opened:
            return cls(mmap.mmap(opened.fileno(), os.fstat(opened.fileno()).st_size))


def total(rows: Iterable[list[float]]) -> list[float]:
    """Several rows' cells, added up."""
    return [sum(cells) for cells in zip([0.0] * _CELLS, *rows, strict=True)]


def samples(cells: list[float]) -> dict[Key, float]:
    """List the samples that an exposition has of such counts; one of zero need not be there."""
    buckets = cells[Cell.BUCKETS : Cell.END]
    found = {
        (WHOLE, ""): cells[Cell.WHOLE],
        (FRACTION, ""): cells[Cell.FRACTION],
        (f"{SECONDS}_sum", ""): cells[Cell.SUM],
        (f"{SECONDS}_count", ""): sum(buckets),
    }
    for kind, count in zip(KINDS, cells[Cell.JOBS :], strict=False):
        found[JOBS, f'kind="{kind}"'] = count
    for place, bound in enumerate((*BOUNDS, "+Inf")):
        found[f"{SECONDS}_bucket", f'le="{bound}"'] = sum(buckets[: place + 1])
    return found


def life_key(life: int) -> Key:
    """Return the sample that one process's nodes alone count on."""
    return LIFE, f'life="{life}"'

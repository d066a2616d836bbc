"""How the value of each kind of series stands in a journal's cells. Pure.

A counter is two cells: the sum of its whole increments and the sum of the others. A histogram is two sums and its
buckets. Of the two sums that one holds which the parity of the number of observations says: an observation writes the
other sum and then its bucket, so that the store into the bucket is what makes it count, wholly.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from utilityfog_frontend.telemetry.model import Family, HistogramValue, MetricType, Value

from .layout import CELL, Buffer

MOST: Final = 2**63 - 1
"""A count that reaches it stays there, as on the bus."""
SUMS: Final = 2


@dataclass(frozen=True, slots=True)
class Shape:
    """How a value stands in cells.

    Attributes:
        cells: how many cells it takes.
        read: reads it from a buffer at a byte, in one step to the interpreter.
        pack: writes a value as these cells.
        add: reads as `read` does, and writes the value as these cells after numbers were counted.
    """

    cells: int
    read: Callable[[Buffer, int], Value]
    pack: Callable[[Any], bytes]
    add: Callable[[Buffer, int, Iterable[float]], bytes]


def _of_counters(_: Family) -> Shape:
    cells = struct.Struct("=qd")

    def read(buffer: Buffer, at: int) -> Value:
        integers: int
        integers, fractions = cells.unpack_from(buffer, at)
        total: int | float = integers + fractions if fractions else integers
        return total

    def pack(value: float) -> bytes:
        return cells.pack(min(value, MOST), 0.0) if type(value) is int else cells.pack(0, value)

    def add(buffer: Buffer, at: int, numbers: Iterable[float]) -> bytes:
        integers, fractions = cells.unpack_from(buffer, at)
        for number in numbers:
            if number % 1:
                fractions += number
            else:
                integers = min(integers + int(number), MOST)
        return cells.pack(integers, fractions)

    return Shape(cells.size // CELL, read, pack, add)


def _of_histograms(family: Family) -> Shape:
    cells = struct.Struct(f"={SUMS}d{len(family.bounds) + 1}q")

    def read(buffer: Buffer, at: int) -> Value:
        numbers = cells.unpack_from(buffer, at)
        counts = numbers[SUMS:]
        return HistogramValue(counts, numbers[sum(counts) & 1])

    def pack(value: HistogramValue) -> bytes:
        return cells.pack(value.sum, value.sum, *value.counts)

    def add(buffer: Buffer, at: int, numbers: Iterable[float]) -> bytes:
        found = cells.unpack_from(buffer, at)
        sums, counts = list(found[:SUMS]), list(found[SUMS:])
        count = sum(counts)
        for number in numbers:
            total = sums[count & 1] + number
            count += 1
            sums[count & 1] = total
            counts[bisect_left(family.bounds, number)] += 1
        return cells.pack(*sums, *counts)

    return Shape(cells.size // CELL, read, pack, add)


_SHAPES: Final = {MetricType.COUNTER: _of_counters, MetricType.HISTOGRAM: _of_histograms}


def shape_of(family: Family) -> Shape:
    """Return how the values of a family stand in cells.

    Raises:
        KeyError: its values are no counts.
    """
    return _SHAPES[family.type](family)


def family_text(family: Family) -> list[Any]:
    """Return a family as plain values."""
    return [family.name, family.type.value, family.help, family.unit, list(family.bounds)]


def read_family(text: Any) -> Family:
    """Return the family that `family_text` has written."""
    name, type_, help_, unit, bounds = text
    return Family(name, MetricType(type_), help_, unit, tuple(bounds))

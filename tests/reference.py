"""Slow, obvious twins of the kernels on arrays: what each must give, said with Python's own numbers and sets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

MAX_WHOLE = 2**63 - 1


def sum_whole(cells: Iterable[int], size: int, values: Iterable[int]) -> list[int]:
    """Exact sums by cell, staying at 2^63 - 1."""
    sums = [0] * size
    for cell, value in zip(cells, values, strict=True):
        sums[cell] += value
    return [min(total, MAX_WHOLE) for total in sums]


def number_cells(keys: Sequence[int]) -> tuple[list[int], list[int]]:
    """Return the distinct keys, ascending, and each key's place among them."""
    cells = sorted(set(keys))
    return cells, [cells.index(key) for key in keys]


def plan(
    slots: Sequence[tuple[int, int, float]],
    shape_of: Sequence[int],
    group_of: Sequence[int],
    rank: Sequence[int] | None,
    wanted: Sequence[bool] | None,
) -> dict[str, list[Any]]:
    """Where slots, (series, epoch, created) each, go in a view; series -1: a free slot, group -1: not in the view."""
    used = [
        number
        for number, (series, epoch, _) in enumerate(slots)
        if series >= 0 and group_of[epoch] >= 0 and (wanted is None or wanted[series])
    ]
    if rank is not None:
        used.sort(key=lambda number: rank[slots[number][1]])
    keys = [(shape_of[slots[number][0]], slots[number][0], group_of[slots[number][1]]) for number in used]
    ordered = sorted(set(keys))
    born = {key: min(slots[n][2] for n, mine in zip(used, keys, strict=True) if mine == key) for key in ordered}
    shapes = [shape for shape, _, _ in ordered]
    return {
        "slots": used,
        "cell": [ordered.index(key) for key in keys],
        "cells": [(series, group, born[shape, series, group]) for shape, series, group in ordered],
        "shapes": [
            (shape, shapes.index(shape), shapes.index(shape) + shapes.count(shape)) for shape in sorted(set(shapes))
        ],
    }


def summarise(values: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Return the statistics of one gauge, given (value, when its node was heard) of each."""
    numbers = [value for value, _ in values]
    newest = max(heard for _, heard in values)
    total = float(sum(map(Fraction, numbers)))
    return {
        "count": len(numbers),
        "sum": total,
        "avg": total / len(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "last": max(value for value, heard in values if heard == newest),
    }


def ladder(bounds: Sequence[float], counts: Sequence[int]) -> dict[float, int]:
    """Return a histogram as Prometheus shows it: for each bound, +Inf too, the observations at or below it."""
    ends = [*bounds, float("inf")]
    return {end: sum(counts[: place + 1]) for place, end in enumerate(ends)}


def show_at(bounds: Sequence[float], own: Sequence[float], counts: Sequence[int]) -> list[int]:
    """A histogram with bounds `own`, seen at `bounds`: each bucket at the first bound that is not below its own."""
    ends = [*bounds, float("inf")]
    shown = [0] * len(ends)
    for end, count in zip([*own, float("inf")], counts, strict=True):
        shown[next(place for place, bound in enumerate(ends) if bound >= end)] += count
    return shown


@dataclass
class IdMap:
    """Where the ids of an epoch are."""

    slots: dict[int, int] = field(default_factory=dict)

    def find(self, ids: Iterable[int]) -> list[int | None]:
        """Return the slot of each id, or None."""
        return [self.slots.get(number) for number in ids]

    def add(self, ids: Iterable[int], slots: Iterable[int]) -> None:
        """Note new ids."""
        self.slots.update(zip(ids, slots, strict=True))

    def discard(self, ids: Iterable[int]) -> None:
        """Forget ids."""
        for number in ids:
            self.slots.pop(number, None)


@dataclass
class Seen:
    """Which numbers were seen, and which were given up."""

    numbers: set[int] = field(default_factory=set)

    def add(self, number: int) -> bool:
        """Note a number; False when it was there."""
        new = number not in self.numbers
        self.numbers.add(number)
        return new

    def holes(self, first: int, last: int) -> list[int]:
        """Numbers from `first` to `last` that were not seen."""
        return [number for number in range(first, last + 1) if number not in self.numbers]

    def close_below(self, number: int) -> int:
        """Give up the holes below `number` and the last one seen; how many lay between what was seen."""
        if not self.numbers:
            return 0
        given_up_to = min(number - 1, max(self.numbers))
        between = self.holes(min(self.numbers), given_up_to)
        self.numbers.update(range(1, given_up_to + 1))
        return len(between)


def by_group(values: Mapping[tuple[str, ...], int], level: int) -> dict[tuple[str, ...], int]:
    """Sum over the nodes of each group of a level."""
    sums: dict[tuple[str, ...], int] = {}
    for path, value in values.items():
        group = path[: level + 1]
        sums[group] = sums.get(group, 0) + value
    return sums

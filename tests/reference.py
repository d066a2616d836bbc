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
    class_of: Sequence[int] | None = None,
) -> dict[str, list[Any]]:
    """Where slots, (series, epoch, created) each, go in a view.

    Series -1: a free slot; group -1, class -1: not in the view. Without classes each series is its own; the series of
    a class are of one kind.
    """
    class_of = range(len(shape_of)) if class_of is None else class_of
    used = [
        number
        for number, (series, epoch, _) in enumerate(slots)
        if series >= 0 and group_of[epoch] >= 0 and class_of[series] >= 0
    ]
    if rank is not None:
        used.sort(key=lambda number: rank[slots[number][1]])
    rows = [(shape_of[slots[number][0]], class_of[slots[number][0]]) for number in used]
    keys = [(*row, group_of[slots[number][1]]) for number, row in zip(used, rows, strict=True)]
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
    """Show a histogram with bounds `own` at `bounds`: each bucket at the first bound that is not below its own."""
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


@dataclass(frozen=True)
class Held:
    """One series of one node: a number of a counter or a gauge, or a histogram's counts at its own bounds.

    Attributes:
        info: what the node tells of itself.
        seen: when the node was last seen.
        left: whether the node has removed it; what it has counted stays part of the totals.
    """

    path: tuple[str, ...]
    info: Mapping[str, str]
    seen: float
    name: str
    type: str
    labels: Mapping[str, str]
    value: Any
    bounds: tuple[float, ...] = ()
    rollup: tuple[str, ...] = ()
    left: bool = False

    @property
    def series(self) -> tuple[object, ...]:
        """Identify the series, which other nodes may hold too."""
        return self.name, tuple(sorted(self.labels.items())), self.bounds


@dataclass(frozen=True)
class Asked:
    """A selection and a grouping, in plain values; `matchers` are (label, value, whether it must be equal)."""

    under: tuple[str, ...] = ()
    own: bool = False
    names: Sequence[str] = ()
    matchers: Sequence[tuple[str, str, bool]] = ()
    level: int | None = None
    info: str | None = None
    by: Sequence[str] | None = None

    def selects(self, held: Held) -> bool:
        """Tell whether a series of a node is in the view."""
        mine = held.path == self.under if self.own else held.path[: len(self.under)] == self.under
        if held.left and (self.own or held.type == "gauge"):
            return False
        named = not self.names or held.name in self.names
        matched = all((held.labels.get(label, "") == value) is equal for label, value, equal in self.matchers)
        return mine and named and matched

    def group_of(self, held: Held) -> tuple[tuple[str, str], ...]:
        """Return the labels of the group that a node is in."""
        if self.level is not None:
            return (("fog_level", str(self.level)), ("fog_path", "/".join(held.path[: self.level + 1])))
        if self.info is not None:
            return (("fog_group", self.info), ("fog_value", held.info.get(self.info, "")))
        return ()

    def labels_of(self, held: Held) -> tuple[tuple[str, str], ...]:
        """Return the labels of the sum that a series is part of."""
        own = [pair for pair in held.labels.items() if self.by is None or (pair[0] in self.by and pair[1])]
        return tuple(sorted((*own, *self.group_of(held))))


def view(
    everything: Iterable[Held], asked: Asked, bounds: Mapping[str, Sequence[float]], now: float, lasts: float
) -> dict[tuple[str, tuple[tuple[str, str], ...]], Any]:
    """Show a view: each sample by name and labels.

    Args:
        everything: what nodes hold.
        asked: the selection and the grouping.
        bounds: at which the histograms of a name are shown.
        now: the time of the view.
        lasts: seconds after it was last seen in which a node's gauges count.
    """
    cells: dict[tuple[str, tuple[tuple[str, str], ...]], list[Held]] = {}
    for held in everything:
        if asked.selects(held):
            cells.setdefault((held.name, asked.labels_of(held)), []).append(held)
    shown: dict[tuple[str, tuple[tuple[str, str], ...]], Any] = {}
    for (name, labels), several in cells.items():
        if several[0].type == "counter":
            shown[name, labels] = sum(held.value for held in several)
        elif several[0].type == "histogram":
            rows = [show_at(bounds[name], held.bounds, held.value) for held in several]
            shown[name, labels] = [sum(column) for column in zip(*rows, strict=True)]
        else:
            live = [held for held in several if now - held.seen <= lasts]
            alone = asked.own and asked.by is None
            for more, value in gauge_samples(live, alone=alone).items():
                shown[name, tuple(sorted((*labels, *more)))] = value
    return shown


def gauge_samples(live: Sequence[Held], *, alone: bool) -> dict[tuple[tuple[str, str], ...], float]:
    """Return the samples of some gauges of one family: one's own value, or statistics as the family chooses."""
    if not live:
        return {}
    if alone:
        return {(): live[0].value}
    found = summarise([(held.value, held.seen) for held in live])
    rollup = live[0].rollup
    shown: dict[tuple[tuple[str, str], ...], float] = {}
    for place, stat in enumerate(rollup or ("min", "max", "avg", "count")):
        if stat == "count_values":
            for held in live:
                labels = (("stat", stat), ("value", f"{held.value:g}"))
                shown[labels] = shown.get(labels, 0) + 1
        else:
            shown[() if rollup and place == 0 else (("stat", stat),)] = found[stat]
    return shown

"""Turn the series of one level of the history into items: those that a receiver's selectors choose, each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

import numpy as np

from fog_aggregator.history.index import SeriesIndex
from fog_aggregator.history.routing import OF_EACH_VIEW, OWN_PREFIX
from fog_aggregator.outgoing.items import About, Item, ItemKind
from fog_aggregator.promql.labels import NAME, Labels, Matcher, label, make_labels, select_labels
from fog_aggregator.promql.storage import Ints

BUCKET: Final = "le"
_ENDS: Final = {"_bucket": 0, "_sum": 1, "_count": 2}
"""The ends of the names of a histogram's series, in the order in which they are sent."""
_OF_BUCKETS: Final = (ItemKind.HISTOGRAM, ItemKind.EXPONENTIAL)
_COUNTER, _GAUGE = About(ItemKind.COUNTER), About(ItemKind.GAUGE)

Selectors = Sequence[Sequence[Matcher]]
Described = Mapping[str, About]
"""The descriptions of metrics, by name."""


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a series: the group of those that are one item, its order there, and whether that is one series."""

    group: int
    bound: float
    end: int
    is_native: bool


def with_buckets(described: Described) -> Described:
    """Return the descriptions for a receiver without native histograms: all have buckets."""
    return {
        name: replace(about, kind=ItemKind.HISTOGRAM) if about.kind is ItemKind.EXPONENTIAL else about
        for name, about in described.items()
    }


def chooses_buckets(selectors: Selectors) -> bool:
    """Tell whether selectors choose some buckets of histograms: these have no other form then."""
    return any(matcher.name == BUCKET for matchers in selectors for matcher in matchers)


class LevelSeries:
    """The series of one level, as far as selectors choose them. It grows with the level's index.

    Args:
        selectors: They choose series; none choose all. The aggregator's own are left out: of a pair each has its own.
        labels: Labels that each series bears for the receiver, unless it has one of that name.
        described: The descriptions of metrics.

    Attributes:
        index: The series.
        numbers: The numbers of the series that are chosen, in an order that stays as series come and go.
    """

    def __init__(self, index: SeriesIndex, selectors: Selectors, labels: Labels, described: Described) -> None:
        self.index = index
        self.numbers: Ints = np.zeros(0, np.int64)
        self._selectors = selectors
        self._labels = dict(labels)
        self._described = described
        self._known = 0
        self._unknown: set[str] = set()
        self._bases: dict[str, tuple[str, int] | None] = {}
        self._groups: dict[Labels, int] = {}
        self._places: dict[int, _Place] = {}
        self._hashes: list[int] = []
        self._items: dict[int, tuple[tuple[int, ...], Item]] = {}

    @property
    def size(self) -> int:
        """How many series of the index were looked at."""
        return self._known

    def is_outdated(self, index: SeriesIndex, described: Described) -> bool:
        """Tell whether numbers mean other series now, or more is known of metrics than when these were taken."""
        return index is not self.index or any(_described(name, described) for name in self._unknown)

    def grow(self, fresh: Sequence[Labels]) -> None:
        """Take the series that the index has beside those that were looked at. Takes long for very many."""
        if not fresh:
            return
        known, self._known = self._known, self._known + len(fresh)
        chosen: set[int] = set()
        for matchers in self._selectors or ((),):
            chosen.update(select_labels(fresh, matchers))
        for at in sorted(chosen):
            labels = fresh[at]
            ends = self._ends_of(label(labels, NAME))
            if ends is not None:
                self._places[known + at] = self._place(labels, *ends)
        self._order()

    def hashes_of(self, numbers: Ints) -> Ints:
        """Return a number for each series that is the same for the series of an item, and in every run."""
        return np.array([self._hashes[self._places[number].group] for number in numbers.tolist()], np.int64)

    def count(self, numbers: Ints) -> int:
        """Return how many series some series are for the receiver: a native histogram is one."""
        places = [self._places[number] for number in numbers.tolist()]
        natives = {place.group for place in places if place.is_native}
        return sum(not place.is_native for place in places) + len(natives)

    def items(self, numbers: Sequence[int]) -> list[Item]:
        """Return the items of some series, which stand in the order of `numbers`."""
        found: list[Item] = []
        own: list[int] = []
        group = -1
        for number in [*numbers, -1]:
            here = self._places[number].group if number >= 0 else -1
            if here != group and own:
                found += self._items_of(group, tuple(own))
                own = []
            group = here
            own.append(number)
        return found

    def _ends_of(self, name: str) -> tuple[str, int] | None:
        """Return the histogram that series of a name are of, with their end, as `_base` does; None for our own."""
        if name not in self._bases:
            self._bases[name] = None if _is_own(name) else self._base(name)
            if not _described(name, self._described):
                self._unknown.add(name)
        return self._bases[name]

    def _place(self, labels: Labels, base: str, end: int) -> _Place:
        """Return the place of a series."""
        bound = _bound(label(labels, BUCKET)) if base and not end else np.inf
        if np.isnan(bound):  # it is named like a bucket, and is none
            base, bound = "", np.inf
        shared = labels if not base else make_labels({**dict(labels), NAME: base, BUCKET: ""})
        group = self._groups.get(shared)
        if group is None:
            group = self._groups[shared] = len(self._hashes)
            self._hashes.append(crc32(repr(shared).encode(errors="replace")))
        return _Place(group, bound, end, bool(base) and self._described[base].kind is ItemKind.EXPONENTIAL)

    def _base(self, name: str) -> tuple[str, int]:
        """Return the histogram that a series is of, and which of its ends; empty for no histogram."""
        for end, place in _ENDS.items():
            about = self._described.get(base := name.removesuffix(end)) if name.endswith(end) else None
            if about is not None and about.kind in _OF_BUCKETS:
                return base, place
        return "", 0

    def _order(self) -> None:
        numbers = np.array(list(self._places), np.int64)
        places = list(self._places.values())
        hashes = np.array([self._hashes[one.group] for one in places], np.int64)
        group = np.array([one.group for one in places], np.int64)
        bound, end = np.array([one.bound for one in places]), np.array([one.end for one in places], np.int64)
        self.numbers = numbers[np.lexsort((end, bound, group, hashes))]

    def _items_of(self, group: int, numbers: tuple[int, ...]) -> list[Item]:
        """Return the item of a group, or one for each of its series where a histogram is not whole."""
        known = self._items.get(group)
        if known is not None and known[0] == numbers:
            return [known[1]]
        labels = [self.index.labels[number] for number in numbers]
        base, _ = self._base(label(labels[0], NAME))
        if not base:
            item = self._item(labels, self._about(label(labels[0], NAME)), "", ())
        elif not _is_whole([self._places[number] for number in numbers]):
            return [self._item([one], _COUNTER, "", ()) for one in labels]
        else:
            bounds = tuple(self._places[number].bound for number in numbers[:-3])
            about = self._described[base]
            own = [_renamed(labels[-1], base)] if about.kind is ItemKind.EXPONENTIAL else labels
            item = self._item(own, about, base, bounds)
        self._items[group] = (numbers, item)
        return [item]

    def _item(self, labels: Sequence[Labels], about: About, base: str, bounds: tuple[float, ...]) -> Item:
        rows = tuple(labels)
        if self._labels:
            rows = tuple(make_labels({**self._labels, **dict(one)}) for one in labels)
        shared = tuple(pair for pair in rows[-1] if pair[0] != NAME)
        return Item(base or label(labels[0], NAME), shared, about, rows, bounds)

    def _about(self, name: str) -> About:
        known = self._described.get(name) or self._described.get(name.removesuffix("_total"))
        return known or (_COUNTER if name.endswith("_total") else _GAUGE)


def _renamed(labels: Labels, name: str) -> Labels:
    return make_labels({**dict(labels), NAME: name})


def _is_whole(places: Sequence[_Place]) -> bool:
    """Tell whether a histogram has all its series: buckets up to infinity, the sum and the count."""
    return [one.end for one in places[-3:]] == [0, 1, 2] and places[-3].bound == np.inf


def _described(name: str, described: Described) -> bool:
    """Tell whether anything is known of the metric that a series is of."""
    return any(name.removesuffix(end) in described for end in ("", "_total", *_ENDS))


def _bound(text: str) -> float:
    """Read the bound of a bucket; NaN for what is none."""
    try:
        return float(text or "inf")
    except ValueError:
        return np.nan


def _is_own(name: str) -> bool:
    return name.startswith(OWN_PREFIX) and name not in OF_EACH_VIEW

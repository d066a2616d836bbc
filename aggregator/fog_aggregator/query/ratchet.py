"""Keep what was exported of fractional counters from falling by a last digit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple, TypeAlias

from fog_aggregator.core.kinds.samples import Samples
from fog_aggregator.core.saved import (
    Saved,
    as_count,
    as_flag,
    as_labels,
    as_list,
    as_number,
    as_path,
    as_text,
    as_texts,
)
from fog_aggregator.core.series import Labels, SeriesEntry
from fog_aggregator.query.selection import Matcher, ViewKey
from fog_schema.paths import Path

RatchetKey: TypeAlias = tuple[bool, Path, int]
"""Whether it is a node's own value (else its subtree's), the path, the series."""

MOST_GROUPED: Final = 8 * 1024 * 1024
"""Bytes of the values of views by labels or by information that are remembered, as a checkpoint has them: anybody may
ask for such views, with texts of any length. The least lately exported ones go first."""
_FIXED: Final = 40
"""Bytes of a remembered value beside the texts of its key."""
_EACH: Final = 5
"""Bytes of a text beside its own."""
_LAST_DIGITS: Final = 1e-9
"""A sum that is lower by so much of itself, or less, was added in another order; by more, something has left it."""


class GroupedKey(NamedTuple):
    """Identify a value of a view by labels or by information: the same key is the same sum.

    Attributes:
        own: whether it is a node's own value, else its subtree's.
        path: the node's or the subtree's.
        group: the key of the nodes' information and its value, if they are grouped by it.
        matchers: what selected the series that were added up, if they were.
        by: the labels that were left to tell them apart; None: each series is a sum of its own.
        family: the catalog's number.
        labels: those of the sum.
    """

    own: bool
    path: Path
    group: tuple[str, ...]
    matchers: tuple[Matcher, ...]
    by: tuple[str, ...] | None
    family: int
    labels: Labels

    @property
    def weight(self) -> int:
        """Bytes that a checkpoint needs for it, at most."""
        pairs = (*((one.label, one.value) for one in self.matchers), *self.labels)
        texts = (*self.path, *self.group, *(self.by or ()), *chain.from_iterable(pairs))
        return _FIXED + sum(_EACH + len(text.encode()) for text in texts)


class Ratchet:
    """The largest value exported of each fractional counter. Not thread-safe.

    The same floats added in another order can come out one unit lower; Prometheus takes that for a reset and adds the
    whole total again. Integer counters need no ratchet, and sums of histograms may fall, as observations may be
    negative.

    Attributes:
        exported: values of the tree's views; such a series never falls, but ends.
        grouped: values of views by labels or by information, bounded. Such a sum falls when a label set or a node
            leaves it, and that is exported as it is.
        raised: how often a value was set to another one since the process began.
    """

    def __init__(self) -> None:
        self.exported: dict[RatchetKey, float] = {}
        self.grouped: OrderedDict[GroupedKey, float] = OrderedDict()
        self.raised = 0
        self._weight = 0

    def clamp(self, key: RatchetKey, value: float) -> float:
        """Return the value to export: never below the last one, nor, by a last digit, below zero."""
        last = self.exported.get(key, 0.0)
        if value < last:
            return last
        if value > last:
            self.raised += 1
        self.exported[key] = value
        return value

    def clamp_grouped(self, key: GroupedKey, value: float) -> float:
        """Return the value to export: not below the last one by a last digit, nor below zero."""
        last = self.grouped.get(key, 0.0)
        value = max(value, 0.0)
        if value < last <= value * (1 + _LAST_DIGITS):
            value = last
        self._remember(key, value)
        return value

    def _remember(self, key: GroupedKey, value: float) -> None:
        """Take over a value as the most lately exported one."""
        if key not in self.grouped:
            self._weight += key.weight
        if self.grouped.get(key) != value:
            self.raised += 1
        self.grouped[key] = value
        self.grouped.move_to_end(key)
        while self._weight > MOST_GROUPED:
            oldest, _ = self.grouped.popitem(last=False)
            self._weight -= oldest.weight

    def only(self, lasts: Callable[[RatchetKey], bool]) -> Ratchet:
        """Return a ratchet without what has ended, and may begin anew from less."""
        other = Ratchet()
        other.raised = self.raised + 1
        other.exported = {key: value for key, value in self.exported.items() if lasts(key)}
        other.grouped, other._weight = self.grouped.copy(), self._weight
        return other

    def image(self) -> Saved:
        """Return what was exported."""
        grouped = [
            (*key[:3], [(one.label, one.value, one.equal) for one in key.matchers], *key[4:], value)
            for key, value in self.grouped.items()
        ]
        return Saved({"exported": [(*key, value) for key, value in self.exported.items()], "grouped": grouped})

    def restore(self, saved: Saved) -> None:
        """Take over what was exported when a checkpoint was written."""
        for own, where, series, value in saved.records("exported", as_flag, as_path, as_count, as_number):
            self.exported[own, where, series] = value
        checks = (as_flag, as_path, as_texts, _matchers, _names, as_count, as_labels, as_number)
        for *key, value in saved.records("grouped", *checks):
            self._remember(GroupedKey(*key), value)


def _matchers(value: Any) -> tuple[Matcher, ...]:
    """Check that a value is a list of matchers."""
    found = []
    for one in as_list(value):
        label, wanted, equal = as_list(one) if len(as_list(one)) == 3 else ("", "", None)
        found.append(Matcher(as_text(label), as_text(wanted), as_flag(equal)))
    return tuple(found)


def _names(value: Any) -> tuple[str, ...] | None:
    """Check that a value is a list of names, or nothing."""
    return None if value is None else as_texts(value)


def clamped(
    ratchet: Ratchet, view: ViewKey, paths: Sequence[Path], series: Sequence[SeriesEntry], samples: Samples
) -> list[float]:
    """Return the values of fractional counters, none below what was exported of it before.

    Args:
        ratchet: what was exported before.
        view: what is asked for.
        paths: the groups of the view.
        series: the series of the view, by number.
        samples: the values, as they were added up.
    """
    values = samples.values.tolist()
    if view.grouping.by is None and view.grouping.info is None:
        return list(map(ratchet.clamp, _keys(view, paths, samples), values))
    return list(map(ratchet.clamp_grouped, _grouped_keys(view, paths, series, samples), values))


def _keys(view: ViewKey, paths: Sequence[Path], samples: Samples) -> Iterator[RatchetKey]:
    """Return the same number has the same key, whichever names and labels were asked for."""
    places = [_place(view, path) for path in paths]
    return ((*places[group], number) for number, group in _cells(samples))


def _grouped_keys(
    view: ViewKey, paths: Sequence[Path], series: Sequence[SeriesEntry], samples: Samples
) -> Iterator[GroupedKey]:
    (selection, grouping), by = view, view.grouping.by
    matchers = () if by is None else selection.matchers  # else each value is a series' own, however it was chosen
    for number, group in _cells(samples):
        info = () if grouping.info is None else (grouping.info, *paths[group])
        entry = series[number]
        yield GroupedKey(*_place(view, paths[group]), info, matchers, by, entry.family, entry.labels)


def _cells(samples: Samples) -> Iterator[tuple[int, int]]:
    return zip(samples.series.tolist(), samples.group.tolist(), strict=True)


def _place(view: ViewKey, group: Path) -> tuple[bool, Path]:
    """Tell whether a group of a view is a node alone or its subtree, and the path."""
    level = view.grouping.level
    if level is None:
        return view.selection.own, view.selection.under
    return len(group) <= level, group

"""Which series a view shows, and as which: each as itself, or all that share some labels as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.series import SeriesEntry
from fog_aggregator.query.selection import Matcher


class SeriesAxis:
    """Number the rows of a view, which are classes of series. Copies: the state is needed no more.

    Everything else is computed from the copies when it is asked for.

    Args:
        series: all of the catalog, by number.
        shape_of: the shape of each of them; -1 for one that was let go of.
        chosen: which of them are in the view, by number; None for all.
        matchers: what their labels must be, besides.
        by: the labels that tell classes apart; None: each series is a class of its own, of the same number.
    """

    def __init__(
        self,
        series: list[SeriesEntry],
        shape_of: Int32s,
        chosen: Bools | None = None,
        matchers: Sequence[Matcher] = (),
        by: Sequence[str] | None = None,
    ) -> None:
        self._series = series
        self._shape_of = shape_of
        self._chosen = chosen
        self._matchers = matchers
        self._by = None if by is None else frozenset(by)

    @property
    def is_identity(self) -> bool:
        """Tell whether every series is in the view, as itself."""
        return self._chosen is None and not self._matchers and self._by is None

    @property
    def is_merged(self) -> bool:
        """Tell whether a class may have several series."""
        return self._by is not None

    @property
    def entries(self) -> list[SeriesEntry]:
        """Return each class with its labels, by number."""
        return self._series if self._by is None else self._classes[0]

    @property
    def shape_of(self) -> Int32s:
        """Return the shape of each class, by number."""
        return self._shape_of if self._by is None else self._classes[1]

    def rows(self, series: Int32s) -> tuple[Int32s, Int32s]:
        """List the classes of some series by shape, and return each series' place among them (-1: none)."""
        classes = self._class_of[series]
        used = np.unique(classes[classes >= 0])
        used = used[np.argsort(self.shape_of[used], kind="stable")].astype(np.int32)
        place = np.full(len(self.shape_of) + 1, -1, np.int32)  # one more, for series of no class
        place[used] = np.arange(len(used), dtype=np.int32)
        return used, place[classes]

    @cached_property
    def _members(self) -> Int64s:
        """Return the series in the view."""
        chosen = self._shape_of >= 0
        if self._chosen is not None:
            chosen &= self._chosen
        numbers = np.flatnonzero(chosen)
        if not self._matchers:
            return numbers
        labels = (self._series[number].labels for number in numbers.tolist())
        matched = [all(matcher.matches(one) for matcher in self._matchers) for one in labels]
        return numbers[np.array(matched, np.bool_)]

    @cached_property
    def _class_of(self) -> Int32s:
        """Return the class of each series, by number; -1 for those that are not in the view."""
        if self._by is not None:
            return self._classes[2]
        class_of = np.full(len(self._shape_of), -1, np.int32)
        class_of[self._members] = self._members
        return class_of

    @cached_property
    def _classes(self) -> tuple[list[SeriesEntry], Int32s, Int32s]:
        """Where labels tell classes apart: the entries, the shape of each, and `_class_of`."""
        by = self._by or frozenset()
        numbers: dict[SeriesEntry, int] = {}
        shapes: list[int] = []
        class_of = np.full(len(self._shape_of), -1, np.int32)
        for member, shape in zip(self._members.tolist(), self._shape_of[self._members].tolist(), strict=True):
            entry = self._series[member]
            # An empty value is, to Prometheus, a label that is not there.
            labels = tuple(pair for pair in entry.labels if pair[1] and pair[0] in by)
            number = numbers.setdefault(SeriesEntry(entry.family, labels, entry.bounds), len(numbers))
            if number == len(shapes):
                shapes.append(shape)
            class_of[member] = number
        return list(numbers), np.array(shapes, np.int32), class_of

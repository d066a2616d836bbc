"""Series that are made while they are read: a million of them cost no more memory than their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from math import isfinite
from typing import Any, Final, overload

from numpy.typing import NDArray

from fog_aggregator.core.catalog import Labels, SeriesEntry
from fog_aggregator.core.columns import Bools, Float64s, Int32s
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.labels import render_labels
from utilityfog_frontend.telemetry.model import HistogramValue, SeriesSnapshot

LEVEL, PATH, STAT, VALUE = "fog_level", "fog_path", "stat", "value"
_BLOCK: Final = 1000


@dataclass(frozen=True, slots=True)
class Samples:
    """Some samples as columns, in the order of series.

    Attributes:
        series: the catalog's number of each.
        group: the group's number of each.
        values: shape (n,), or (n, buckets) for histograms.
        born: when each began to count, unix seconds, inf when that is not known; None for gauges.
        sums: histograms only.
        extra: labels of the statistic that these are.
    """

    series: Int32s
    group: Int32s
    values: NDArray[Any]
    born: Float64s | None = None
    sums: Float64s | None = None
    extra: Labels = ()

    def take(self, chosen: slice | Bools) -> Samples:
        """Some of them."""
        if not isinstance(chosen, slice) and chosen.all():
            return self
        return Samples(
            self.series[chosen],
            self.group[chosen],
            self.values[chosen],
            None if self.born is None else self.born[chosen],
            None if self.sums is None else self.sums[chosen],
            self.extra,
        )

    def with_values(self, values: NDArray[Any]) -> Samples:
        """The same with other values."""
        return Samples(self.series, self.group, values, self.born, self.sums, self.extra)

    def rows(self) -> Iterator[tuple[int, int, int | float | HistogramValue, float | None]]:
        """Series, group, value and time of each, as Python's numbers."""
        for start in range(0, len(self.series), _BLOCK):
            block = slice(start, start + _BLOCK)
            series, group, values = self.series[block].tolist(), self.group[block].tolist(), self.values[block].tolist()
            born = [None] * len(series) if self.born is None else list(map(_moment, self.born[block].tolist()))
            if self.sums is not None:
                sums = self.sums[block].tolist()
                values = [HistogramValue(tuple(counts), total) for counts, total in zip(values, sums, strict=True)]
            yield from zip(series, group, values, born, strict=True)


class Labeller:
    """The labels of a cell: the series' own and, in a view by level, the group's.

    A user's label that is called as one of ours gets the prefix ``exported_``, once more where it has that already, so
    that two label sets never become one.

    Args:
        series: all series by number, as they are now.
        paths: the groups of the view.
        level: that of the view.
    """

    def __init__(self, series: list[SeriesEntry], paths: Sequence[Path], level: int | None) -> None:
        self._series = series
        self._level = level
        self._paths = paths

    @cached_property
    def _groups(self) -> list[tuple[Labels, str]]:
        """Each group's labels, and their text; nothing where there is but one group."""
        if self._level is None:
            return [((), "")]
        level = (LEVEL, str(self._level))
        groups = [(level, (PATH, format_path(path))) for path in self._paths]
        return [(group, render_labels(group)) for group in groups]

    def label(self, samples: Samples, statistics: frozenset[str]) -> Iterator[SeriesSnapshot]:
        """Each of some samples; `statistics` are the names of labels that tell their family's statistics apart."""
        ours = statistics if self._level is None else statistics | {LEVEL, PATH}
        renamed = re.compile(f"(exported_)*({'|'.join(ours)})") if ours else None
        groups, known = self._groups, -1
        for number, group, value, born in samples.rows():
            if number != known:
                known, (before, after, left, right) = number, self._split(number, renamed, samples.extra)
            labels, rendered = groups[group]
            yield SeriesSnapshot(before + labels + after, value, born, None, left + rendered + right)

    def _split(self, number: int, renamed: re.Pattern[str] | None, extra: Labels) -> tuple[Labels, Labels, str, str]:
        """A series' labels before and after where the group's stand, and the text of both."""
        own = self._own(number, renamed, extra)
        if self._level is None:
            return own, (), render_labels(own), ""
        before = tuple(pair for pair in own if pair[0] < LEVEL)
        after = own[len(before) :]
        return before, after, render_labels(before) + "," if before else "", "," + render_labels(after) if after else ""

    def _own(self, number: int, renamed: re.Pattern[str] | None, extra: Labels) -> Labels:
        own = self._series[number].labels
        if renamed is not None:
            own = tuple((f"exported_{name}" if renamed.fullmatch(name) else name, value) for name, value in own)
        return tuple(sorted((*own, *extra)))


class LazySeries(Sequence[SeriesSnapshot]):
    """The series of one family, made anew each time they are read. Any thread may read them, at any time later."""

    def __init__(self, parts: list[Samples], labeller: Labeller) -> None:
        self._parts = parts
        self._labeller = labeller
        self._statistics = frozenset(name for part in parts for name, _ in part.extra)

    def __len__(self) -> int:
        return sum(len(part.series) for part in self._parts)

    def __iter__(self) -> Iterator[SeriesSnapshot]:
        return chain.from_iterable(self._labeller.label(part, self._statistics) for part in self._parts)

    @overload
    def __getitem__(self, index: int) -> SeriesSnapshot: ...
    @overload
    def __getitem__(self, index: slice) -> list[SeriesSnapshot]: ...
    def __getitem__(self, index: int | slice) -> SeriesSnapshot | list[SeriesSnapshot]:
        return list(self)[index]


def _moment(born: float) -> float | None:
    return born if isfinite(born) else None

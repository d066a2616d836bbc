"""Series that are made while they are read: a million of them cost no more memory than their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from math import inf
from typing import Any, NamedTuple, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from fog_aggregator.core.kinds.samples import Samples
from fog_aggregator.core.series import Labels, SeriesEntry
from fog_aggregator.query.selection import Grouping
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.exposition.samples import Columns, ColumnSeries, render_bound
from utilityfog_frontend.telemetry.labels import render_labels
from utilityfog_frontend.telemetry.model import Family, SeriesSnapshot

LEVEL, PATH = "fog_level", "fog_path"
GROUP, GROUP_VALUE = "fog_group", "fog_value"
_Split: TypeAlias = tuple[Labels, Labels, str, str]


class GroupLabels:
    """The labels of each group of a view, and their text, made when they are first read; none for a single group.

    Args:
        grouping: that of the view.
        paths: the groups.
    """

    def __init__(self, grouping: Grouping, paths: Sequence[Path]) -> None:
        self._grouping = grouping
        self._paths = paths

    @property
    def names(self) -> frozenset[str]:
        """The names of the labels."""
        if self._grouping.level is not None:
            return frozenset((LEVEL, PATH))
        return frozenset() if self._grouping.info is None else frozenset((GROUP, GROUP_VALUE))

    @cached_property
    def labels(self) -> list[Labels]:
        """The labels of each group."""
        if self._grouping.level is not None:
            level = (LEVEL, str(self._grouping.level))
            return [(level, (PATH, format_path(path))) for path in self._paths]
        if self._grouping.info is not None:
            key = (GROUP, self._grouping.info)
            return [(key, (GROUP_VALUE, value)) for (value,) in self._paths]
        return [()]

    @cached_property
    def texts(self) -> list[str]:
        """The labels of each group as text."""
        return [render_labels(group) for group in self.labels]


class Labeller:
    """The labels of a cell: the series' own and those of its group.

    A user's label that is called as one of ours gets the prefix ``exported_``, once more where it has that already, so
    that two label sets never become one.

    Args:
        series: all series of the view by number, as they are now.
        groups: the labels of each group.
    """

    def __init__(self, series: list[SeriesEntry], groups: GroupLabels) -> None:
        self._series = series
        self._groups = groups

    def label(self, samples: Samples, statistics: frozenset[str]) -> Iterator[SeriesSnapshot]:
        """Label some samples; `statistics` are the names of labels that tell their family's statistics apart."""
        for block in samples.blocks():
            values, born, at = block.python_values(), block.moments(), 0
            grouped, texts = self._groups.labels, self._groups.texts
            for (before, after, left, right), groups in self._runs(block, statistics):
                for group in groups:
                    labels, text = before + grouped[group] + after, left + texts[group] + right
                    yield SeriesSnapshot(labels, values[at], born[at], None, text)
                    at += 1

    def label_sets(self, samples: Samples, statistics: frozenset[str]) -> list[Labels]:
        """Return the label sets of some samples."""
        grouped = self._groups.labels
        return [
            before + grouped[group] + after
            for block in samples.blocks()
            for (before, after, _, _), groups in self._runs(block, statistics)
            for group in groups
        ]

    def columns(self, samples: Samples, statistics: frozenset[str], *, created: bool) -> Iterator[Columns]:
        """Return the same without an object for each."""
        for block in samples.blocks(created=created):
            labels, texts = [], self._groups.texts
            for (_, _, left, right), groups in self._runs(block, statistics):
                labels += [f"{left}{texts[group]}{right}" for group in groups]
            yield Columns(labels, block.python_values(), block.moments() if created else [])

    def _runs(self, block: Samples, statistics: frozenset[str]) -> Iterator[tuple[_Split, list[int]]]:
        """Return the samples of one series that stand together: its labels around the group's, and the groups."""
        ours = statistics | self._groups.names
        renamed = _to_rename(ours)
        starts = np.flatnonzero(np.diff(block.series, prepend=-1))
        numbers, group = block.series[starts].tolist(), block.group.tolist()
        for number, start, end in zip(numbers, starts.tolist(), [*starts[1:].tolist(), len(group)], strict=True):
            yield self._split(number, renamed, block.extra), group[start:end]

    def _split(self, number: int, renamed: re.Pattern[str] | None, extra: Labels) -> _Split:
        """Return a series' labels before and after where the group's stand, and the text of both."""
        own = self._own(number, renamed, extra)
        if not self._groups.names:
            return own, (), render_labels(own), ""
        first = min(self._groups.names)
        before = tuple(pair for pair in own if pair[0] < first)
        after = own[len(before) :]
        return before, after, render_labels(before) + "," if before else "", "," + render_labels(after) if after else ""

    def _own(self, number: int, renamed: re.Pattern[str] | None, extra: Labels) -> Labels:
        return tuple(sorted((*_renamed(self._series[number].labels, renamed), *extra)))


def renamed_labels(labels: Labels, ours: frozenset[str]) -> Labels:
    """Return a series' labels; one that is called as one of ours gets the prefix ``exported_``, see `Labeller`."""
    return _renamed(labels, _to_rename(ours))


def _to_rename(ours: frozenset[str]) -> re.Pattern[str] | None:
    return re.compile(f"(exported_)*({'|'.join(ours)})") if ours else None


def _renamed(labels: Labels, pattern: re.Pattern[str] | None) -> Labels:
    if pattern is None:
        return labels
    return tuple((f"exported_{name}" if pattern.fullmatch(name) else name, value) for name, value in labels)


class SampleColumn(NamedTuple):
    """One sample of each series of a family: the end of its name, the bound of its bucket, and its values."""

    suffix: str
    bound: str
    values: NDArray[Any]


def sample_columns(family: Family, samples: Samples) -> list[SampleColumn]:
    """Return the samples that a family's series have in OpenMetrics; of a histogram the buckets, the sum, the count."""
    if samples.sums is None:
        return [SampleColumn(family.type.number_suffix, "", samples.values)]
    bounds, buckets = samples.ladder(family.bounds)
    texts = map(render_bound, (*bounds, inf))
    columns = [SampleColumn("_bucket", bound, one) for bound, one in zip(texts, buckets.T, strict=True)]
    return [*columns, SampleColumn("_sum", "", samples.sums), SampleColumn("_count", "", buckets[:, -1])]


def statistics_of(parts: Iterable[Samples]) -> frozenset[str]:
    """Return the names of the labels that tell the statistics of a family apart."""
    return frozenset(name for part in parts for name, _ in part.extra)


class LazySeries(ColumnSeries):
    """The series of one family, made anew each time they are read. Any thread may read them, at any time later."""

    def __init__(self, parts: list[Samples], labeller: Labeller) -> None:
        self._parts = parts
        self._labeller = labeller
        self._statistics = statistics_of(parts)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[SeriesSnapshot]:
        return chain.from_iterable(self._labeller.label(part, self._statistics) for part in self._parts)

    def columns(self, *, created: bool) -> Iterator[Columns]:
        """Return the same as columns."""
        parts = (self._labeller.columns(part, self._statistics, created=created) for part in self._parts)
        return chain.from_iterable(parts)

    @overload
    def __getitem__(self, index: int) -> SeriesSnapshot: ...
    @overload
    def __getitem__(self, index: slice) -> list[SeriesSnapshot]: ...
    def __getitem__(self, index: int | slice) -> SeriesSnapshot | list[SeriesSnapshot]:
        return list(self)[index]

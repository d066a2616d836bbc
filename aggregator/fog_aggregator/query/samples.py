"""Series that are made while they are read: a million of them cost no more memory than their numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import TypeAlias, overload

import numpy as np

from fog_aggregator.core.kinds.view import Samples
from fog_aggregator.core.series import Labels, SeriesEntry
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.exposition.samples import Columns, ColumnSeries
from utilityfog_frontend.telemetry.labels import render_labels
from utilityfog_frontend.telemetry.model import SeriesSnapshot

LEVEL, PATH = "fog_level", "fog_path"
_Split: TypeAlias = tuple[Labels, Labels, str, str]


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
        for block in samples.blocks():
            values, born, at = block.python_values(), block.moments(), 0
            for (before, after, left, right), groups in self._runs(block, statistics):
                for group in groups:
                    labels, rendered = self._groups[group]
                    yield SeriesSnapshot(before + labels + after, values[at], born[at], None, left + rendered + right)
                    at += 1

    def columns(self, samples: Samples, statistics: frozenset[str], *, created: bool) -> Iterator[Columns]:
        """The same without an object for each."""
        for block in samples.blocks():
            labels: list[str] = []
            for (_, _, left, right), groups in self._runs(block, statistics):
                labels += [f"{left}{self._texts[group]}{right}" for group in groups]
            yield Columns(labels, block.python_values(), block.moments() if created else [])

    def _runs(self, block: Samples, statistics: frozenset[str]) -> Iterator[tuple[_Split, list[int]]]:
        """The samples of one series that stand together: its labels around the group's, and the groups."""
        ours = statistics if self._level is None else statistics | {LEVEL, PATH}
        renamed = re.compile(f"(exported_)*({'|'.join(ours)})") if ours else None
        starts = np.flatnonzero(np.diff(block.series, prepend=-1))
        numbers, group = block.series[starts].tolist(), block.group.tolist()
        for number, start, end in zip(numbers, starts.tolist(), [*starts[1:].tolist(), len(group)], strict=True):
            yield self._split(number, renamed, block.extra), group[start:end]

    @cached_property
    def _texts(self) -> list[str]:
        return [text for _, text in self._groups]

    def _split(self, number: int, renamed: re.Pattern[str] | None, extra: Labels) -> _Split:
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


class LazySeries(ColumnSeries):
    """The series of one family, made anew each time they are read. Any thread may read them, at any time later."""

    def __init__(self, parts: list[Samples], labeller: Labeller) -> None:
        self._parts = parts
        self._labeller = labeller
        self._statistics = frozenset(name for part in parts for name, _ in part.extra)

    def __len__(self) -> int:
        return sum(len(part.series) for part in self._parts)

    def __iter__(self) -> Iterator[SeriesSnapshot]:
        return chain.from_iterable(self._labeller.label(part, self._statistics) for part in self._parts)

    def columns(self, *, created: bool) -> Iterator[Columns]:
        """The same as columns."""
        parts = (self._labeller.columns(part, self._statistics, created=created) for part in self._parts)
        return chain.from_iterable(parts)

    @overload
    def __getitem__(self, index: int) -> SeriesSnapshot: ...
    @overload
    def __getitem__(self, index: slice) -> list[SeriesSnapshot]: ...
    def __getitem__(self, index: int | slice) -> SeriesSnapshot | list[SeriesSnapshot]:
        return list(self)[index]

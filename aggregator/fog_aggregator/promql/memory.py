"""A storage in memory: for files of samples, and for tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import numpy as np

from fog_aggregator.promql.labels import NAME, Labels, Matcher, MatchKind, label, select_labels
from fog_aggregator.promql.storage import Floats, Ints, Part, Selection

_NO_ROWS: Final = np.empty(0, np.int64)


class MemoryStorage:
    """Holds series; those with the same times are kept, and evaluated, together."""

    def __init__(self, series: Mapping[Labels, tuple[Ints, Floats]]) -> None:
        groups: dict[bytes, list[Labels]] = {}
        for labels in sorted(series):
            groups.setdefault(series[labels][0].tobytes(), []).append(labels)
        self._parts = [_shared(group, series) for group in groups.values() if len(group) > 1]
        alone = sorted(group[0] for group in groups.values() if len(group) == 1)
        if alone:
            self._parts.append(_own(alone, series))
        self._names = [_rows_by_name(part.labels) for part in self._parts]

    @property
    def oldest(self) -> int | None:
        """The time of the oldest sample in milliseconds; None without samples."""
        return min((int(part.times.min()) for part in self._parts if part.times.size), default=None)

    @property
    def newest(self) -> int | None:
        """The time of the newest sample in milliseconds; None without samples."""
        return max((int(part.times.max()) for part in self._parts if part.times.size), default=None)

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> Selection:
        """Find the series that fulfil every matcher, with their samples from `start` to `end`, both included."""
        return Selection([part for one, rows in self._found(matchers) for part in _cut(one, rows, start, end)])

    def series(self, matchers: Sequence[Matcher], start: int, end: int) -> Sequence[Labels]:
        """Find the series that fulfil every matcher and have a sample from `start` to `end`, both included."""
        found: list[Labels] = []
        for part in self.select(matchers, start, end).parts:
            there = [bool(part.times.size)] * len(part.labels) if part.offsets is None else np.diff(part.offsets) > 0
            found += [labels for labels, has_samples in zip(part.labels, there, strict=True) if has_samples]
        return found

    def _found(self, matchers: Sequence[Matcher]) -> Iterator[tuple[Part, Ints]]:
        """Find the rows of each part that fulfil every matcher."""
        named = [matcher for matcher in matchers if matcher.name == NAME and matcher.kind is MatchKind.EQUAL]
        others = [matcher for matcher in matchers if matcher not in named[:1]]
        for part, names in zip(self._parts, self._names, strict=True):
            rows = np.arange(len(part.labels)) if not named else names.get(named[0].value, _NO_ROWS)
            if rows.size and others:
                rows = rows[select_labels([part.labels[row] for row in rows.tolist()], others)]
            if rows.size:
                yield part, rows


def _rows_by_name(all_labels: Sequence[Labels]) -> dict[str, Ints]:
    """Index rows by the metric's name."""
    rows: dict[str, list[int]] = {}
    for row, labels in enumerate(all_labels):
        rows.setdefault(label(labels, NAME), []).append(row)
    return {name: np.array(found, np.int64) for name, found in rows.items()}


def _shared(group: Sequence[Labels], series: Mapping[Labels, tuple[Ints, Floats]]) -> Part:
    return Part(group, series[group[0]][0], np.stack([series[labels][1] for labels in group]))


def _own(group: Sequence[Labels], series: Mapping[Labels, tuple[Ints, Floats]]) -> Part:
    times = [series[labels][0] for labels in group]
    offsets = np.cumsum([0, *(own.size for own in times)]).astype(np.int64)
    return Part(group, np.concatenate(times), np.concatenate([series[labels][1] for labels in group]), offsets)


def _cut(part: Part, rows: Ints, start: int, end: int) -> Iterable[Part]:
    """Choose rows of a part, and of these the samples between two times."""
    labels = part.labels if rows.size == len(part.labels) else [part.labels[row] for row in rows.tolist()]
    if part.offsets is None:
        low, high = part.times.searchsorted([start, end + 1])
        values = part.values if rows.size == len(part.labels) else part.values[rows]
        yield Part(labels, part.times[low:high], np.ascontiguousarray(values[:, low:high]))
        return
    cuts = []
    for row in rows.tolist():
        begin, stop = int(part.offsets[row]), int(part.offsets[row + 1])
        low, high = part.times[begin:stop].searchsorted([start, end + 1])
        cuts.append(np.arange(begin + low, begin + high))
    positions = np.concatenate(cuts)
    offsets = np.cumsum([0, *(cut.size for cut in cuts)]).astype(np.int64)
    yield Part(labels, part.times[positions], part.values[positions], offsets)

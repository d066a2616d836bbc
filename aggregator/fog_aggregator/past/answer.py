"""The answer to a question about the past: every sample that the exposition would have had, at every moment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, TypeAlias

import numpy as np

from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.samples import Samples
from fog_aggregator.past.anchor import Constant, Key, with_constants
from fog_aggregator.past.moments import Axis, Column, Moment, reduce_moments
from fog_aggregator.past.replay import Replay
from fog_aggregator.promql.labels import NAME, Labels, Matcher, make_labels, select_labels
from fog_aggregator.promql.storage import STALE, Floats, Ints, Mask, Part, parts_of_grid
from fog_aggregator.query.family_variants import described
from fog_aggregator.query.samples import (
    GroupLabels,
    Labeller,
    LazySeries,
    SampleColumn,
    renamed_labels,
    sample_columns,
)
from fog_aggregator.query.selection import TOGETHER
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot
from utilityfog_frontend.telemetry.names import base_name

_AT_ONCE: Final = 1_000_000
"""Values that are reduced at once."""

_Block: TypeAlias = tuple[int, int, tuple[tuple[str, str], ...]]
"""The rows of one series: its family, its number, the labels of its statistic."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Samples at moments.

    Attributes:
        labels: of each row, with the labels that named the view.
        times: of the moments, milliseconds, ascending.
        values: shape (rows, times); a stale marker where a row ends.
        present: which of them are samples.
        known_since: unix seconds; before that some writer's counts are not known, and there are no samples.
    """

    labels: Sequence[Labels]
    times: Ints
    values: Floats
    present: Mask
    known_since: float

    def select(self, matchers: Sequence[Matcher], start: int, end: int) -> list[Part]:
        """Find the rows that fulfil every matcher, with their samples from `start` to `end`, both included."""
        low, high = self.times.searchsorted([start, end + 1]).tolist()
        rows = np.array(select_labels(self.labels, matchers), np.int64)
        labels = [self.labels[row] for row in rows.tolist()]
        span = slice(low, high)
        return parts_of_grid(labels, self.times[span], self.values[rows, span], self.present[rows, span])

    @property
    def bytes(self) -> int:
        """Count the bytes that it takes, labels at a guess."""
        return self.values.nbytes + self.present.nbytes + self.times.nbytes + 400 * len(self.labels)


def make_answer(replay: Replay, found: Mapping[Key, Constant], view: Labels, *, own: bool) -> Answer:
    """Make the samples of all moments of a replay.

    Args:
        replay: what was read.
        found: the counts from before its reach.
        view: the labels that named the view.
        own: whether it is one node's own values.
    """
    axis, constant = with_constants(*replay.catalog(), found)
    moments = [moment for moment in replay.moments if moment.time > replay.known_since * 1000]
    rows = _Rows(len(moments), axis, view)
    for span in _spans(moments, constant):
        replay.check()
        for family, samples in reduce_moments(moments[span], axis, constant, own=own):
            rows.put(family, samples, span.start)
    return rows.answer(np.array([moment.time for moment in moments], np.int64), replay.known_since)


def families_at(moment: Moment, axis: Axis, constant: Mapping[Kind, Column], *, own: bool) -> list[FamilySnapshot]:
    """Return the families of one moment, in the order of names."""
    found: dict[int, list[Samples]] = {}
    for family, samples in reduce_moments([moment], axis, constant, own=own):
        found.setdefault(family, []).append(samples)
    labeller = Labeller(list(axis.entries), GroupLabels(TOGETHER, [()]))
    return [
        FamilySnapshot(_described(axis, number), LazySeries(found[number], labeller))
        for number in sorted(found, key=lambda number: axis.families[number].key)
    ]


def _described(axis: Axis, number: int) -> Family:
    return described(axis.families[number], axis.bounds.get(number, ()))


def _spans(moments: Sequence[Moment], constant: Mapping[Kind, Column]) -> Iterator[slice]:
    """Cut moments into spans that are not too large to be reduced at once."""
    added = sum(column.copy.values.size for column in constant.values())
    starts, size = [0], 0
    for place, moment in enumerate(moments):
        if size and size + moment.size + added > _AT_ONCE:
            starts.append(place)
            size = 0
        size += moment.size + added
    return (slice(start, end) for start, end in pairwise([*starts, len(moments)]) if end > start)


class _Rows:
    """Rows of samples that grow as series come."""

    def __init__(self, moments: int, axis: Axis, view: Labels) -> None:
        self._axis = axis
        self._view = view
        self._moments = moments
        self._first: dict[tuple[object, ...], int] = {}
        self._labels: list[Labels] = []
        self._values: list[Floats] = []
        self._present: list[Mask] = []
        self._size = 0

    def put(self, family: int, samples: Samples, start: int) -> None:
        """Put samples of a family in their rows; `start`: the moment that is their group 0."""
        columns = sample_columns(_described(self._axis, family), samples)
        numbers, inverse = np.unique(samples.series, return_inverse=True)
        keys = [(family, number, samples.extra) for number in numbers.tolist()]
        at = samples.group.astype(np.int64) + start
        for column in columns:
            rows = np.array([self._row(key, column) for key in keys], np.int64)
            self._set(rows[inverse], at, column.values)

    def answer(self, times: Ints, known_since: float) -> Answer:
        """Return all rows, those that end with a stale marker."""
        empty: Any = np.zeros((0, self._moments))
        values = np.concatenate([empty, *self._values])[: self._size]
        present = np.concatenate([empty.astype(np.bool_), *self._present])[: self._size]
        ends = np.zeros_like(present)
        ends[:, 1:] = present[:, :-1] & ~present[:, 1:]
        values[ends] = STALE
        return Answer(self._labels, times, values, present | ends, known_since)

    def _set(self, row: Ints, at: Ints, column: np.ndarray[Any, Any]) -> None:
        block, place = np.divmod(row, _ROWS)
        for number in np.unique(block).tolist():
            mine = block == number
            self._values[number][place[mine], at[mine]] = column[mine]
            self._present[number][place[mine], at[mine]] = True

    def _row(self, block: _Block, column: SampleColumn) -> int:
        """Return the row of one sample of a series, making it when it is new: exponential ones get more of them."""
        key = (*block, column.suffix, column.bound)
        row = self._first.get(key)
        if row is None:
            row = self._first[key] = self._size
            self._labels.append(_labels_of(self._axis, block, column, self._view))
            self._size += 1
            if len(self._values) * _ROWS < self._size:
                self._values.append(np.full((_ROWS, self._moments), np.nan))
                self._present.append(np.zeros((_ROWS, self._moments), np.bool_))
        return row


_ROWS: Final = 256
"""Rows that are made at once."""


def _labels_of(axis: Axis, block: _Block, column: SampleColumn, view: Labels) -> Labels:
    family, number, extra = block
    name = base_name(_described(axis, family)) + column.suffix
    ours = frozenset(label for label, _ in (*extra, *view))
    own = dict(renamed_labels(axis.entries[number].labels, ours)) | dict(extra) | dict(view)
    return make_labels({**own, NAME: name, "le": column.bound} if column.bound else {**own, NAME: name})

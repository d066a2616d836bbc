"""Read a step of the history as one receiver gets it: in parts that each fit into a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Final

import numpy as np

from fog_aggregator.history.finding import Piece
from fog_aggregator.history.step import Depth
from fog_aggregator.history.store import HistoryStore
from fog_aggregator.outgoing.items import (
    NO_SCHEMAS,
    Encoder,
    Item,
    Moment,
    Prepared,
    Schemas,
    row_count,
    value_places,
)
from fog_aggregator.outgoing.natives import Natives, divided, with_schemas
from fog_aggregator.outgoing.series import Described, LevelSeries, Selectors
from fog_aggregator.promql.labels import Labels
from fog_aggregator.promql.storage import STALE, Floats, Ints

MOST_SERIES: Final = 2_000
"""Series of a request, as Prometheus has it by default."""
MOST_BYTES: Final = 900_000
"""Bytes of labels of a request: with values and lengths about a million."""
_OF_PART: Final = 1_000
_OF_BUCKET: Final = 6
"""Bytes of a native histogram's bucket, at most but for very large counts."""
_HASH_BITS: Final = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """The part of the fleet's numbers that a receiver gets.

    Attributes:
        levels: The levels; `WHOLE` among them for the whole fleet as one group.
        selectors: They choose series of these; none choose all.
        labels: Labels that each series bears beside its own.
    """

    levels: Sequence[Depth]
    selectors: Selectors = ()
    labels: Labels = ()


@dataclass(eq=False, slots=True)
class PartOfStep:
    """Items that go out in one request, with their values at a step.

    Attributes:
        items: The items.
        moment: Their values.
        prepared: Their bytes; None before they are asked for.
    """

    items: Sequence[Item]
    moment: Moment
    prepared: Prepared | None = None
    _places: list[int] = field(default_factory=list)

    def message(self, encoder: Encoder, first: int, stop: int) -> bytes:
        """Return the body of a request of some of the items, not compressed yet."""
        if self.prepared is not None and (first, stop) == (0, len(self.items)):
            return self.prepared.message(self.moment)
        return encoder.prepare(self.items[first:stop]).message(self._moment(first, stop))

    def part(self, first: int, stop: int) -> PartOfStep:
        """Return some of the items as a part."""
        return PartOfStep(self.items[first:stop], self._moment(first, stop))

    def _moment(self, first: int, stop: int) -> Moment:
        places = self._places or value_places(self.items)
        own = self.moment.values[places[first] : places[stop]]
        return replace(self.moment, values=own, starts=list(self.moment.starts)[first:stop])

    def ended(self) -> PartOfStep:
        """Return it with the marks that its series have ended, a millisecond later."""
        moment = self.moment
        ended = replace(moment, time=moment.time + 1, values=np.full(len(moment.values), STALE))
        return replace(self, moment=ended)

    def series(self, first: int, stop: int) -> int:
        """Return how many series some of the items have."""
        return row_count(self.items[first:stop])


@dataclass(frozen=True, eq=False, slots=True)
class _Cut:
    """A part without its values.

    Attributes:
        items: The items.
        prepared: Their bytes.
        places: The place of the first value of each, and where the values end.
        natives: The native histograms among them.
    """

    items: list[Item]
    prepared: Prepared
    places: list[int]
    natives: Natives


@dataclass(eq=False, slots=True)
class _Level:
    """A level as it was at the last step: while the same series are there, so are the parts.

    Attributes:
        depth: Its number.
        series: Its series.
        numbers: The series of the last step.
        parts: Its parts.
    """

    depth: Depth
    series: LevelSeries
    numbers: Ints
    parts: list[_Cut] = field(default_factory=list)


class StepReader:
    """Read the steps of a history for one receiver. Not thread-safe.

    Args:
        store: Has the steps.
        choice: The part of the numbers that is read.
        encoder: Prepares the bytes of items.
        describe: Tells what is known of metrics.

    Attributes:
        schemas: The schemas of exponential histograms at the step that was read last.
    """

    def __init__(
        self, store: HistoryStore, choice: Choice, encoder: Encoder, describe: Callable[[], Described]
    ) -> None:
        self.schemas: Schemas = {}
        self._store = store
        self._choice = choice
        self._encoder = encoder
        self._describe = describe
        self._levels: dict[Depth, _Level] = {}

    def step(self, time: int, lock: AbstractContextManager[object], schemas: Schemas = NO_SCHEMAS) -> list[PartOfStep]:
        """Read a step. Takes long.

        Args:
            time: Of the step.
            lock: Held while the store is looked at, and not while values are read.
            schemas: The lowest schema that each exponential histogram was sent with.
        """
        described = self._describe()
        with lock:
            levels = [level for depth in self._choice.levels if (level := self._follow(depth, described)) is not None]
            found = [
                (
                    level,
                    level.series.index.labels[level.series.size :],
                    self._store.pieces(level.depth, time, time),
                    self._store.began(level.depth),
                )
                for level in levels
            ]
        read: list[tuple[_Level, Moment]] = []
        for level, fresh, pieces, began in found:
            series = level.series
            series.grow(fresh)
            numbers, values = _values(time, pieces, series.numbers, series.size)
            if not np.array_equal(numbers, level.numbers):
                level.numbers, level.parts = numbers, self._cut(series, numbers, level.parts)
            read.append((level, Moment(time, values, _starts(began, numbers, time).tolist())))
            schemas = _with_schemas(schemas, level.parts, values)
        self.schemas = schemas
        parts = (_parts(level.parts, replace(moment, schemas=schemas)) for level, moment in read)
        return [part for some in parts for part in some]

    def _follow(self, depth: Depth, described: Described) -> _Level | None:
        """Return a level as it was at the last step; anew when numbers or what is known of metrics have changed."""
        index, level = self._store.index(depth), self._levels.get(depth)
        if index is None:
            return None
        if level is None or level.series.is_outdated(index, described):
            choice = self._choice
            series = LevelSeries(index, choice.selectors, choice.labels, described)
            level = self._levels[depth] = _Level(depth, series, np.zeros(0, np.int64))
        return level

    def _cut(self, series: LevelSeries, numbers: Ints, before: Sequence[_Cut]) -> list[_Cut]:
        """Cut items into parts by their hashes, so that a newcomer changes one of them alone."""
        bits = max(0, (series.count(numbers) // _OF_PART).bit_length())
        buckets = series.hashes_of(numbers) >> (_HASH_BITS - bits)
        known = {id(part.items[0]): part for part in before}
        parts: list[_Cut] = []
        edges = [0, *(np.flatnonzero(np.diff(buckets)) + 1).tolist(), len(numbers)]
        for begin, end in pairwise(edges):
            for items in _fitting(series.items(numbers[begin:end].tolist())):
                same = known.get(id(items[0]))
                if same is not None and len(same.items) == len(items) and all(map(_is, same.items, items)):
                    parts.append(same)
                else:
                    natives = divided(items)[1]
                    parts.append(_Cut(items, self._encoder.prepare(items), value_places(items), natives))
        return parts


def _is(one: object, other: object) -> bool:
    return one is other


def _fitting(items: Sequence[Item]) -> list[list[Item]]:
    """Cut items so that each part fits into a request; one that is larger stands alone."""
    parts: list[list[Item]] = []
    series = size = 0
    for item in items:
        rows = len(item.rows)
        length = sum(len(name) + len(value) + 6 for row in item.rows for name, value in row)
        length += _OF_BUCKET * len(item.bounds) if item.is_native else 0
        if not parts or series + rows > MOST_SERIES or size + length > MOST_BYTES:
            parts.append([])
            series = size = 0
        parts[-1].append(item)
        series, size = series + rows, size + length
    return parts


def _values(time: int, pieces: Sequence[Piece], wanted: Ints, known: int) -> tuple[Ints, Floats]:
    """Return the series that have a value at a step, or had one at the step before, with the values."""
    times = np.concatenate([piece.wanted_times for piece in pieces]) if pieces else np.zeros(0, np.int64)
    if not len(times) or times[-1] != time:
        return np.zeros(0, np.int64), np.zeros(0)
    values, present = np.empty((len(wanted), len(times))), np.zeros((len(wanted), len(times)), np.bool_)
    at = 0
    for piece in pieces:
        end = at + piece.stop - piece.begin
        piece.read(wanted, known, values[:, at:end], present[:, at:end])
        at = end
    here, chosen = present[:, -1], present.any(axis=1)
    now = np.where(here, values[:, -1], STALE)
    return wanted[chosen], now[chosen]


def _starts(began: Floats, numbers: Ints, time: int) -> Ints:
    """Return when counters began, milliseconds; 0 where that is not known, or is after the step."""
    own = np.full(len(numbers), np.nan)
    known = numbers < len(began)
    own[known] = began[numbers[known]]
    own = np.where(np.isfinite(own), own * 1e3, 0.0)
    starts: Ints = np.where(own <= time, own, 0.0).round().astype(np.int64)
    return starts


def _with_schemas(schemas: Schemas, parts: Sequence[_Cut], values: Floats) -> Schemas:
    first = 0
    for part in parts:
        schemas = with_schemas(schemas, part.natives, values[first : first + part.places[-1]])
        first += part.places[-1]
    return schemas


def _parts(parts: Sequence[_Cut], moment: Moment) -> list[PartOfStep]:
    """Give each part its values."""
    found, first, starts = [], 0, list(moment.starts)
    for part in parts:
        own = moment.values[first : first + part.places[-1]]
        began = [starts[first + after - 1] for after in part.places[1:]]
        found.append(PartOfStep(part.items, replace(moment, values=own, starts=began), part.prepared, part.places))
        first += part.places[-1]
    return found

"""Turn a view of the fleet into columns. Label sets are made anew only where series or groups have changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Final, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Int32s
from fog_aggregator.history.step import Columns, Table
from fog_aggregator.promql.labels import NAME, Labels, make_labels
from fog_aggregator.promql.storage import Floats, Ints, Mask
from fog_aggregator.query.fleet_view import FamilySamples
from fog_aggregator.query.samples import SampleColumn, sample_columns, statistics_of
from utilityfog_frontend.telemetry.exposition.kinds import number_samples
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, SeriesSnapshot
from utilityfog_frontend.telemetry.names import base_name

_MOST_PAIRS: Final = 500_000
"""Pairs that are remembered, so that equal ones are one object."""
_MOST_OWN: Final = 20_000
"""Label sets of our own samples that are remembered."""
OwnLabels: TypeAlias = dict[tuple[str, Labels], Labels]
"""Label sets of PromQL by the name and the labels of a sample."""


@dataclass(frozen=True, slots=True)
class _Part:
    """Samples of one name, whose label sets are known.

    Attributes:
        name: Of the samples and of the statistic.
        series, group: The numbers that their labels were made of.
        labels: Their label sets.
        born: When each began to count; NaN for what is no counter.
    """

    name: Labels
    series: Int32s
    group: Int32s
    labels: list[Labels]
    born: Floats


class Capture:
    """Make the columns of one level, step after step."""

    def __init__(self) -> None:
        self._version: tuple[int, int] | None = None
        self._parts: list[_Part] = []
        self._own: list[Labels] = []
        self._table: Table | None = None
        self._pairs: dict[tuple[str, str], tuple[str, str]] = {}
        self._names: OwnLabels = {}

    def columns(
        self, sampled: Sequence[FamilySamples], version: tuple[int, int], own: Sequence[FamilySnapshot]
    ) -> Columns:
        """Return the samples of a view as columns.

        Args:
            sampled: The view's families.
            version: The view's: while it is the same, so is what numbers of series and groups stand for.
            own: The aggregator's own families; none where they are not part of the view.
        """
        known = iter(self._parts) if version == self._version else iter(())
        if len(self._pairs) > _MOST_PAIRS:
            self._pairs.clear()
        raws: list[Ints] = []
        parts = [self._part(next(known, None), one, raws) for family in sampled for one in _columns_of(family)]
        changed = len(parts) != len(self._parts) or any(
            one is not other for one, other in zip(parts, self._parts, strict=True)
        )
        self._version, self._parts = version, parts
        mine = [sample for family in own for sample in own_samples(family, self._names)]
        labels = [labels for labels, _, _ in mine]
        if changed or self._table is None or labels != self._own:
            self._own = labels
            self._table = _table(parts, labels, [born for _, _, born in mine])
        return Columns(self._table, *_join(raws, [value for _, value, _ in mine]))

    def _part(self, known: _Part | None, found: _Found, raws: list[np.ndarray]) -> _Part:
        """Return the label sets of some samples: those of the step before if nothing has changed."""
        raws.append(found.column.values)
        samples = found.family.parts[found.place]
        name = ((NAME, found.name), ("le", found.column.bound), *samples.extra)
        if (
            known is not None
            and known.name == name
            and np.array_equal(known.series, samples.series)
            and np.array_equal(known.group, samples.group)
        ):
            return known
        statistics = statistics_of(found.family.parts)
        extra = (NAME, found.name), *([("le", found.column.bound)] if found.column.bound else [])
        labels = [self._shared(one, extra) for one in found.family.labeller.label_sets(samples, statistics)]
        born = np.full(len(labels), nan) if samples.born is None else np.where(samples.born == inf, -inf, samples.born)
        return _Part(name, samples.series, samples.group, labels, born)

    def _shared(self, labels: Labels, extra: Labels) -> Labels:
        """Return a label set as PromQL has it; equal pairs of a name and a value are one object."""
        pairs = self._pairs
        return tuple(sorted(pairs.setdefault(pair, pair) for pair in (*labels, *extra) if pair[1]))


@dataclass(frozen=True, slots=True)
class _Found:
    """Samples of one name: a column of one part of a family."""

    family: FamilySamples
    place: int
    name: str
    column: SampleColumn


def sample_count(sampled: Sequence[FamilySamples]) -> int:
    """Return how many samples a view has."""
    return sum(part.lines for family in sampled for part in family.parts)


def _columns_of(family: FamilySamples) -> Iterator[_Found]:
    name = base_name(family.family)
    for place, part in enumerate(family.parts):
        for column in sample_columns(family.family, part):
            yield _Found(family, place, name + column.suffix, column)


def own_samples(family: FamilySnapshot, known: OwnLabels) -> Iterator[tuple[Labels, float, float]]:
    """Yield the samples of one of the aggregator's own families: labels, value, when it began to count.

    `known` has the label sets of earlier ones, and takes those of these; it is emptied when it has too many.
    """
    if len(known) > _MOST_OWN:
        known.clear()
    counts = family.family.type.incremental
    for one in family.series:
        born = (one.created or -inf) if counts else nan
        for name, labels, value in _samples(family.family, one):
            made = known.get((name, labels))
            if made is None:
                made = known[name, labels] = make_labels({**dict(labels), NAME: name})
            yield made, value, born


def _samples(family: Family, one: SeriesSnapshot) -> Iterable[tuple[str, Labels, float]]:
    """Return the samples of a series; most are numbers, and as they are."""
    if isinstance(one.value, int | float):
        return ((family.name, one.labels, one.value),)
    return number_samples(FamilySnapshot(family, [one]))


def _table(parts: Sequence[_Part], labels: Sequence[Labels], born: Sequence[float]) -> Table:
    """Join label sets; of two that are the same the later one gets no place of its own, which cannot be."""
    every = [one for part in parts for one in part.labels]
    return Table([*every, *labels], np.concatenate([*(part.born for part in parts), np.array(born, np.float64)]))


def _join(columns: Sequence[np.ndarray], own: Sequence[float]) -> tuple[Ints, Mask]:
    """Join values; integers stay integers, all others are the bits of doubles."""
    raws, masks = [np.zeros(0, np.int64)], [np.zeros(0, np.bool_)]
    for values in columns:
        integer = np.issubdtype(values.dtype, np.integer)
        raws.append(values.astype(np.int64) if integer else values.astype(np.float64).view(np.int64))
        masks.append(np.full(len(values), integer))
    integers = np.array([isinstance(value, int) for value in own], np.bool_)
    mine = np.array(own, np.float64).view(np.int64)
    mine[integers] = [value for value in own if isinstance(value, int)]
    raws.append(mine)
    masks.append(integers)
    return np.concatenate(raws), np.concatenate(masks)

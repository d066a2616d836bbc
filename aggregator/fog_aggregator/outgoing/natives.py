"""Read exponential histograms from the series that a history has of them: cumulative counts by bound.

The bounds of all series of a metric are the same at a step, and as fine as the coarsest of them: without gaps, each one
a bound of one schema. So the buckets are found again exactly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite
from typing import Final

import numpy as np

from fog_aggregator.outgoing.items import Item, Moment, Schemas, value_places
from fog_aggregator.promql.storage import STALE, Floats, Ints, Mask, is_stale
from fog_schema.limits import MAX_WHOLE
from utilityfog_frontend.telemetry.exponential.buckets import (
    MAX_SCHEMA,
    MIN_SCHEMA,
    ZERO_THRESHOLD,
    coarser,
    index_of,
    upper_bound,
)
from utilityfog_frontend.telemetry.exposition.native import NativeHistogram

_MOST_LAYOUTS: Final = 1_024
"""Bounds of metrics that are remembered: all series of a metric share them."""
_MOST_COUNT: Final = 2.0**63 - 1024
"""The largest double below 2^63, where counts stay."""
_SUM, _COUNT = -2, -1
"""The last values of an item: after the counts by bound."""

ENDED: Final = NativeHistogram(0, 0, STALE, zero_threshold=0.0)
"""The stale marker of a histogram is in its sum."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The buckets that counts by bound are of.

    Attributes:
        schema: Of the buckets.
        zero: The place of the observations around zero; those before are of negative values, by descending magnitude.
        below: The numbers of the buckets below zero, in the order of places.
        above: The number of the first bucket above zero, right after the place of zero.
    """

    schema: int
    zero: int
    below: Sequence[int]
    above: int


@dataclass(frozen=True, slots=True)
class Natives:
    """The native histograms among some items.

    Attributes:
        items: The histograms.
        places: The places of their items.
        first: The place of the first value of each.
    """

    items: Sequence[Item]
    places: Sequence[int]
    first: Sequence[int]

    def values(self, moment: Moment) -> Iterator[NativeHistogram]:
        """Return what each has counted."""
        for item, first in zip(self.items, self.first, strict=True):
            yield native_value(item, moment.values[first : first + item.value_count], moment.schemas)

    def starts(self, moment: Moment) -> list[int]:
        """Return when each began to count."""
        return [moment.starts[place] for place in self.places]


def divided(items: Sequence[Item]) -> tuple[Ints, Natives]:
    """Return the places of the values that are samples of their own, and the native histograms."""
    first = value_places(items)
    places = [place for place, item in enumerate(items) if item.is_native]
    plain = np.ones(first[-1], np.bool_)
    for place in places:
        plain[first[place] : first[place + 1]] = False
    return np.flatnonzero(plain), Natives([items[at] for at in places], places, [first[at] for at in places])


def with_schemas(known: Schemas, natives: Natives, values: Floats) -> Schemas:
    """Return the schemas that metrics are sent with at a step, all series of one with the same.

    A metric that was sent with a lower schema once is so for ever: receivers take a higher one for a new beginning.

    Args:
        known: The lowest schema of each metric until now.
        natives: The native histograms among some items: at a level the series of a metric have the same bounds.
        values: The values of all of these items.
    """
    if not natives.items:
        return known
    found, seen = dict(known), set[str]()
    for item, first in zip(natives.items, natives.first, strict=True):
        if item.name in seen:
            continue
        here = _here(values[first : first + item.value_count])
        if here is not None and (layout := _layout(_bounds(item, here))) is not None:
            seen.add(item.name)
            found[item.name] = min(layout.schema, found.get(item.name, MAX_SCHEMA))
    return found


def native_value(item: Item, values: Floats, schemas: Schemas) -> NativeHistogram:
    """Return what an item has counted; `ENDED` for one that has ended.

    In a step of the past the metric may have had fixed bounds: its native histogram has not begun then.

    Args:
        item: The histogram.
        values: Of the item's series; bounds that are no more have stale markers.
        schemas: The schema of each metric.
    """
    here = _here(values)
    layout = None if here is None else _layout(_bounds(item, here))
    if here is None or layout is None:
        return ENDED
    schema = min(layout.schema, schemas.get(item.name, MAX_SCHEMA))
    counts = np.minimum(np.diff(values[:_SUM][here], prepend=0.0), _MOST_COUNT).astype(np.int64)
    steps, zero = layout.schema - schema, layout.zero
    above = np.arange(layout.above, layout.above + len(counts) - zero - 1)
    return NativeHistogram(
        schema,
        min(sum(counts.tolist()), MAX_WHOLE),
        float(values[_SUM]),
        _buckets(above, counts[zero + 1 :], steps),
        _buckets(np.array(layout.below, np.int64)[::-1], counts[:zero][::-1], steps),
        int(counts[zero]),
        ZERO_THRESHOLD,
    )


def _here(values: Floats) -> Mask | None:
    """Tell which bounds a histogram has at a step; None for one that has ended."""
    gone = is_stale(values)
    return None if gone[_COUNT] else ~gone[:_SUM]


def _bounds(item: Item, here: Mask) -> tuple[float, ...]:
    """Return the finite bounds that a histogram has at a step."""
    return item.bounds if here.all() else tuple(np.array(item.bounds)[here[:-1]].tolist())


def _buckets(numbers: Ints, counts: Ints, steps: int) -> list[tuple[int, int]]:
    """Return the buckets that are not empty, so many schemas lower."""
    some = counts != 0
    pairs = zip(numbers[some].tolist(), counts[some].tolist(), strict=True)
    if not steps:
        return list(pairs)
    merged: dict[int, int] = {}
    for number, count in pairs:
        lower = coarser(number, steps)
        merged[lower] = merged.get(lower, 0) + count
    return list(merged.items())


@lru_cache(_MOST_LAYOUTS)
def _layout(bounds: tuple[float, ...]) -> _Layout | None:
    """Find the buckets of finite bounds, ascending; without any all observations are around zero.

    None for bounds that are not those of neighbouring buckets.
    """
    if not bounds:
        return _Layout(MAX_SCHEMA, 0, (), 0)
    schema = _schema_of(bounds)
    if schema is None:
        return None
    numbers = [index_of(abs(bound), schema) for bound in bounds]
    zero = sum(bound < 0 for bound in bounds)
    below = tuple(number + 1 for number in numbers[:zero])
    above = tuple(numbers[zero:])
    for side in (below[::-1], above):
        if side and side != tuple(range(side[0], side[0] + len(side))):
            return None
    return _Layout(schema, zero, below, above[0] + 1 if above else 0)


def _schema_of(bounds: Sequence[float]) -> int | None:
    """Return the lowest schema that has all of some bounds; None for none."""
    for schema in range(MIN_SCHEMA, MAX_SCHEMA + 1):
        if all(isfinite(bound) and _is_bound(abs(bound), schema) for bound in bounds):
            return schema
    return None


def _is_bound(magnitude: float, schema: int) -> bool:
    return magnitude >= ZERO_THRESHOLD and upper_bound(index_of(magnitude, schema), schema) == magnitude

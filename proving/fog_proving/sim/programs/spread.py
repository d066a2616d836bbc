"""The exponential histogram of simulated programs, and how its values are reported as numbers that add up.

Its observations lie so far apart that its schema falls. Whatever it is, the books count at powers of sixteen, which are
bounds of every schema that it can have.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

import numpy as np

from fog_aggregator.core.kinds.buckets.rows import values_of
from fog_schema.frames import Exponentials
from utilityfog_frontend.telemetry.exponential.ladder import ladder_of
from utilityfog_frontend.telemetry.exponential.resolution import Exponential
from utilityfog_frontend.telemetry.exponential.store import Store
from utilityfog_frontend.telemetry.exponential.value import Buckets, ExponentialValue

SPREAD: Final = "spread"
OBSERVED: Final = (-1.5, 0.0, 0.3, 1.5, 1.7, 3.0, 9e9, 2e-6)
RESOLUTION: Final = Exponential(schema=3, max=20)
"""Few buckets, so that frames of histories, which may be very short, have room for them."""
LADDER: Final = ladder_of([Store(-2, 160).count(sorted(OBSERVED)).value(0.0)], finest=-2)
NOTHING: Final = ExponentialValue()


def part_of(observed: float) -> int:
    """Return the place of an observation among the cells."""
    return bisect_left(LADDER.bounds, observed)


def row_of(value: ExponentialValue) -> list[float]:
    """Return a value as the counts of cells, and its sum."""
    return [*LADDER.place(value), value.sum]


def row_of_numbers(numbers: Sequence[Any]) -> list[float]:
    """Return the same of a row of the aggregator's, and its sum."""
    *row, total = numbers
    [value] = values_of(np.array([row], np.int64), [total])
    return row_of(value)


def read(section: Exponentials) -> Iterator[tuple[int, ExponentialValue]]:
    """Yield the id and the value of each histogram of a frame, one number at a time."""
    firsts, lengths, counts = (
        iter(map(int, one.tolist())) for one in (section.firsts, section.lengths, section.counts)
    )
    columns = zip(section.schemas.tolist(), section.zeros.tolist(), section.sums.tolist(), strict=True)
    for number, (schema, zero, total) in zip(section.ids.tolist(), columns, strict=True):
        sides = [Buckets(first, tuple(islice(counts, next(lengths)))) for first in islice(firsts, 2)]
        yield number, ExponentialValue(int(schema), int(zero), sides[0], sides[1], total)


def grown(known: ExponentialValue, more: ExponentialValue) -> ExponentialValue:
    """Add what a delta says (R12.67): its sum is the epoch's."""
    return replace(known + more, sum=more.sum)


def raised(known: ExponentialValue, reported: ExponentialValue) -> ExponentialValue:
    """Raise what is known to what a keyframe says (R12.68): each bucket alone, at the lower schema."""
    both = known + reported
    one, other = known.at(both.schema), reported.at(both.schema)
    sides = [
        Buckets(side.first, tuple(max(_at(mine, index), _at(theirs, index)) for index in _range(side)))
        for side, mine, theirs in (
            (both.positive, one.positive, other.positive),
            (both.negative, one.negative, other.negative),
        )
    ]
    total = reported.sum if reported.count >= known.count else known.sum
    return ExponentialValue(both.schema, max(one.zero, other.zero), sides[0], sides[1], total)


def _range(side: Buckets) -> range:
    return range(side.first, side.first + len(side.counts))


def _at(side: Buckets, index: int) -> int:
    return side.counts[index - side.first] if index in _range(side) else 0

"""A gauge of many nodes, merged: what a rollup says of it, and how it travels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Final

from fog_schema.columns import Column, pack_floats, pack_ids, pack_ints
from fog_schema.frames import Lasts, Summaries, ValueCounts
from fog_schema.limits import MAX_VALUE_COUNTS

_EXACT: Final = 2.0**53
"""Up to here a double and a whole number are the same."""


@dataclass(frozen=True, slots=True)
class GaugeSummary:
    """What the living nodes of a subtree have set a gauge to; NaN and infinities are left out.

    Attributes:
        count: how many nodes, at least 1.
        sum: the sum of their values.
        min: the least of them.
        max: the greatest.
        last: the newest value and when its node was last heard (server's unix seconds), where the family asks for it.
        values: how many nodes have which value, ascending by value, where the family asks for it.
    """

    count: int
    sum: float
    min: float
    max: float
    last: tuple[float, float] | None = None
    values: tuple[tuple[float, int], ...] = ()


def pack_summaries(summaries: Mapping[int, GaugeSummary]) -> tuple[Summaries, Lasts | None, ValueCounts | None]:
    """The three sections that say some summaries, by ids ascending; of values, the `MAX_VALUE_COUNTS` most frequent."""
    rows = list(summaries.values())
    return (
        Summaries(
            pack_ids(list(summaries)),
            pack_ints([one.count for one in rows]),
            pack_doubles([one.sum for one in rows]),
            pack_doubles([one.min for one in rows]),
            pack_doubles([one.max for one in rows]),
        ),
        _pack_lasts({number: one.last for number, one in summaries.items() if one.last is not None}),
        _pack_value_counts({number: _most_frequent(one.values) for number, one in summaries.items() if one.values}),
    )


def pack_doubles(values: Sequence[float]) -> Column:
    """The narrowest column that holds these doubles: of whole numbers when all of them are."""
    if all(float(value).is_integer() and -_EXACT <= value <= _EXACT for value in values):
        return pack_ints([int(value) for value in values])
    return pack_floats(values)


def _pack_lasts(lasts: Mapping[int, tuple[float, float]]) -> Lasts | None:
    if not lasts:
        return None
    values, times = zip(*lasts.values(), strict=True)
    return Lasts(pack_ids(list(lasts)), pack_doubles(values), pack_floats(times))


def _pack_value_counts(counted: Mapping[int, Sequence[tuple[float, int]]]) -> ValueCounts | None:
    if not counted:
        return None
    pairs = list(chain.from_iterable(counted.values()))
    return ValueCounts(
        pack_ids(list(counted)),
        pack_ints([len(values) for values in counted.values()]),
        pack_doubles([value for value, _ in pairs]),
        pack_ints([count for _, count in pairs]),
    )


def _most_frequent(values: Sequence[tuple[float, int]]) -> Sequence[tuple[float, int]]:
    if len(values) <= MAX_VALUE_COUNTS:
        return values
    return sorted(sorted(values, key=itemgetter(1), reverse=True)[:MAX_VALUE_COUNTS])

"""Gauges of a subtree, merged: a rollup has them in place of gauges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Final

from fog_agent.core.sections.section import Numbered, packed_ids
from fog_agent.core.summary import GaugeSummary
from fog_schema.columns import Column, pack_ids, pack_ints, pack_numbers
from fog_schema.frames import Frame, Lasts, Summaries, ValueCounts
from fog_schema.limits import MAX_VALUE_COUNTS
from utilityfog_frontend.telemetry.model import MetricType

TYPE: Final = MetricType.GAUGE
VALUES: Final = (GaugeSummary,)

_EXACT: Final = 2.0**53
"""Up to here a double and an integer are the same."""


def fill(frame: Frame, rows: Sequence[Numbered], _: bool) -> None:  # noqa: FBT001 - a `Fill`
    """Pack the summaries, their newest values, and their counts by value: the `MAX_VALUE_COUNTS` most frequent."""
    summaries: list[GaugeSummary] = [series.fresh for series in rows]
    frame.summaries = Summaries(
        packed_ids(rows),
        pack_ints([one.count for one in summaries]),
        _pack_doubles([one.sum for one in summaries]),
        _pack_doubles([one.min for one in summaries]),
        _pack_doubles([one.max for one in summaries]),
    )
    frame.lasts = _pack_lasts({series.id: series.fresh.last for series in rows if series.fresh.last is not None})
    counted = {series.id: _most_frequent(series.fresh.values) for series in rows if series.fresh.values}
    frame.value_counts = _pack_value_counts(counted)


def _pack_doubles(values: Sequence[float]) -> Column:
    """Pack doubles, as integers when all of them are."""
    if all(float(value).is_integer() and -_EXACT <= value <= _EXACT for value in values):
        return pack_numbers([int(value) for value in values])
    return pack_numbers(values)


def _pack_lasts(lasts: Mapping[int, tuple[float, float]]) -> Lasts | None:
    if not lasts:
        return None
    values, times = zip(*lasts.values(), strict=True)
    return Lasts(pack_ids(list(lasts)), _pack_doubles(values), pack_numbers(times))


def _pack_value_counts(counted: Mapping[int, Sequence[tuple[float, int]]]) -> ValueCounts | None:
    if not counted:
        return None
    pairs = list(chain.from_iterable(counted.values()))
    return ValueCounts(
        pack_ids(list(counted)),
        pack_ints([len(values) for values in counted.values()]),
        _pack_doubles([value for value, _ in pairs]),
        pack_ints([count for _, count in pairs]),
    )


def _most_frequent(values: Sequence[tuple[float, int]]) -> Sequence[tuple[float, int]]:
    """Return the values that most nodes have, as many as travel, ascending."""
    if len(values) <= MAX_VALUE_COUNTS:
        return values
    return sorted(sorted(values, key=itemgetter(1), reverse=True)[:MAX_VALUE_COUNTS])

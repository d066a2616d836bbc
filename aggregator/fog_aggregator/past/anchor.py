"""Tie a replay to the present state of the aggregator: the difference was counted before the replay's reach.

A place's total is that of all its epochs. A replay knows the epochs that sent something within its reach, each in
full from its first complete keyframe on. The counts that the aggregator has beyond them, at the same sequence of the
stream, are of epochs that had fallen silent before, and so were there at every moment of the replay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fog_aggregator.core.families.known import Family, FamilyKey
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.kinds.totals import columns_of, is_counted, is_negative, is_nothing
from fog_aggregator.core.series import Bounds, Labels, SeriesEntry
from fog_aggregator.past.moments import Axis, Column
from fog_aggregator.query.family_variants import Survey
from fog_aggregator.query.totals import Totals
from utilityfog_frontend.telemetry.model import Value, subtract_values


class Key(NamedTuple):
    """Identify a series in any catalog."""

    family: FamilyKey
    labels: Labels
    bounds: Bounds


@dataclass(frozen=True, slots=True)
class Constant:
    """A count that was there at every moment.

    Attributes:
        family: its family, as the aggregator describes it.
        value: the count.
        shown: whether it is shown where no writer within reach has the series.
    """

    family: Family
    value: Value
    shown: bool


def constants(now: Totals, shown: frozenset[int], replayed: Totals) -> dict[Key, Constant]:
    """Return what was counted before the reach of a replay.

    Args:
        now: what the aggregator holds.
        shown: the numbers of the series that it shows.
        replayed: what the replay holds at the same sequence of the stream.
    """
    mine = dict(_counts(replayed))
    found = {}
    for key, value in _counts(now):
        before = mine.get(key)
        rest = value if before is None else subtract_values(value, before)
        if before is None or not (is_nothing(rest) or is_negative(rest)):  # negative: a node was forgotten meanwhile
            found[key] = rest
    numbers = {_key(now.entries[number], now.families): number for number in now.values}
    return {
        key: Constant(now.families[now.entries[numbers[key]].family], value, key not in mine and numbers[key] in shown)
        for key, value in found.items()
    }


def with_constants(catalog: Axis, survey: Survey, found: Mapping[Key, Constant]) -> tuple[Axis, dict[Kind, Column]]:
    """Add constants to the series of a replay; return all series, and the constants as columns.

    Args:
        catalog: the replay's series.
        survey: who holds which variant of a family, in the replay.
        found: the constants.
    """
    families, entries, shapes = list(catalog.families), list(catalog.entries), list(catalog.shapes)
    shape_of = catalog.shape_of.tolist()
    family_numbers = {family.key: number for number, family in enumerate(families)}
    shape_numbers = {shape: number for number, shape in enumerate(shapes)}
    numbers = {_key(entry, families): number for number, entry in enumerate(entries)}
    for key, constant in found.items():
        if key in numbers:
            continue
        family = family_numbers.setdefault(key.family, len(families))
        if family == len(families):
            families.append(constant.family)
        shape = shape_numbers.setdefault((family, key.bounds), len(shapes))
        if shape == len(shapes):
            shapes.append((family, key.bounds))
        numbers[key] = len(entries)
        entries.append(SeriesEntry(family, key.labels, key.bounds))
        shape_of.append(shape)
    every = Survey(shapes, families, survey.nodes, survey.rank)
    bounds, hidden = every.shown_bounds(shape_of), every.hidden({entry.family for entry in entries})
    columns = columns_of((numbers[key], constant.value, constant.shown) for key, constant in found.items())
    axis = Axis(entries, np.array(shape_of, np.int32), shapes, families, bounds, hidden)
    return axis, {kind: Column(*column) for kind, column in columns.items()}


def _counts(totals: Totals) -> Iterable[tuple[Key, Value]]:
    return (
        (_key(totals.entries[number], totals.families), value)
        for number, value in totals.values.items()
        if is_counted(value)
    )


def _key(entry: SeriesEntry, families: Sequence[Family]) -> Key:
    return Key(families[entry.family].key, entry.labels, entry.bounds)

"""Find the slots of families that are in some total: where families clash, these decide which of them is shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.kinds import Kind

if TYPE_CHECKING:
    from fog_aggregator.core.fleet.parts import Parts

PlacesOfEpochs: TypeAlias = Callable[[Kind], Int32s]
"""Returns the row of each epoch's place, by the epoch's row; -1 where its slots of a kind are in no total."""


def inside(places: PlacesOfEpochs, within: Bools | None) -> PlacesOfEpochs:
    """Leave out the epochs of all places but those `within`, by their rows; None leaves none out."""
    if within is None:
        return places
    chosen = np.append(within, False)  # one more, for epochs that are in no total
    return lambda kind: np.where(chosen[place := places(kind)], place, np.int32(-1))


def slots_of_families(
    parts: Parts, places: PlacesOfEpochs, families: Collection[int]
) -> dict[int, list[tuple[Kind, Int64s]]]:
    """Return which of some families have slots that are in some total and have not left, with these slots."""
    found: dict[int, list[tuple[Kind, Int64s]]] = defaultdict(list)
    for kind, family, slots, _ in _sampled(parts, places, families):
        order = np.argsort(family, kind="stable")  # not a look at all for each
        numbers, starts = np.unique(family[order], return_index=True)
        for number, own in zip(numbers.tolist(), np.split(slots[order], starts)[1:], strict=True):
            found[number].append((kind, own))
    return found


def places_of_families(parts: Parts, places: PlacesOfEpochs, families: Collection[int]) -> Int32s:
    """Return the row of a place that has such a slot, by the family's number, and -1 for all others."""
    found = np.full(len(parts.catalog.families), np.int32(-1))
    for _, family, _, place in _sampled(parts, places, families):
        found[family[::-1]] = place[::-1]  # the first of each stays
    return found


def _sampled(
    parts: Parts, places: PlacesOfEpochs, families: Collection[int]
) -> Iterator[tuple[Kind, Int64s, Int64s, Int32s]]:
    """Return for each kind the families of the slots, the slots, and the rows of their places."""
    if not families:
        return
    wanted = np.zeros(len(parts.catalog.families), np.bool_)
    wanted[list(families)] = True
    of_shape = np.array([family for family, _ in parts.catalog.shapes], np.int64)
    of_shape[~wanted[of_shape]] = -1
    family_of = of_shape[np.array(parts.catalog.shape_of, np.int32)]
    left = parts.left_series()
    left[parts.catalog.free] = True
    family_of[left] = -1
    for kind, table in parts.slots.tables.items():
        slots = table.used()
        slots = slots[family_of[table.series[slots]] >= 0]
        place = places(kind)[table.epoch[slots]]
        slots, place = slots[place >= 0], place[place >= 0]
        yield kind, family_of[table.series[slots]], slots, place

"""Find the metrics that nodes disagree about: families that cannot all be shown, or are described in several ways.

A sweep asks every few seconds, and nearly always nothing has changed. All that an answer follows from is gathered by
a few operations on columns, and compared with what it was; only after a change each family is looked at.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.families.words import Words
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.query.family_variants import FamilyVariants

Ways: TypeAlias = Mapping[int, Sequence[tuple[Words, int]]]


class _Variant(NamedTuple):
    """One variant of a family: whether it is shown, how many nodes have it, and the row of one of their places."""

    shown: bool
    nodes: int
    place: int


class _State(NamedTuple):
    """All that an answer follows from."""

    versions: tuple[int, ...]
    rollups: list[tuple[str, tuple[str, ...]]]
    """How each family that is described in several ways is described."""
    ways: Ways
    present: Int64s
    """The row of a place with a count of each family that clashes, -1 for all others."""
    shapes: Int64s
    """The shapes that live nodes hold, those that may be unlike others,"""
    holders: Int64s
    """how many nodes hold each,"""
    first: Int64s
    """and the row of the first of them."""

    def is_like(self, other: _State | None) -> bool:
        """Tell whether nothing has changed."""
        if other is None or self[:3] != other[:3]:
            return False
        return all(np.array_equal(mine, theirs) for mine, theirs in zip(self[3:], other[3:], strict=True))


class Disagreements:
    """The metrics that nodes of a fleet disagree about. Hold the fleet for as long as it is asked.

    Args:
        fleet: what to look at.
        variants: of the same fleet.
        within: which places are looked at, by their rows; None for all.
    """

    def __init__(self, fleet: Fleet, variants: FamilyVariants, within: Bools | None = None) -> None:
        self._fleet = fleet
        self._within = within
        self._variants = variants
        self._state: _State | None = None
        self._found: dict[bool, dict[str, int]] = {}

    def find(self, now: float, *, described_differently: bool = False) -> Mapping[str, int]:
        """Return each metric with the row of a place whose variant is not shown, one that is live if there is one.

        Args:
            now: server's time.
            described_differently: also families whose help alone differs.
        """
        state = self._look(now)
        if not state.is_like(self._state):
            self._state, self._found = state, {}
        if described_differently not in self._found:
            self._found[described_differently] = self.look_at_each(state, help_too=described_differently)
        return self._found[described_differently]

    def _look(self, now: float) -> _State:
        fleet, parts = self._fleet, self._fleet.parts
        families, clashes, words = fleet.catalog.families, parts.clashes, parts.words
        live = self._variants.voters(now, self._within)
        present = fleet.places_of_families(clashes.contested, self._within)
        suspected = np.zeros(len(families) + 1, np.bool_)  # one more, for shapes that are free
        suspected[[*clashes.contested, *words.contested]] = True
        of_shape = np.array([family for family, _ in self._variants.shapes], np.int64)
        suspects = np.flatnonzero(fleet.catalog.known_families.several[:-1] | suspected[of_shape])
        shape, node = self._variants.pairs(suspects.tolist(), live) if len(suspects) else (suspects, suspects)
        shapes, first, holders = np.unique(shape, return_index=True, return_counts=True)
        return _State(
            (fleet.catalog.version, len(families), clashes.version, words.version),
            [(families[number].help, families[number].rollup) for number in sorted(words.contested)],
            words.speakers(live) if words.contested else {},
            present.astype(np.int64),
            shapes,
            holders,
            node[first],
        )

    def look_at_each(self, state: _State, *, help_too: bool) -> dict[str, int]:
        """Look at each family of a state; see `find`, which remembers the answer."""
        families, shapes = self._fleet.catalog.families, self._variants.shapes
        by_family: dict[int, list[_Variant]] = defaultdict(list)
        best: dict[int, tuple[int, tuple[float, ...]]] = {}
        owned = list(zip(state.shapes.tolist(), state.holders.tolist(), state.first.tolist(), strict=True))
        for shape, nodes, _ in owned:
            family, bounds = shapes[shape]
            best[family] = max(best.get(family, (0, ())), (nodes, bounds))
        for shape, nodes, place in owned:
            family, bounds = shapes[shape]
            by_family[family].append(_Variant((nodes, bounds) == best[family], nodes, place))
        present = np.flatnonzero(state.present >= 0).tolist()
        for family in present:
            if family not in by_family:  # nobody live has it, and its counts are there all the same
                by_family[family].append(_Variant(shown=True, nodes=0, place=int(state.present[family])))
        for family, ways in state.ways.items():
            described = families[family].help, families[family].rollup
            ways_of = {(one.help if help_too else described[0], one.rollup): place for one, place in ways}
            if len(ways_of) > 1 and family in by_family:
                by_family[family] = [_Variant(way == described, 1, place) for way, place in ways_of.items()]
        return _unlike(by_family, self._fleet.parts.clashes.hidden(present), [one.key.name for one in families])


def _unlike(by_family: Mapping[int, list[_Variant]], hidden: set[int], names: Sequence[str]) -> dict[str, int]:
    """Return the names that have several variants, or none that is shown, in order."""
    by_name: dict[str, list[_Variant]] = defaultdict(list)
    for family, variants in by_family.items():
        for variant in variants:
            by_name[names[family]].append(variant if family not in hidden else variant._replace(shown=False))
    example = {
        name: max(variants, key=lambda one: (not one.shown, one.nodes)).place
        for name, variants in by_name.items()
        if len(variants) > 1 or not variants[0].shown
    }
    return dict(sorted(example.items()))

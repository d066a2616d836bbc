"""Find the metrics that nodes disagree about: families that cannot all be shown, or are described in several ways.

A sweep asks every few seconds, and nearly always nothing has changed. All that an answer follows from is gathered by
a few operations on columns, and compared with what it was; only after a change each family is looked at.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.families.known import Family
from fog_aggregator.core.families.words import Words
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.series import Bounds
from fog_aggregator.query.family_variants import FamilyVariants

Ways: TypeAlias = Mapping[int, Sequence[tuple[Words, int]]]
_NOT_SHOWN: Final = 2**40
"""More than there are nodes: a variant that is not shown is an example before any other."""


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
        families, present = self._fleet.catalog.families, np.flatnonzero(state.present >= 0).tolist()
        seen = _Seen(families, self._fleet.parts.clashes.hidden(present))
        shapes, known = self._variants.shapes, state.shapes.tolist()
        owners = [shapes[shape][0] for shape in known]
        done = {
            family
            for family in {*owners, *present} & state.ways.keys()
            if self._by_words(family, state, seen, help_too=help_too)
        }
        shown = _most_held(owners, [shapes[shape][1] for shape in known], state.holders.tolist())
        for family, nodes, place, most in zip(owners, state.holders.tolist(), state.first.tolist(), shown, strict=True):
            if family not in done:
                seen.add(family, nodes, place, shown=most)
        done.update(owners)
        for family in present:
            if family not in done:  # nobody live has it, and its counts are there all the same
                seen.add(family, 0, int(state.present[family]))
        return seen.unlike()

    def _by_words(self, family: int, state: _State, seen: _Seen, *, help_too: bool) -> bool:
        """Note the variants of a family that is described in several ways; tell whether it is."""
        described = self._fleet.catalog.families[family].help, self._fleet.catalog.families[family].rollup
        ways = {(one.help if help_too else described[0], one.rollup): place for one, place in state.ways[family]}
        if len(ways) > 1:
            for way, place in ways.items():
                seen.add(family, 1, place, shown=way == described)
        return len(ways) > 1


class _Seen:
    """Count the variants of each metric, and remember the one to show as an example.

    There is no object for each: looking for garbage among 40,000 took twice as long as all the rest.
    """

    def __init__(self, families: Sequence[Family], hidden: Collection[int]) -> None:
        self._families = families
        self._hidden = hidden
        self._count: dict[str, int] = {}
        self._best: dict[str, int] = {}
        self._place: dict[str, int] = {}

    def add(self, family: int, nodes: int, place: int, *, shown: bool = True) -> None:
        """Note a variant: how many nodes have it, and the row of one of their places."""
        name = self._families[family].key.name
        self._count[name] = self._count.get(name, 0) + 1
        rank = nodes if shown and family not in self._hidden else nodes + _NOT_SHOWN
        if rank > self._best.get(name, -1):
            self._best[name], self._place[name] = rank, place

    def unlike(self) -> dict[str, int]:
        """Return the metrics with several variants, or none that is shown, in order: a place that has one not shown."""
        found = [name for name, count in self._count.items() if count > 1 or self._best[name] >= _NOT_SHOWN]
        return {name: self._place[name] for name in sorted(found)}


def _most_held(owners: Sequence[int], bounds: Sequence[Bounds], holders: Sequence[int]) -> list[bool]:
    """Tell of each shape whether it is the one of its family that most nodes have."""
    several = {family for family, count in Counter(owners).items() if count > 1}
    best: dict[int, tuple[int, Bounds]] = {}
    for family, own, nodes in zip(owners, bounds, holders, strict=True):
        if family in several:
            best[family] = max(best.get(family, (0, ())), (nodes, own))
    return [
        family not in several or best[family] == (nodes, own)
        for family, own, nodes in zip(owners, bounds, holders, strict=True)
    ]

"""Families that cannot all be shown: of one name with another type or unit, or whose samples' names collide.

All of them are merged. Shown is the one that most live nodes hold, for as long as any count of it exists; a histogram
is shown at the bounds that most live nodes have. The others are reported with their nodes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.families.known import Family
from fog_aggregator.core.families.words import Voters, Words
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import Kind
from fog_aggregator.core.series import Bounds
from utilityfog_frontend.telemetry import model
from utilityfog_frontend.telemetry.names import sample_names


@dataclass(frozen=True, slots=True)
class FamilyVariant:
    """One of several families, or bounds or descriptions of one, that cannot all be shown.

    Attributes:
        family: the family, as it is described here.
        bounds: its bounds.
        nodes: rows of the live nodes that have it.
        shown: whether it is the one that is shown.
        places: rows of all places with a count of it, where families clash.
        counted: what was counted of it, observations of a histogram, where families clash.
    """

    family: Family
    bounds: Bounds
    nodes: Int64s
    shown: bool
    places: Int64s = field(default_factory=lambda: np.zeros(0, np.int64))
    counted: int | float = 0


class FamilyVariants:
    """Tell who holds which family of a fleet, and which bounds of it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @property
    def shapes(self) -> list[tuple[int, Bounds]]:
        """Return every (family, bounds) there is, by its number."""
        return list(self._fleet.catalog.shapes)

    def shape_of(self) -> Int32s:
        """Return the shape of each series, by their numbers; -1 for a free number."""
        return np.array(self._fleet.catalog.shape_of, np.int32)

    def called(self, names: Iterable[str]) -> Bools:
        """Tell which series, by number, are of a family that has a sample of one of these names."""
        wanted = frozenset(names)
        return self._of([not wanted.isdisjoint(sample_names(described(one))) for one in self._fleet.catalog.families])

    def named(self, names: Collection[str]) -> Bools:
        """Tell which series, by number, are of a family of one of these names."""
        return self._of([family.key.name in names for family in self._fleet.catalog.families])

    def _of(self, chosen: Sequence[bool]) -> Bools:
        """Tell which series, by number, are of the families that are chosen, by theirs."""
        of_shapes: Bools = np.array([chosen[family] for family, _ in self.shapes] + [False], np.bool_)
        return of_shapes[self.shape_of()]

    def survey(self, now: float) -> Survey:
        """Survey the variants that cannot all be shown at `now`, server's time. The result needs no lock."""
        shapes, fleet = self.shapes, self._fleet
        several = np.flatnonzero(fleet.catalog.known_families.several).tolist()
        nodes = self.holders(several, fleet.voters(now)[0]) if several else {}
        return Survey(shapes, fleet.families, nodes, fleet.parts.clashes.rank())

    def voters(self, now: float, within: Bools | None) -> Voters:
        """Return the epochs of live nodes whose words count, of all places or of those `within`, by their rows."""
        live, _ = self._fleet.voters(now)
        if within is None:
            return live
        inside = within[live.place]
        return live._replace(row=live.row[inside], place=live.place[inside])

    def conflicts(
        self, now: float, names: Collection[str], within: Bools | None = None, *, described_differently: bool = False
    ) -> dict[str, list[FamilyVariant]]:
        """Return what cannot be shown together, by name: the shown one first, then by the number of nodes.

        Args:
            now: server's time.
            names: the metrics to look at: those that `Disagreements` finds.
            within: which places are looked at, by their rows; None for all.
            described_differently: also families whose help alone differs.
        """
        fleet, clashes = self._fleet, self._fleet.parts.clashes
        live = self.voters(now, within)
        found: dict[str, list[FamilyVariant]] = defaultdict(list)
        families, wanted = fleet.catalog.families, frozenset(names)
        chosen = {number for number, family in enumerate(families) if family.key.name in wanted}
        present = np.flatnonzero(fleet.places_of_families(clashes.contested, within) >= 0).tolist()
        hidden, clashing = clashes.hidden(present), fleet.families_with_samples(chosen & clashes.contested, within)
        ways = fleet.parts.words.ways(live, chosen)
        for number, variants in self._of_families(clashing, chosen, live).items():
            described_as = self._of_words(number, ways.get(number, ()), help_too=described_differently)
            for variant in described_as if len(described_as) > 1 else variants:
                shown = variant.shown and number not in hidden
                places, counted = self.count_at(clashing[number]) if number in clashing else (variant.nodes, 0)
                found[variant.family.key.name].append(replace(variant, shown=shown, places=places, counted=counted))
        return {
            name: sorted(versions, key=lambda version: (not version.shown, -len(version.nodes)))
            for name, versions in sorted(found.items())
        }

    def holders(self, shapes: Iterable[int], live: Voters) -> dict[int, Int64s]:
        """Return the rows of the live nodes that hold series of some shapes, as their present writers have them."""
        shape, node = self.pairs(shapes, live)
        numbers, starts = np.unique(shape, return_index=True)
        return dict(zip(numbers.tolist(), np.split(node, starts[1:]), strict=True)) if len(numbers) else {}

    def pairs(self, shapes: Iterable[int], live: Voters) -> tuple[Int64s, Int64s]:
        """Return which live nodes hold series of some shapes, as pairs in order: the shape, and the node's row."""
        of_series, rows = self.shape_of(), len(live.weight)
        wanted = np.zeros(len(self._fleet.catalog.shapes) + 1, np.bool_)  # one more, for numbers that are free
        wanted[list(shapes)] = True
        lives = np.zeros(rows, np.bool_)
        lives[live.place] = True
        pairs = [np.zeros(0, np.int64)]
        for series, node in self._fleet.holders(np.append(wanted[of_series], False), speaking=True):
            pairs.append(of_series[series].astype(np.int64) * rows + node)
        # Sorted by hand: np.unique hashes whole numbers, which takes ten times as long for a million of them.
        found = np.sort(np.concatenate(pairs))
        shape, node = np.divmod(found[np.diff(found, prepend=-1) != 0], max(rows, 1))
        return shape[lives[node]], node[lives[node]]

    def _of_families(
        self, clashing: Iterable[int], chosen: Collection[int], live: Voters
    ) -> dict[int, list[FamilyVariant]]:
        """Return the variants by bounds of chosen families: that clash, have several bounds or several descriptions."""
        fleet, shapes = self._fleet, self.shapes
        survey, words = set(clashing), fleet.parts.words.contested
        several = fleet.catalog.known_families.several.tolist()
        suspects = [
            shape
            for shape, (family, _) in enumerate(shapes)
            if family in chosen and (several[shape] or family in survey or family in words)
        ]
        nodes = self.holders(suspects, live)
        found: dict[int, list[FamilyVariant]] = defaultdict(list)
        shown = Survey(shapes, fleet.catalog.families, nodes, {}).shown_bounds(nodes)
        for shape, rows in nodes.items():
            number, own = shapes[shape]
            found[number].append(FamilyVariant(fleet.catalog.families[number], own, rows, own == shown[number]))
        for number in survey - set(found):  # nobody live has it, and its counts are there all the same
            nobody = np.zeros(0, np.int64)
            found[number] = [FamilyVariant(fleet.catalog.families[number], (), nobody, shown=True)]
        return found

    def _of_words(self, number: int, ways: Iterable[tuple[Words, Int64s]], *, help_too: bool) -> list[FamilyVariant]:
        """Return a family in each description that live nodes give of it: another rollup choice, or another help."""
        family = self._fleet.catalog.families[number]
        rows: dict[tuple[str, tuple[str, ...]], list[Int64s]] = defaultdict(list)
        for words, places in ways:
            rows[words.help if help_too else family.help, words.rollup].append(places)
        return [
            FamilyVariant(
                Family(family.key, help_, rollup),
                (),
                np.unique(np.concatenate(places)),
                shown=(help_, rollup) == (family.help, family.rollup),
            )
            for (help_, rollup), places in rows.items()
        ]

    def count_at(self, slots: Iterable[tuple[Kind, Int64s]]) -> tuple[Int64s, int | float]:
        """Return the rows of the places with a count at some slots, and what was counted."""
        places: list[Int64s] = [np.zeros(0, np.int64)]
        counted: int | float = 0
        for kind, mine in slots:
            table = self._fleet.parts.slots.tables[kind]
            epochs = table.epoch[mine].astype(np.int64)
            places.append(self._fleet.places_of_epochs(kind, epochs).astype(np.int64))
            counted += sum(kind.exact_counts(table, mine)) if kind.counted else 0
        return np.unique(np.concatenate(places)), counted


@dataclass(frozen=True, slots=True)
class Survey:
    """Tell which nodes hold the variants that cannot all be shown.

    Attributes:
        shapes: every (family, bounds), by its number.
        families: the catalog's.
        nodes: rows of the live nodes that hold a shape, of those shapes that are suspect.
        rank: the place of families that clash in the order in which they are shown.
    """

    shapes: list[tuple[int, Bounds]]
    families: Sequence[Family]
    nodes: Mapping[int, Int64s]
    rank: Mapping[int, int]

    def hidden(self, present: Iterable[int]) -> frozenset[int]:
        """Return which of some families are not shown when all of them are in a view."""
        taken: set[str] = set()
        hidden = set()
        for number in sorted(present, key=lambda number: (self.rank.get(number, len(self.rank)), number)):
            names = set(sample_names(described(self.families[number])))
            if taken.isdisjoint(names):
                taken |= names
            else:
                hidden.add(number)
        return frozenset(hidden)

    def shown_bounds(self, shapes: Iterable[int]) -> dict[int, Bounds]:
        """Return the bounds at which each family of some shapes is shown, by family: those of most live nodes."""
        best: dict[int, int] = {}
        for shape in sorted(shapes, key=lambda shape: (len(self.nodes.get(shape, ())), self.shapes[shape][1])):
            best[self.shapes[shape][0]] = shape
        return {family: self.shapes[shape][1] for family, shape in best.items()}


def described(family: Family, bounds: Bounds = ()) -> model.Family:
    """Return a family in the words of the SDK."""
    key = family.key
    return model.Family(key.name, model.MetricType(key.type_name), family.help, key.unit, bounds, family.rollup)

"""Families that cannot all be shown: of one name with another type or unit, or whose samples' names collide.

All of them are merged. Shown is the one that most live nodes hold; a histogram is shown at the bounds that most live
nodes have. The others are reported with their nodes.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fog_aggregator.core.columns import Bools, Int32s, Int64s
from fog_aggregator.core.fleet.catalog import Family
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.series import Bounds
from utilityfog_frontend.telemetry import model
from utilityfog_frontend.telemetry.names import sample_names


@dataclass(frozen=True, slots=True)
class FamilyVariant:
    """One of several families, or bounds of one, that cannot all be shown.

    Attributes:
        family: the family.
        bounds: its bounds.
        nodes: rows of the live nodes that hold it.
        shown: whether it is the one that is shown.
    """

    family: Family
    bounds: Bounds
    nodes: Int64s
    shown: bool


class FamilyVariants:
    """Tell who holds which family of a fleet, and which bounds of it."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._contested: tuple[int, frozenset[int]] = (0, frozenset())

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
        mine = [not wanted.isdisjoint(sample_names(described(family))) for family in self._fleet.catalog.families]
        chosen: Bools = np.array([mine[family] for family, _ in self.shapes] + [False], np.bool_)
        return chosen[self.shape_of()]

    def survey(self, live: Bools) -> Survey:
        """Survey the variants that cannot all be shown; `live`: by node's row. The result needs no lock."""
        shapes = self.shapes
        bounds_of = Counter(family for family, _ in shapes)
        suspects = [
            shape for shape, (family, _) in enumerate(shapes) if bounds_of[family] > 1 or family in self.contested()
        ]
        return Survey(shapes, self._fleet.catalog.families, self.holders(suspects, live) if suspects else {})

    def contested(self) -> frozenset[int]:
        """Return the families that share a sample's name with another one."""
        families = self._fleet.catalog.families
        if self._contested[0] != len(families):
            owners: dict[str, set[int]] = defaultdict(set)
            for number, family in enumerate(families):
                for sample in sample_names(described(family)):
                    owners[sample].add(number)
            several = [mine for mine in owners.values() if len(mine) > 1]
            self._contested = (len(families), frozenset().union(*several))
        return self._contested[1]

    def holders(self, shapes: Iterable[int], live: Bools) -> dict[int, Int64s]:
        """Return the rows of the live nodes that hold series of some shapes."""
        of_series, rows = self.shape_of(), len(live)
        wanted = np.zeros(len(self._fleet.catalog.shapes) + 1, np.bool_)  # one more, for numbers that are free
        wanted[list(shapes)] = True
        pairs = [np.zeros(0, np.int64)]
        for series, node in self._fleet.holders(np.append(wanted[of_series], False)):
            pairs.append(np.unique(of_series[series].astype(np.int64) * rows + node))
        shape, node = np.divmod(np.unique(np.concatenate(pairs)), max(rows, 1))
        return {number: node[(shape == number) & live[node]] for number in np.unique(shape).tolist()}


@dataclass(frozen=True, slots=True)
class Survey:
    """Tell which nodes hold the variants that cannot all be shown.

    Attributes:
        shapes: every (family, bounds), by its number.
        families: the catalog's.
        nodes: rows of the live nodes that hold a shape, of those shapes that are suspect.
    """

    shapes: list[tuple[int, Bounds]]
    families: Sequence[Family]
    nodes: Mapping[int, Int64s]

    def hidden(self, present: Iterable[int]) -> frozenset[int]:
        """Return which of some families are not shown when all of them are in a view."""
        rows: dict[int, list[Int64s]] = defaultdict(list)
        for shape, nodes in self.nodes.items():
            rows[self.shapes[shape][0]].append(nodes)
        holders = {family: len(np.unique(np.concatenate(nodes))) for family, nodes in rows.items()}
        taken: set[str] = set()
        hidden = set()
        for number in sorted(present, key=lambda number: (-holders.get(number, 0), number)):
            names = set(sample_names(described(self.families[number])))
            if taken.isdisjoint(names):
                taken |= names
            else:
                hidden.add(number)
        return frozenset(hidden)

    def shown_bounds(self, shapes: Iterable[int]) -> dict[int, Bounds]:
        """Return the bounds at which each family of some shapes is shown, by family."""
        best: dict[int, int] = {}
        for shape in sorted(shapes, key=lambda shape: (len(self.nodes.get(shape, ())), self.shapes[shape][1])):
            best[self.shapes[shape][0]] = shape
        return {family: self.shapes[shape][1] for family, shape in best.items()}

    def disagreements(self) -> dict[str, list[FamilyVariant]]:
        """Return what cannot be shown together, by name: the shown one first, then by the number of nodes."""
        holders = {shape: rows for shape, rows in self.nodes.items() if len(rows)}
        hidden, bounds = self.hidden({self.shapes[shape][0] for shape in holders}), self.shown_bounds(holders)
        found: dict[str, list[FamilyVariant]] = defaultdict(list)
        for shape, rows in holders.items():
            number, own = self.shapes[shape]
            family = self.families[number]
            shown = number not in hidden and own == bounds[number]
            found[family.key.name].append(FamilyVariant(family, own, rows, shown))
        return {
            name: sorted(versions, key=lambda version: (not version.shown, -len(version.nodes)))
            for name, versions in sorted(found.items())
            if len(versions) > 1 or not versions[0].shown
        }


def described(family: Family, bounds: Bounds = ()) -> model.Family:
    """Return a family in the words of the SDK."""
    key = family.key
    return model.Family(key.name, model.MetricType(key.type_name), family.help, key.unit, bounds, family.rollup)

"""Tell rules how the nodes of the fleet are, as they were at one moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.place import Place
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.family_variants import FamilyVariants
from fog_aggregator.rules.verdicts.coverage import MOST_LISTED, Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path

_FATES: Final = {"LIVE": Fate.LIVE, "STALE": Fate.SILENT, "DEPARTED": Fate.SILENT, "ENDED": Fate.ENDED}


class FleetCoverage:
    """The nodes of a fleet, looked at once: what is asked twice in an evaluation has one answer.

    Args:
        network: Shows the fleet.
        horizon: The silence in seconds after which a node retires.
    """

    def __init__(self, network: NetworkCollector, horizon: float) -> None:
        self.horizon = round(horizon * 1000)
        self._network = network
        with network.lock:
            self._tree = network.tree
            self._now = network.now()
            self._lives: Int64s = network.lives()
            self._last_seen, self._overdue_after = network.fleet.words()
            self._retired: Bools = network.fleet.retired_rows(self._tree.rows)
            self._branches = {path for path, place in network.fleet.places.items() if place.covers_below}
        self._standings: dict[Scope, Standing] = {}
        self._holders: dict[frozenset[str], Bools] = {}

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are."""
        if scope not in self._standings:
            self._standings[scope] = self._look(scope)
        return self._standings[scope]

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""
        with self._network.lock:
            place = self._network.fleet.place(path)
            return Fate.GONE if place is None else self._fate_of(place)

    def last_word(self, scope: Scope) -> int | None:
        """Return the time of the last word of the live node that is overdue for longest; None when none is overdue."""
        _, rows, wanted = self._rows(scope)
        words = self._last_seen[rows]
        late = wanted & (self._lives[rows] == Life.LIVE) & (self._now - words > self._overdue_after[rows])
        return round(float(words[late].min()) * 1000) if late.any() else None

    def _look(self, scope: Scope) -> Standing:
        counts = dict.fromkeys(Fate, 0)
        listed: dict[Path, Fate] | None = {}
        for path, place in self._places(scope):
            if place is None or not place.covers_below:
                fate = Fate.LIVE if place is None else self._fate_of(place)
                counts[fate] += 1
                if listed is not None and fate in {Fate.LIVE, Fate.SILENT}:
                    listed[path] = fate
            else:
                listed = None
                for life, number in zip(Life, place.coverage(self._life(place), 0.0).nodes, strict=False):
                    if life.name in _FATES:
                        counts[_FATES[life.name]] += number
        nodes = listed if listed is not None and len(listed) <= MOST_LISTED else None
        return Standing(counts[Fate.LIVE], counts[Fate.SILENT], counts[Fate.ENDED], nodes)

    def _places(self, scope: Scope) -> Iterator[tuple[Path, Place | None]]:
        """Walk the nodes and branches of a scope; of the many that live, the place is not looked up."""
        tree = self._tree
        span, rows, wanted = self._rows(scope)
        alive = self._lives[rows] == Life.LIVE
        with self._network.lock:
            for at in np.flatnonzero(wanted).tolist():
                path = tree.paths[span.start + at]
                if alive[at] and path not in self._branches:
                    yield path, None
                elif (place := self._network.fleet.place(path)) is not None:
                    yield path, place

    def _rows(self, scope: Scope) -> tuple[range, Int64s, Bools]:
        """Return the places at and under a scope's path, their rows, and which of them are the scope's."""
        tree, span = self._tree, self._tree.span(scope.path)
        if scope.own:
            span = span[:1] if span and tree.paths[span[0]] == scope.path else span[:0]
        rows = tree.rows[span.start : span.stop]
        wanted = ~self._retired[span.start : span.stop]
        if scope.names:
            wanted &= self._holding(scope.names)[rows]
        return span, rows, wanted

    def _holding(self, names: frozenset[str]) -> Bools:
        """Tell which rows of places have a series of some metrics, live or not."""
        if names not in self._holders:
            with self._network.lock:
                fleet = self._network.fleet
                found = np.zeros(max(len(self._lives), fleet.place_rows), np.bool_)
                for _, rows in fleet.holders(FamilyVariants(fleet).called(names)):
                    found[rows[rows >= 0]] = True
            self._holders[names] = found
        return self._holders[names]

    def _fate_of(self, place: Place) -> Fate:
        fate = _FATES.get(self._life(place).name, Fate.SILENT)
        return Fate.ENDED if fate is Fate.SILENT and place.ephemeral else fate

    def _life(self, place: Place) -> Life:
        """Return the life of a place at the moment of the look; of one that came later, that it lives."""
        return Life(int(self._lives[place.row])) if place.row < len(self._lives) else Life.LIVE

"""Tell rules how the nodes of the fleet are, as they were at one moment."""

from __future__ import annotations

from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.family_variants import FamilyVariants
from fog_aggregator.rules.verdicts.coverage import MOST_LISTED, Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path

_FATES: Final = (Fate.LIVE, Fate.SILENT, Fate.ENDED)
_LIVE, _SILENT, _ENDED = range(3)


class FleetCoverage:
    """The nodes of a fleet, looked at once: what is asked twice in an evaluation has one answer.

    The fleet is held for copies of columns alone.

    Args:
        network: Shows the fleet.
        horizon: The silence in seconds after which a node retires.
    """

    def __init__(self, network: NetworkCollector, horizon: float) -> None:
        self.horizon = round(horizon * 1000)
        self._network = network
        with network.lock:
            tree = self._tree = network.tree
            lives = network.lives()
            self._counts: Bools = ~network.fleet.retired_rows(tree.rows)
            now, (words, overdue_after) = network.now(), network.fleet.words()
            self._words: Float64s = words[tree.rows]
            overdue = now - self._words > overdue_after[tree.rows]
            self._branches = {
                int(tree.rank[place.row]): place.coverage(Life(int(lives[place.row])), 0.0).nodes
                for place in network.fleet.branches()
            }
            ephemeral = network.fleet.ephemeral_rows(tree.rows)
        self._fates = _fates(lives[tree.rows], ephemeral)
        self._overdue: Bools = overdue & (lives[tree.rows] == Life.LIVE)
        self._standings: dict[Scope, Standing] = {}
        self._holders: dict[frozenset[str], Bools] = {}

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are."""
        if scope not in self._standings:
            self._standings[scope] = self._look(scope)
        return self._standings[scope]

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""
        at = self._tree.span(path)
        if not at or self._tree.paths[at[0]] != path:
            return Fate.GONE
        return _FATES[int(self._fates[at[0]])]

    def last_word(self, scope: Scope) -> int | None:
        """Return the time of the last word of the live node that is overdue for longest; None when none is overdue."""
        span, wanted = self._wanted(scope)
        late = wanted & self._overdue[span.start : span.stop]
        return round(float(self._words[span.start : span.stop][late].min()) * 1000) if late.any() else None

    def _look(self, scope: Scope) -> Standing:
        tree, (span, wanted) = self._tree, self._wanted(scope)
        numbers = np.zeros(len(_FATES), np.int64)
        branches = [at for at in self._branches if at in span and wanted[at - span.start]]
        for at in branches:
            live, stale, departed, ended, _ = self._branches[at]
            numbers += (live, stale + departed, ended)
            wanted[at - span.start] = False
        fates = self._fates[span.start : span.stop]
        numbers += np.bincount(fates[wanted], minlength=len(_FATES))
        live, silent, ended = numbers.tolist()
        if branches or live + silent > MOST_LISTED:
            return Standing(live, silent, ended, None)
        listed = np.flatnonzero(wanted & (fates != _ENDED)).tolist()
        return Standing(live, silent, ended, {tree.paths[span.start + at]: _FATES[int(fates[at])] for at in listed})

    def _wanted(self, scope: Scope) -> tuple[range, Bools]:
        """Return the places at and under a scope's path, and which of them are the scope's, as a copy."""
        tree, span = self._tree, self._tree.span(scope.path)
        if scope.own:
            span = span[:1] if span and tree.paths[span[0]] == scope.path else span[:0]
        wanted = self._counts[span.start : span.stop].copy()
        if scope.names:
            wanted &= self._holding(scope.names)[tree.rows[span.start : span.stop]]
        return span, wanted

    def _holding(self, names: frozenset[str]) -> Bools:
        """Tell which rows of places have a series of some metrics, live or not; the fleet is held kind by kind."""
        if names not in self._holders:
            fleet = self._network.fleet
            found = np.zeros(len(self._tree.rank), np.bool_)
            with self._network.lock:
                found_in = fleet.holders(np.append(FamilyVariants(fleet).called(names), False))
            while True:
                with self._network.lock:
                    pair = next(found_in, None)
                if pair is None:
                    break
                rows = pair[1]
                found[rows[(rows >= 0) & (rows < len(found))]] = True
            self._holders[names] = found
        return self._holders[names]


def _fates(lives: Int64s, ephemeral: Bools) -> Int64s:
    """Return the fate of each place: those that come and go have ended when they are silent."""
    fates = np.where(ephemeral, _ENDED, _SILENT)
    fates[lives == Life.LIVE] = _LIVE
    fates[lives == Life.ENDED] = _ENDED
    return fates

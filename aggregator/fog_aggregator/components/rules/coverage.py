"""Tell rules how the nodes of the fleet are, as they were at one moment."""

from __future__ import annotations

from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.nodes import NodeStates
from fog_aggregator.query.selection import Selection
from fog_aggregator.rules.verdicts.coverage import MOST_LISTED, Fate, Standing
from fog_aggregator.rules.verdicts.reads import Scope
from fog_schema.paths import Path

_FATES: Final = (Fate.LIVE, Fate.SILENT, Fate.ENDED)
_LIVE, _SILENT, _ENDED = range(3)
_OF_BRANCH: Final = {
    Life.LIVE: _LIVE,
    Life.STALE: _SILENT,
    Life.DEPARTED: _SILENT,
    Life.ENDED: _ENDED,
    Life.QUARANTINED: _ENDED,
}
"""The fates of a branch's nodes. Missing ones were never heard, and of unread ones nothing is known."""


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
        states = self._states = network.node_states()
        self._fates = _fates(states)
        self._standings: dict[Scope, Standing] = {}
        self._holders: dict[frozenset[str], Bools] = {}

    def standing(self, scope: Scope) -> Standing:
        """Tell how the nodes of a scope are."""
        if scope not in self._standings:
            self._standings[scope] = self._look(scope)
        return self._standings[scope]

    def fate(self, path: Path) -> Fate:
        """Tell what became of a node."""
        place = self._states.place(path)
        return Fate.GONE if place is None else _FATES[int(self._fates[place])]

    def last_word(self, scope: Scope) -> int | None:
        """Return the time of the last word of the live node that is overdue for longest; None when none is overdue."""
        span, wanted = self._wanted(scope)
        late = wanted & self._states.overdue[span.start : span.stop]
        heard_at = self._states.heard_at[span.start : span.stop][late]
        return round(float(heard_at.min()) * 1000) if late.any() else None

    def _look(self, scope: Scope) -> Standing:
        states, (span, wanted) = self._states, self._wanted(scope)
        numbers = np.zeros(len(_FATES), np.int64)
        branches = [at for at in states.branches if at in span and wanted[at - span.start]]
        for at in branches:
            for life, nodes in zip(Life, states.branches[at], strict=True):
                if life in _OF_BRANCH:
                    numbers[_OF_BRANCH[life]] += nodes
            wanted[at - span.start] = False
        fates = self._fates[span.start : span.stop]
        numbers += np.bincount(fates[wanted], minlength=len(_FATES))
        live, silent, ended = numbers.tolist()
        if branches or live + silent > MOST_LISTED:
            return Standing(live, silent, ended, None)
        listed = np.flatnonzero(wanted & (fates != _ENDED)).tolist()
        paths = states.tree.paths
        return Standing(live, silent, ended, {paths[span.start + at]: _FATES[int(fates[at])] for at in listed})

    def _wanted(self, scope: Scope) -> tuple[range, Bools]:
        """Return the places at and under a scope's path, and which of them are the scope's, as a copy."""
        states = self._states
        span = states.tree.selected(Selection(scope.path, own=scope.own))
        wanted = states.counts[span.start : span.stop].copy()
        if scope.names:
            wanted &= self._holding(scope.names)[span.start : span.stop]
        return span, wanted

    def _holding(self, names: frozenset[str]) -> Bools:
        if names not in self._holders:
            self._holders[names] = self._network.holding(names, self._states)
        return self._holders[names]


def _fates(states: NodeStates) -> Int64s:
    """Return the fate of each place: those that come and go have ended when they are silent."""
    fates = np.where(states.ephemeral, _ENDED, _SILENT)
    fates[states.lives == Life.LIVE] = _LIVE
    fates[(states.lives == Life.ENDED) | (states.lives == Life.QUARANTINED)] = _ENDED
    return fates

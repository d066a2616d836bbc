"""Count nodes, and silent ones, at and under any path, as they were at one moment."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.places.coverage import Life
from fog_aggregator.query.nodes import NodeStates
from fog_schema.paths import Path

_SILENT = (Life.STALE, Life.DEPARTED)


class NodePlaces:
    """The nodes of a look, by place. Needs no lock.

    Args:
        states: The look.
    """

    def __init__(self, states: NodeStates) -> None:
        self._states = states
        self._counted = np.concatenate([[0], np.cumsum(states.counts)])
        self._is_silent = np.isin(states.lives, _SILENT) & states.counts

    def count(self, path: Path) -> int:
        """Return how many nodes there are at and under a path."""
        span = self._states.tree.span(path)
        return int(self._counted[span.stop] - self._counted[span.start])

    def silent(self, path: Path) -> tuple[int, int, float, float]:
        """Return how many of them are silent, how many there are, and when the first and the last was last heard."""
        span = self._states.tree.span(path)
        silent = np.flatnonzero(self._is_silent[span.start : span.stop]) + span.start
        if not len(silent):
            return 0, self.count(path), 0.0, 0.0
        return len(silent), self.count(path), *self.last_heard(silent.tolist())

    def in_state(self, path: Path, life: Life) -> list[int]:
        """Return the numbers of the nodes at and under a path that are in a state."""
        span = self._states.tree.span(path)
        here = (self._states.lives[span.start : span.stop] == life) & self._states.counts[span.start : span.stop]
        found: list[int] = (np.flatnonzero(here) + span.start).tolist()
        return found

    def path(self, number: int) -> Path:
        """Return the path of a node."""
        return self._states.tree.paths[number]

    def last_heard(self, places: list[int]) -> tuple[float, float]:
        """Return when the first and the last of some nodes was last heard; 0 where none of them was."""
        times = self._states.heard_at[places]
        times = times[np.isfinite(times)]
        return (float(times.min()), float(times.max())) if len(times) else (0.0, 0.0)

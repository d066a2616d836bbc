"""Compare two looks at the nodes of a fleet."""

from __future__ import annotations

import numpy as np

from fog_aggregator.core.places.coverage import Life
from fog_aggregator.query.nodes import NodeStates
from fog_schema.paths import Path


def changes(before: NodeStates, after: NodeStates, most: int) -> dict[Path, str] | None:
    """Return the states of the nodes that are in another one, by path; empty for a node that is gone.

    Args:
        before: The earlier look.
        after: The later one.
        most: How many there may be; None is returned when there are more.
    """
    if before.tree is after.tree:
        places = np.flatnonzero((before.lives != after.lives) & after.counts)
        paths = (after.tree.paths[place] for place in places.tolist())
        lives = after.lives[places].tolist()
        if len(places) > most:
            return None
        return {path: Life(life).label for path, life in zip(paths, lives, strict=True)}
    old, new = _by_path(before), _by_path(after)
    found = {path: Life(life).label for path, life in new.items() if old.get(path) != life}
    found |= dict.fromkeys((path for path in old if path not in new), "")
    return found if len(found) <= most else None


def _by_path(states: NodeStates) -> dict[Path, int]:
    rows = zip(states.tree.paths, states.lives.tolist(), states.counts.tolist(), strict=True)
    return {path: life for path, life, counts in rows if counts}

"""Join the nodes that are not live, as problems are: by place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fog_aggregator.analysis.joining import join
from fog_aggregator.analysis.problems import Silence
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.query.listing.places import NodePlaces
from fog_schema.paths import Path, format_path

_WORST_FIRST: Final = (Life.DEPARTED, Life.QUARANTINED, Life.STALE)
MOST_JOINED: Final = 5_000
"""Nodes of one state that are joined; with more they are one group."""
MOST_GROUPS: Final = 50


class Whereabouts(NodePlaces):
    """The nodes of a look, as problems ask for them."""

    def silence(self, path: Path) -> Silence:
        """Return how many nodes at and under a path are silent, and since when."""
        return Silence(*self.silent(path))

    def groups(self, under: Path, missing: Sequence[tuple[Path, int]]) -> list[dict[str, Any]]:
        """Return the nodes at and under a path that are not live, by state, joined by place: the largest groups first.

        Args:
            under: The path.
            missing: How many expected nodes were never heard, by path.
        """
        found = [self._in_state(under, life) for life in _WORST_FIRST]
        absent = [_group(path, count, count, (0.0, 0.0)) for path, count in missing]
        return [one for one in (*found, _of_state(Life.MISSING, absent)) if one["nodes"]]

    def _in_state(self, under: Path, life: Life) -> dict[str, Any]:
        nodes = self.in_state(under, life)
        if len(nodes) > MOST_JOINED:
            return _of_state(life, [_group(under, len(nodes), self.count(under), self.last_heard(nodes))])
        groups = []
        for line in join([self.path(node) for node in nodes], self.count):
            times = self.last_heard([nodes[member] for member in line.members])
            groups.append(_group(line.path, len(line.members), line.of, times))
        return _of_state(life, groups)


def _group(path: Path, nodes: int, of: int, times: tuple[float, float]) -> dict[str, Any]:
    first, last = times
    return {"path": format_path(path), "nodes": nodes, "of": of, "first": first, "last": last}


def _of_state(life: Life, groups: list[dict[str, Any]]) -> dict[str, Any]:
    ordered = sorted(groups, key=lambda one: (-one["nodes"], one["path"]))
    return {
        "state": life.label,
        "nodes": sum(one["nodes"] for one in groups),
        "groups": ordered[:MOST_GROUPS],
        "left_out": max(0, len(ordered) - MOST_GROUPS),
    }

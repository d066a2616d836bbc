"""The places of the tree, as values of the labels that say which part of the fleet is meant."""

from __future__ import annotations

from collections.abc import Sequence

from fog_aggregator.history.routing import LEVEL, NODE, PATH
from fog_aggregator.network import NetworkCollector
from fog_schema.paths import Path, format_path


class TreePlaces:
    """Lists levels, paths and nodes as they are now. Any thread may ask."""

    def __init__(self, network: NetworkCollector) -> None:
        self._network = network

    def names(self) -> Sequence[str]:
        """Return the names of the labels that name a view."""
        return LEVEL, PATH, NODE

    def values(self, name: str, root: Path = ()) -> Sequence[str]:
        """Return levels down to the deepest node, paths with nodes at or under them, or nodes: from `root` down."""
        if name not in self.names():
            return ()
        nodes = self._network.paths(root)
        if name == LEVEL:
            return [str(level) for level in range(max(0, len(root) - 1), max(map(len, nodes), default=0))]
        if name == NODE:
            return [format_path(path) for path in nodes]
        return [
            format_path(path)
            for path in sorted({path[:end] for path in nodes for end in range(max(1, len(root)), len(path) + 1)})
        ]

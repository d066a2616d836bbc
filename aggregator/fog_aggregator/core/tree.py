"""The tree of paths: who lies under whom, and which nodes are one group."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from fog_aggregator.core.columns import Int32s, Int64s
from fog_aggregator.core.nodes import Node
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class View:
    """Which numbers are asked for.

    Attributes:
        under: only nodes at and under this path; all for the empty one.
        level: group by the path cut to ``level + 1`` tokens; None: everything in one group.
        own: only the node at `under` itself.
    """

    under: Path = ()
    level: int | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of a view: `paths` in path order, and each node's group by its row (-1: not in the view)."""

    paths: list[Path]
    of_node: Int32s


class Tree:
    """All nodes in path order, as they are now.

    Args:
        nodes: by path.
        rows: how many rows of nodes there are.
        before: the paths of an earlier tree: few nodes come and go, and what is nearly in order is sorted fast.

    Attributes:
        paths: every node's path, ascending, so that a subtree is a range.
        rows: their rows.
        rank: each node's place in `paths`, by its row.
    """

    def __init__(self, nodes: Mapping[Path, Node], rows: int, before: Iterable[Path] = ()) -> None:
        self.paths = [path for path in before if path in nodes]
        self.paths += nodes.keys() - set(self.paths)
        self.paths.sort()
        self.rows: Int64s = np.fromiter((nodes[path].row for path in self.paths), np.int64, len(self.paths))
        self.rank: Int32s = np.zeros(rows, np.int32)
        self.rank[self.rows] = np.arange(len(self.paths), dtype=np.int32)

    def span(self, under: Path) -> range:
        """The places of the nodes at and under a path; empty when there are none."""
        if not under:
            return range(len(self.paths))
        beyond = (*under[:-1], under[-1] + "\0")  # sorts after all that begin with `under`, before its next sibling
        return range(bisect_left(self.paths, under), bisect_left(self.paths, beyond))

    def group(self, view: View) -> Grouping:
        """Group the nodes of a view."""
        of_node = np.full(len(self.rank), -1, np.int32)
        span = self.span(view.under)
        if view.own:
            span = span[:1] if span and self.paths[span[0]] == view.under else span[:0]
        if view.level is None:
            of_node[self.rows[span.start : span.stop]] = 0
            return Grouping([()] if span else [], of_node)
        cut = view.level + 1
        paths: list[Path] = []
        numbers = np.empty(len(span), np.int32)
        for place, path in enumerate(self.paths[span.start : span.stop]):
            if not paths or path[:cut] != paths[-1]:
                paths.append(path[:cut])
            numbers[place] = len(paths) - 1
        of_node[self.rows[span.start : span.stop]] = numbers
        return Grouping(paths, of_node)

"""The tree of paths: who lies under whom, and which nodes are one group."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import compress, islice
from operator import attrgetter

import numpy as np

from fog_aggregator.core.columns import Int32s, Int64s
from fog_aggregator.core.kinds.view import Slots
from fog_aggregator.core.places.place import Place
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.paths import RETIRED, Path, format_path


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a view.

    Attributes:
        paths: theirs, in path order.
        of_node: each node's group by its row (-1: not in the view).
        nodes: the rows of the nodes in the view, ascending; a slice where they are side by side.
    """

    paths: list[Path]
    of_node: Int32s
    nodes: Slots


class Tree:
    """All nodes in path order, as they are now.

    Args:
        nodes: by path.
        size: how many rows of nodes there are.

    Attributes:
        paths: every node's path, ascending, so that a subtree is a range.
        rows: their rows.
        rank: each node's place in `paths`, by its row.
    """

    def __init__(self, nodes: Mapping[Path, Place], size: int) -> None:
        self.paths: list[Path] = []
        self.rows: Int64s = np.zeros(0, np.int64)
        self._common: Int32s = np.zeros(0, np.int32)  # how many tokens each path has in common with the one before it
        self._counted: dict[Path, tuple[int, Counter[str]]] = {}
        self._longest = 0  # no path has more tokens
        self._come(nodes.values())
        self._set_ranks(size)

    def after(self, news: Iterable[tuple[Place, bool]], size: int) -> Tree:
        """Return the tree after some nodes came (true) or went, in this order: all others are taken over."""
        last, tree = dict(news), Tree({}, 0)
        stays, common = np.ones(len(self.paths), np.bool_), self._common.copy()
        stays[[at for place, came in last.items() if not came for at in self._at(place)]] = False
        gone = np.flatnonzero(~stays)
        for at in gone[gone < len(common) - 1].tolist():  # ascending, so that neighbours go one after the other
            common[at + 1] = min(common[at], common[at + 1])
        tree.paths = list(compress(self.paths, stays.tolist())) if len(gone) else self.paths
        tree.rows, tree._common, tree._longest = self.rows[stays], common[stays], self._longest
        tree._come([place for place, came in last.items() if came])
        tree._set_ranks(size)
        return tree

    def _at(self, place: Place) -> list[int]:
        """Return where a node stands; nowhere when another one has its path, or nobody."""
        at = bisect_left(self.paths, place.path)
        found = at < len(self.paths) and self.paths[at] == place.path and self.rows[at] == place.row
        return [at] if found else []

    def _come(self, newcomers: Iterable[Place]) -> None:
        """Put nodes in their places; the list of paths is a new one."""
        ordered, before, done = sorted(newcomers, key=attrgetter("path")), self.paths, 0
        self._longest = max(self._longest, *(len(node.path) for node in ordered), 0)
        at = [bisect_left(before, node.path) for node in ordered]
        self.rows = np.insert(self.rows, at, [node.row for node in ordered])
        self._common = np.insert(self._common, at, 0)
        self.paths, rest = [], iter(before)
        for place, node in zip(at, ordered, strict=True):
            self.paths.extend(islice(rest, place - done))
            self.paths.append(node.path)
            done = place
        self.paths.extend(rest)
        came = np.array(at, np.int64) + np.arange(len(at))
        for place in np.unique((came, came + 1)).tolist():
            if 0 < place < len(self.paths):
                self._common[place] = _common(self.paths[place - 1], self.paths[place])

    def _set_ranks(self, size: int) -> None:
        self.rank: Int32s = np.zeros(size, np.int32)
        self.rank[self.rows] = np.arange(len(self.paths), dtype=np.int32)

    @cached_property
    def level_sizes(self) -> list[int]:
        """Return how many groups each level has, from level 0 to that of the longest path."""
        levels = max(map(len, self.paths), default=0)
        sizes: list[int] = np.cumsum(np.bincount(self._common, minlength=levels))[:levels].tolist()
        return sizes

    @cached_property
    def texts(self) -> list[str]:
        """Return every node's path as text."""
        return [format_path(path) for path in self.paths]

    def counted(self, under: Path, version: int, value_of: Callable[[Path], str]) -> Counter[str]:
        """Count the nodes at and under a path by a value of each; again only when `version` is another one."""
        known = self._counted.get(under)
        if known is None or known[0] != version:
            span = self.span(under)
            counts = Counter([value_of(path) for path in self.paths[span.start : span.stop] if path[-1] != RETIRED])
            known = self._counted[under] = (version, counts)
        return known[1]

    def span(self, under: Path) -> range:
        """Return the places of the nodes at and under a path; empty without any."""
        if not under:
            return range(len(self.paths))
        beyond = (*under[:-1], under[-1] + "\0")  # sorts after all that begin with `under`, before its next sibling
        return range(bisect_left(self.paths, under), bisect_left(self.paths, beyond))

    def group(self, selection: Selection, grouping: Grouping) -> Groups:
        """Group the nodes that a view selects, by their paths."""
        of_node = np.full(len(self.rank), -1, np.int32)
        span = self.selected(selection)
        rows = self.rows[span.start : span.stop]
        if grouping.level is None:
            of_node[rows] = 0
            return Groups([()] if span else [], of_node, self._ascending(rows))
        cut = grouping.level + 1
        begins = self._common[span.start : span.stop] < cut  # so are all that are shorter: none follows its extension
        begins[:1] = True
        of_node[rows] = np.cumsum(begins, dtype=np.int32) - np.int32(1)
        if begins.all() and cut >= self._longest:  # each node is a group
            return Groups(self.paths[span.start : span.stop], of_node, self._ascending(rows))
        paths = [self.paths[span.start + head][:cut] for head in np.flatnonzero(begins).tolist()]
        return Groups(paths, of_node, self._ascending(rows))

    def group_by(self, selection: Selection, value_of: Callable[[Path], str]) -> Groups:
        """Group the nodes that a view selects by a value of each: a tree of one level, with paths of its own."""
        of_node = np.full(len(self.rank), -1, np.int32)
        span = self.selected(selection)
        rows = self.rows[span.start : span.stop]
        values = [value_of(path) for path in self.paths[span.start : span.stop]]
        groups = {value: number for number, value in enumerate(sorted(set(values)))}
        of_node[rows] = [groups[value] for value in values]
        return Groups([(value,) for value in groups], of_node, self._ascending(rows))

    def _ascending(self, rows: Int64s) -> Slots:
        """Return some rows in order, which are looked at sooner then."""
        first, end = int(rows.min(initial=len(self.rank))), int(rows.max(initial=-1)) + 1
        if end - first == len(rows):
            return slice(first, end)
        mine = np.zeros(len(self.rank), np.bool_)  # sooner than a sort
        mine[rows] = True
        return np.flatnonzero(mine)

    def selected(self, selection: Selection) -> range:
        """Return the places of the nodes that a view selects."""
        span = self.span(selection.under)
        if selection.own:
            return span[:1] if span and self.paths[span[0]] == selection.under else span[:0]
        return span


def _common(one: Path, other: Path) -> int:
    """How many tokens two paths have in common at their beginnings."""
    same = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        same += 1
    return same

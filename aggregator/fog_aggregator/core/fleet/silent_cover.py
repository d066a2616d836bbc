"""Place losses of nodes: few entries, each at the deepest path that covers what is silent. Pure.

A dead site of thousands of nodes is one entry, and not thousands. Where losses are scattered they are merged upwards
until few entries are left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Int64s
from fog_schema.paths import Path

MOST_ENTRIES: Final = 10
"""More entries than these are merged upwards."""
DEAD_SHARE: Final = 0.9
"""A place of whose nodes so many are silent is silent as a whole."""


class Extent(StrEnum):
    """How much of what is at and under a path an entry stands for."""

    NODE = "node"
    SUBTREE = "subtree"
    SCATTERED = "scattered"


@dataclass(frozen=True, slots=True)
class Silent:
    """An entry of a cover.

    Attributes:
        path: where the losses are; everything for the empty path.
        extent: the node alone, the whole subtree, or some of the subtree's nodes.
        nodes: how many nodes are silent.
    """

    path: Path
    extent: Extent
    nodes: int


@dataclass(frozen=True, slots=True)
class Losses:
    """Nodes by path, and how many of them are silent: values, to be placed without holding the fleet.

    Attributes:
        paths: in path order, each once.
        nodes: how many nodes stand at each.
        silent: how many of these are silent.
    """

    paths: Sequence[Path]
    nodes: Int64s
    silent: Int64s

    def with_missing(self, missing: Iterable[tuple[Path, int]]) -> Losses:
        """Return the same with nodes that were never heard, which are silent."""
        places = {path: [nodes, lost] for path, nodes, lost in zip(self.paths, self.nodes, self.silent, strict=True)}
        for path, count in missing:
            known = places.setdefault(path, [np.int64(0), np.int64(0)])
            known[0] += count
            known[1] += count
        paths = sorted(places)
        return Losses(paths, *(np.array([places[path][one] for path in paths], np.int64) for one in (0, 1)))

    def cover(self, most: int = MOST_ENTRIES) -> list[Silent]:
        """Place the losses, see `silent_cover`."""
        return silent_cover(self.paths, self.nodes, self.silent, most)


def silent_cover(
    paths: Sequence[Path], nodes: Int64s, silent: Int64s, most: int = MOST_ENTRIES, dead: float = DEAD_SHARE
) -> list[Silent]:
    """Cover all silent nodes with at most `most` entries, in path order.

    The cost grows with the number of inner places that have losses, not with that of silent nodes.

    Args:
        paths: in path order, each once; a path may be a node and have others below it.
        nodes: how many nodes stand at each path.
        silent: how many of these are silent.
        most: how many entries there may be.
        dead: the share of silent nodes from which on a subtree is one entry.
    """
    lost = np.concatenate([[0], np.cumsum(silent)])
    if not lost[-1]:
        return []
    cover = _Cover(paths, np.concatenate([[0], np.cumsum(nodes)]), lost, most, dead)
    return sorted(_fit(cover.of(0, len(paths), 0), most), key=lambda entry: entry.path)


@dataclass(frozen=True, slots=True)
class _Cover:
    """The paths, and sums over them: those before each place in path order."""

    paths: Sequence[Path]
    nodes: Int64s
    lost: Int64s
    most: int
    dead: float

    def of(self, start: int, stop: int, depth: int) -> list[Silent]:
        """Cover a range of paths that have their first `depth` tokens in common."""
        while True:
            bounds = self._children(start, stop, depth)
            losses = np.diff(self.lost[bounds])
            hit = np.flatnonzero(losses)
            if len(hit) > 1 or len(self.paths[bounds[hit[0]]]) == depth:
                break  # several children have losses, or the place itself, which is a child of no token
            start, stop, depth = bounds[hit[0]], bounds[hit[0] + 1], depth + 1
        lost, nodes = self._sum(self.lost, start, stop), self._sum(self.nodes, start, stop)
        here = self.paths[start][:depth]
        if stop - start == 1:
            return [self._place(start)]
        if lost >= self.dead * nodes:
            return [Silent(here, Extent.SUBTREE, lost)]
        return self._apart(here, [(bounds[child], bounds[child + 1]) for child in hit.tolist()], depth)

    def _apart(self, here: Path, children: list[tuple[int, int]], depth: int) -> list[Silent]:
        """Cover each child that has losses; of too many single nodes say only how many they are."""
        single = [start for start, stop in children if stop - start == 1]
        entries: list[Silent] = []
        if len(single) > self.most:
            entries.append(Silent(here, Extent.SCATTERED, sum(self._sum(self.lost, one, one + 1) for one in single)))
            children = [(start, stop) for start, stop in children if stop - start > 1]
        for start, stop in children:
            if len(self.paths[start]) == depth:  # the place itself
                entries.append(self._place(start))
            else:
                entries += self.of(start, stop, depth + 1)
        return entries

    def _place(self, at: int) -> Silent:
        """Say what is lost at a path itself, where a branch stands for many nodes."""
        lost, nodes = self._sum(self.lost, at, at + 1), self._sum(self.nodes, at, at + 1)
        dead = Extent.NODE if nodes == 1 else Extent.SUBTREE
        return Silent(self.paths[at], dead if lost >= self.dead * nodes else Extent.SCATTERED, lost)

    def _children(self, start: int, stop: int, depth: int) -> list[int]:
        """Return where each child begins, and the end; the place itself is the first child where it is a node."""
        bounds, at = [start], start
        while at < stop:
            at = self._end_of(at, stop, depth)
            bounds.append(at)
        return bounds

    def _end_of(self, at: int, stop: int, depth: int) -> int:
        """Find the end of the child at `at`, by doubling steps: most children are small, and some are huge."""
        head, step = self.paths[at][: depth + 1], 1
        while at + step < stop and self.paths[at + step][: depth + 1] == head:
            step *= 2
        low, high = at + step // 2, min(at + step, stop)
        while low < high:
            middle = (low + high) // 2
            if self.paths[middle][: depth + 1] == head:
                low = middle + 1
            else:
                high = middle
        return low

    @staticmethod
    def _sum(sums: Int64s, start: int, stop: int) -> int:
        return int(sums[stop] - sums[start])


def _fit(entries: list[Silent], most: int) -> list[Silent]:
    """Merge entries upwards until there are few enough: first single nodes and small losses, whole subtrees last."""
    for mergeable in ((Extent.NODE, Extent.SCATTERED), tuple(Extent)):
        for depth in reversed(range(max(len(entry.path) for entry in entries))):
            if len(entries) <= most:
                return entries
            entries = _merged(entries, depth, mergeable)
    return entries


def _merged(entries: Iterable[Silent], depth: int, mergeable: Sequence[Extent]) -> list[Silent]:
    """Merge those below each place of a depth."""
    groups: dict[Path, list[Silent]] = defaultdict(list)
    others = []
    for entry in entries:
        if entry.extent in mergeable and len(entry.path) >= depth:
            groups[entry.path[:depth]].append(entry)
        else:
            others.append(entry)
    for path, several in groups.items():
        if len(several) == 1:
            others += several
        else:
            others.append(Silent(path, Extent.SCATTERED, sum(entry.nodes for entry in several)))
    return others

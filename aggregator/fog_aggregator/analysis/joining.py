"""Join what is wrong at many places into as few lines as there are causes, by place alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from fog_schema.paths import Path

ENOUGH: Final = 0.5
"""The share of a place's nodes from which on what they have in common is the place's own."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Things of one kind that are one at a place.

    Attributes:
        path: The lowest place with all of them.
        members: Their numbers, ascending.
        nodes: How many nodes are at and under their places.
        of: How many nodes are at and under the path.
    """

    path: Path
    members: Sequence[int]
    nodes: int
    of: int


def join(places: Sequence[Path], nodes_at: Callable[[Path], int]) -> list[Joined]:
    """Join things at the lowest places where at least half of the nodes are affected.

    A place is affected where one of the things is, and all that lies under it. Things at one place are always joined.

    Args:
        places: Where each thing is; the empty path is the whole.
        nodes_at: Returns how many nodes there are at and under a path; at least 1 where a thing is.

    Returns:
        Lines in the order of their paths; each thing is in one of them.
    """
    tree = _Node()
    for number, path in enumerate(places):
        node = tree
        for token in path:
            node = node.children[token]
        node.own.append(number)
    found: list[Joined] = []
    _collect(tree, (), _affected(tree, (), nodes_at), found, places, nodes_at)
    return sorted(found, key=lambda one: one.path)


class _Node:
    """A place on the way to things."""

    __slots__ = ("children", "own")

    def __init__(self) -> None:
        self.own: list[int] = []
        self.children: defaultdict[str, _Node] = defaultdict(_Node)

    def members(self) -> list[int]:
        """Return the numbers of all things at and under it."""
        return sorted([*self.own, *(number for child in self.children.values() for number in child.members())])


def _affected(node: _Node, path: Path, nodes_at: Callable[[Path], int]) -> dict[Path, int]:
    """Count the affected nodes at and under each place on the way to things."""
    found: dict[Path, int] = {}
    for token, child in node.children.items():
        found |= _affected(child, (*path, token), nodes_at)
    below = sum(found[*path, token] for token in node.children)
    found[path] = max(1, nodes_at(path)) if node.own else below
    return found


def _collect(
    node: _Node,
    path: Path,
    affected: dict[Path, int],
    found: list[Joined],
    places: Sequence[Path],
    nodes_at: Callable[[Path], int],
) -> None:
    members = node.members()
    of = max(1, nodes_at(path))
    if affected[path] >= ENOUGH * of or len(members) == 1:
        place = lowest([places[number] for number in members])
        found.append(Joined(place, members, affected[path], max(1, nodes_at(place))))
        return
    for token, child in node.children.items():
        _collect(child, (*path, token), affected, found, places, nodes_at)


def lowest(paths: Sequence[Path]) -> Path:
    """Return the lowest place that all paths are at or under."""
    first, last = min(paths), max(paths)  # the paths between share what these share
    same = 0
    while same < min(len(first), len(last)) and first[same] == last[same]:
        same += 1
    return first[:same]

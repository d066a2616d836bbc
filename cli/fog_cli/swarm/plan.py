"""The plan of each process of a swarm, and the tree that its nodes make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fog_bus.nats.options import NatsOptions
from fog_cli.swarm.writers import Chances
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of one process of a swarm.

    Attributes:
        nats: How to connect.
        prefix: The first tokens of all subjects.
        root: The path of the swarm's first node.
        branching: Children of each inner node.
        numbers: The nodes of this process.
        series: How many series a node has.
        interval: Seconds between two frames of a node.
        connections: How many connections they share.
        chances: How likely faults are, for each interval of a node.
        seed: All chance comes from here.
    """

    nats: NatsOptions
    prefix: str
    root: Path
    branching: int
    numbers: range
    series: int
    interval: float
    connections: int
    chances: Chances
    seed: int

    def paths(self) -> Iterator[Path]:
        """Yield the path of each node, in order of number."""
        return (tree_path(self.root, number, self.branching) for number in self.numbers)


def tree_path(root: Path, number: int, branching: int) -> Path:
    """Return the path of a node of a tree that is filled level by level; number 0 is the root."""
    turns = []
    while number:
        number, turn = divmod(number - 1, branching)
        turns.append(str(turn))
    return (*root, *reversed(turns))

"""Say what numbers stand on: how many nodes are live, stale and departed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Life(IntEnum):
    """The state of a node, worst last."""

    LIVE = 0
    STALE = 1
    DEPARTED = 2

    @property
    def label(self) -> str:
        """As metrics and the API name it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Coverage:
    """The nodes that a group's numbers stand on.

    Attributes:
        nodes: how many nodes there are, by Life.
        oldest: seconds since the last frame of the live node that has been silent longest; 0 without a live node.
    """

    nodes: tuple[int, int, int]
    oldest: float

"""Say what numbers stand on: how many nodes are live, how many are not, and in what way."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias


class Life(IntEnum):
    """The state of a node.

    Live: heard within 3 of its intervals. Stale: not heard for longer. Departed: not heard for an hour. Ended: its
    writers have ended in good order, which is no alert. Missing: expected, and never heard. Quarantined: an operator
    has taken its numbers out, and nothing is read of it. Unread: of a branch that sends no rollup, so that its frames
    are in a stream, and in no number.
    """

    LIVE = 0
    STALE = 1
    DEPARTED = 2
    ENDED = 3
    MISSING = 4
    QUARANTINED = 5
    UNREAD = 6

    @property
    def label(self) -> str:
        """As metrics and the API name it."""
        return self.name.lower()


NodeCounts: TypeAlias = tuple[int, int, int, int, int, int, int]
"""How many nodes there are, by Life."""
NOBODY: NodeCounts = (0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """The nodes that a group's numbers stand on.

    Attributes:
        nodes: how many nodes there are, by Life.
        oldest: seconds since the last frame of the live node that has been silent longest; 0 without a live node.
        gapped: how many of the live ones have a writer whose counts are late, until its next keyframe.
    """

    nodes: NodeCounts
    oldest: float
    gapped: int = 0

"""When the intervals of many nodes end: evenly spread, and never made up for. Pure: time is handed in."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from fog_cli.swarm.writers import Writer


class Timeline:
    """The nodes, each with the moment at which its interval ends.

    A process that is too slow for its nodes leaves intervals out and counts them; to make up for them would only put it
    further behind.

    Args:
        writers: In the order in which their intervals end.
        interval: Seconds.
        now: Monotonic seconds.

    Attributes:
        dropped: Intervals that were left out.
    """

    def __init__(self, writers: Iterable[Writer], interval: float, now: float) -> None:
        ordered = list(writers)
        self.dropped = 0
        self._interval = interval
        self._agenda = [(now + interval * at / len(ordered), at, one) for at, one in enumerate(ordered)]

    def due(self, now: float, most: int) -> list[Writer]:
        """Take the writers whose interval has ended, `most` of them at once."""
        found: list[Writer] = []
        while self._agenda and self._agenda[0][0] <= now and len(found) < most:
            at, order, writer = self._agenda[0]
            found.append(writer)
            missed = int((now - at) // self._interval)
            self.dropped += missed
            heapq.heapreplace(self._agenda, (at + self._interval * (1 + missed), order, writer))
        return found

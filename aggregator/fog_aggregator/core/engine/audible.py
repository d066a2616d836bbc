"""Measure audible time: seconds in which a node that sent something would have been heard.

Silence is measured in it, so that no node is called silent for time in which the reader heard nothing: while it is cut
off, paused, or reads a backlog, in which the messages' own times count.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from fog_aggregator.core.engine.cursor import StreamCursor
from fog_aggregator.core.fleet.fleet_time import SETTLING_SECONDS

ROUND_INTERVALS: Final = 3
SHORTEST_WAIT, LONGEST_WAIT = 5.0, 60.0


class AudibleTime:
    """The audible time of an engine. Times are monotonic seconds.

    Attributes:
        live: The streams are read to their end now: time passes by the clock, not by the times of messages.
    """

    def __init__(self) -> None:
        self.live = False
        self._was_ever_live = False
        self._until = 0.0
        self._begins_at = -float("inf")
        self._steady_since: float | None = None

    def advance(self, cursors: Collection[StreamCursor], longest: float, *, current: bool) -> float:
        """Return the audible seconds since the last call, up to the moment when the server spoke last.

        Args:
            cursors: Of all streams.
            longest: Seconds between two words of the server that count at most: after a pause of the process nothing
                is known of the rest.
            current: The streams were read to their end at the last tick.
        """
        spoke_at = max(cursor.spoke_at for cursor in cursors)
        was_live = self.live
        self.live = current and all(cursor.caught_up for cursor in cursors)
        if not self.live:
            if self._was_ever_live and not all(cursor.is_connected(spoke_at) for cursor in cursors):
                self._begins_at = float("inf")
            self._steady_since = None
            return 0.0
        self._was_ever_live = True
        if not was_live:
            self._steady_since = spoke_at
            if self._begins_at == float("inf"):
                self._begins_at = spoke_at + SETTLING_SECONDS
        begin = max(self._until if was_live else spoke_at, self._begins_at)
        self._until = spoke_at
        return min(max(0.0, spoke_at - begin), longest)

    def is_steady(self, longest_interval: float, now: float) -> bool:
        """Tell whether the streams have been read to their end for 3 intervals, of 5 to 60 s in all."""
        patience = min(max(SHORTEST_WAIT, ROUND_INTERVALS * longest_interval), LONGEST_WAIT)
        return self._steady_since is not None and now - self._steady_since >= patience

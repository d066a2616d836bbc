"""Measure observed time: seconds during which the streams were read to their end. Horizons are measured in it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from fog_aggregator.core.engine.audible import AudibleTime
from fog_aggregator.core.engine.cursor import StreamCursor

LONGEST_TICK: Final = 3.0
"""Seconds that one tick may observe at most: a process that was paused for longer has observed nothing meanwhile."""
IN_FLIGHT: Final = 2_000
"""Messages that may be on their way to a reader that is up to date."""


class ObservedTime:
    """Time between ticks, as far as it counts. Times are monotonic seconds.

    Args:
        now: When it begins.
        longest_tick: Seconds that one tick may observe at most.

    Attributes:
        longest_pause: Seconds between two words of the server that count as audible at most.
        current: Whether the streams were read to their end at the last tick.
        audible: The time that counts for silence.
    """

    def __init__(self, now: float | None = None, longest_tick: float = LONGEST_TICK) -> None:
        self.longest_tick = longest_tick
        self.longest_pause = LONGEST_TICK
        self.current = False
        self.audible = AudibleTime()
        self._last_tick = now
        self._resumed_at = -float("inf") if now is None else now

    def tick(self, cursors: Iterable[StreamCursor], now: float) -> float:
        """Return the seconds that count since the last tick: none unless all streams were read to their end at both.

        After a pause nothing counts before each stream was looked at anew, as what was known of it is of the time
        before the pause.
        """
        passed = now - self._last_tick if self._last_tick is not None else 0.0
        self._last_tick = now
        if passed > self.longest_tick:
            self._resumed_at = now
        was_current = self.current
        self.current = all(
            cursor.caught_up and cursor.lag <= IN_FLIGHT and cursor.looked_at >= self._resumed_at for cursor in cursors
        )
        return min(passed, self.longest_tick) if was_current and self.current else 0.0

    def listen(self, cursors: Collection[StreamCursor]) -> float:
        """Return the audible seconds since the last call; after each word of the server, and at each tick."""
        longest = max(self.longest_pause, self.longest_tick)
        return self.audible.advance(cursors, longest, current=self.current)

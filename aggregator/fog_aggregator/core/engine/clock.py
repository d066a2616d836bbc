"""Tell the time of the fleet: the server's time, never the reader's own clock."""

from __future__ import annotations


class ServerClock:
    """The newest server timestamp that was read, plus the monotonic time since then.

    A node's life is measured with it, so that a reader whose own clock is wrong, or steps, sees every node as it is.
    """

    def __init__(self) -> None:
        self._newest = 0.0
        self._read_at = 0.0

    def note(self, timestamp: float, now: float) -> None:
        """Take a timestamp of the server, read at `now` (monotonic); one behind what is known changes nothing."""
        if timestamp > self.now(now):
            self._newest, self._read_at = timestamp, now

    def now(self, now: float) -> float:
        """Return the server's time at `now` (monotonic), unix seconds; 0 before the first timestamp."""
        return self._newest + (now - self._read_at) if self._newest else 0.0

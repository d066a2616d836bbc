"""What time it is for the fleet: the server's time, never the reader's own clock."""

from __future__ import annotations


class ServerClock:
    """The newest server timestamp read plus the monotonic time since.

    A node's life is measured with it, so that a reader whose clock is wrong, or steps, sees every node as it is.
    """

    def __init__(self) -> None:
        self._newest = 0.0
        self._read_at = 0.0

    def note(self, timestamp: float, monotonic: float) -> None:
        """A timestamp of the server was read at `monotonic`; one that is behind what is known changes nothing."""
        if timestamp > self.now(monotonic):
            self._newest, self._read_at = timestamp, monotonic

    def now(self, monotonic: float) -> float:
        """Server's time, seconds; 0 before the first timestamp."""
        return self._newest + (monotonic - self._read_at) if self._newest else 0.0

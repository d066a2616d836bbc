"""Pauses between attempts to publish. Pure: time and randomness are handed in."""

from __future__ import annotations

import math
from typing import Final, Protocol

FIRST_RETRY, LAST_RETRY = 0.1, 10.0
NOW: Final = -math.inf
NEVER: Final = math.inf


class Uniform(Protocol):
    """Draws random numbers; `random.Random` does."""

    def uniform(self, a: float, b: float) -> float:
        """Draw a number between `a` and `b`."""


class Backoff:
    """Decide when a channel may try again: pauses double from 0.1 s to 10 s, and are jittered down to a half.

    Attributes:
        until: the channel waits until then; `NEVER` while it waits for a connection.
    """

    def __init__(self, rng: Uniform) -> None:
        self.until = NOW
        self._rng = rng
        self._pause = FIRST_RETRY
        self._hurried = False

    def succeeded(self) -> None:
        """Let the channel go on at once, and begin with the shortest pause after the next failure."""
        self.until, self._pause = NOW, FIRST_RETRY

    def failed(self, now: float) -> None:
        """Pause; the next pause is twice as long."""
        wait = self._rng.uniform(self._pause / 2, self._pause)
        self.until = now + (min(wait, FIRST_RETRY) if self._hurried else wait)
        self._pause = min(self._pause * 2, LAST_RETRY)

    def disconnected(self) -> None:
        """Wait for a connection."""
        self.until = NEVER

    def connected(self, now: float) -> None:
        """Pause shortly if the channel waited for a connection: many others may have waited for the same server."""
        if self.until == NEVER:
            self._pause = FIRST_RETRY
            self.failed(now)

    def hurry(self) -> None:
        """End the present pause and keep later ones short: the agent is about to stop."""
        self._hurried = True
        if self.until != NEVER:
            self.until = NOW

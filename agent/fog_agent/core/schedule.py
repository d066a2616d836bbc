"""When a publication ticks, when its keyframes are due, and how long it pauses. Pure: time and rng are handed in."""

from __future__ import annotations

import hashlib
import math
from typing import Final, Protocol

from fog_schema.paths import Path

KEYFRAME_SECONDS: Final = 3600.0
MAX_JITTER: Final = 10.0
SLOTS: Final = 10
MAX_SLOT: Final = 0.1
FIRST_RETRY, LAST_RETRY = 0.1, 10.0
NOW: Final = -math.inf
NEVER: Final = math.inf


class Uniform(Protocol):
    """Draws random numbers; `random.Random` does."""

    def uniform(self, a: float, b: float) -> float:
        """Draw a number between `a` and `b`."""


class Schedule:
    """Decide when the next interval ends, when a keyframe may begin, and when the hourly one is due.

    Ticks lie in slots: an interval has `SLOTS` of them, and more where one would be longer than `MAX_SLOT` seconds.
    They begin with the monotonic clock, which all processes of a host share: its agents wake a processor together.

    Args:
        interval: seconds between two ticks.
        phase: where in the interval ticks lie, from 0 to 1.
        now: monotonic seconds.
        rng: draws the jitter.

    Attributes:
        tick_at: when the present interval ends; `NEVER` after the last one.
        keyframe_at: a keyframe that is due begins no earlier.
    """

    def __init__(self, interval: float, phase: float, now: float, rng: Uniform) -> None:
        slot = interval / max(SLOTS, math.ceil(interval / MAX_SLOT))
        self.tick_at = self.keyframe_at = math.ceil((now + phase * interval) / slot) * slot
        self._interval = interval
        self._rng = rng
        self._hourly_at = self._in_an_hour(now)

    def ticked(self, now: float) -> None:
        """Begin the next interval; skip those that passed while the process did not run."""
        if now >= self.tick_at:
            self.tick_at += self._interval * (1 + (now - self.tick_at) // self._interval)

    def end(self) -> None:
        """Let no further interval end."""
        self.tick_at = NEVER

    def hourly_is_due(self, now: float) -> bool:
        """Tell once in an hour, give or take a tenth, that a keyframe is due in any case."""
        due = now >= self._hourly_at
        if due:
            self._hourly_at = self._in_an_hour(now)
        return due

    def spread_keyframe(self, now: float) -> None:
        """Let the keyframe begin within the interval: all nodes of a subtree may have been asked at once."""
        self.keyframe_at = now + self._rng.uniform(0, min(self._interval, MAX_JITTER))

    def _in_an_hour(self, now: float) -> float:
        return now + KEYFRAME_SECONDS * self._rng.uniform(0.9, 1.1)


class Backoff:
    """Decide when a channel may try again: pauses double from 0.1 s to 10 s, and are jittered down to a half.

    Attributes:
        until: the channel waits until then; `NEVER` while it waits for a connection.
        failures: how many there were since it succeeded.
    """

    def __init__(self, rng: Uniform) -> None:
        self.until = NOW
        self.failures = 0
        self._rng = rng
        self._pause = FIRST_RETRY
        self._hurried = False

    def succeeded(self) -> None:
        """Let the channel go on at once, and begin with the shortest pause after the next failure."""
        self.until, self._pause, self.failures = NOW, FIRST_RETRY, 0

    def failed(self, now: float) -> None:
        """Pause; the next pause is twice as long."""
        wait = self._rng.uniform(self._pause / 2, self._pause)
        self.until = now + (min(wait, FIRST_RETRY) if self._hurried else wait)
        self._pause = min(self._pause * 2, LAST_RETRY)
        self.failures += 1

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


def phase_of(path: Path) -> float:
    """Hash a path to where in the interval its writer sends: a roll-out must not make all nodes send at once."""
    return int.from_bytes(hashlib.blake2b("/".join(path).encode(), digest_size=8).digest()) / 2**64

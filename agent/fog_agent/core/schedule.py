"""When a publication ticks and when its keyframes are due. Pure: time and randomness are handed in."""

from __future__ import annotations

import hashlib
from typing import Final

from fog_agent.core.backoff import NEVER, Uniform
from fog_schema.paths import Path

KEYFRAME_SECONDS: Final = 3600.0
MAX_JITTER: Final = 10.0


class Schedule:
    """Decide when the next interval ends, when a keyframe may begin, and when the hourly one is due.

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
        self.tick_at = self.keyframe_at = now + phase * interval
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


def phase_of(path: Path) -> float:
    """Hash a path to where in the interval its writer sends: a roll-out must not make all nodes send at once."""
    return int.from_bytes(hashlib.blake2b("/".join(path).encode(), digest_size=8).digest()) / 2**64

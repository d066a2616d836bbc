"""How much each user of the machine may tell. Pure: times are handed in."""

from __future__ import annotations

from typing import Final

BURST: Final = 10
"""Seconds whose lines may come at once."""
MOST_USERS: Final = 1_000
"""Users whose lines are remembered; the one who was silent for longest is forgotten for the next one."""


class Rates:
    """Let each user tell so many lines a second. One call at a time.

    Args:
        rate: how many; `BURST` times as many at once.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._left: dict[int, tuple[float, float]] = {}

    def take(self, uid: int, lines: int, now: float) -> bool:
        """Tell whether a user may tell these lines, in seconds of a clock that never goes back."""
        most = float(self._rate * BURST)
        left, asked = self._left.pop(uid, (most, now))
        left = min(most, left + (now - asked) * self._rate)
        fits = lines <= left
        if len(self._left) >= MOST_USERS:
            del self._left[next(iter(self._left))]
        self._left[uid] = (left - lines if fits else left, now)  # the latest stands last
        return fits

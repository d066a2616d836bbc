"""How a simulated time follows the clock on a machine that may be too slow for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

TURN: Final = 0.05
"""Seconds of simulated time that are lived at once; in between the event loop turns, for signals and for the bus."""
MOST_BEHIND: Final = 1.0
"""Seconds that are made up for; more are dropped, as making up for them would only put it further behind."""


class Pace:
    """A simulated time that begins at zero and follows the clock in short turns.

    Args:
        now: The clock's time at the beginning.

    Attributes:
        at: How far the simulated time has come, in seconds.
        dropped: How many seconds of the clock were left out of it.
    """

    def __init__(self, now: float) -> None:
        self._begin = now
        self.at = 0.0
        self.dropped = 0.0

    def turn(self, now: float) -> float:
        """Begin the next turn and return the simulated time at its end."""
        self.dropped += max(0.0, self.behind(now) - MOST_BEHIND)
        self.at += min(TURN, self.behind(now))
        return self.at

    def behind(self, now: float) -> float:
        """Return how many seconds remain to be made up for."""
        return max(0.0, now - self._begin - self.dropped - self.at)


async def follow(
    pace: Pace, live: Callable[[float], None], over: Callable[[], bool], clock: Callable[[], float]
) -> None:
    """Call `live` with the simulated time of each turn until it is `over`; the event loop turns after each."""
    while not over():
        live(pace.turn(clock()))
        await asyncio.sleep(max(0.0, TURN - pace.behind(clock())))

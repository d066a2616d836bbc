"""Quieten an alert that fires again and again: it goes on firing for a while before it may resolve."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW: Final = 3_600_000
"""Firings of the last hour count."""
FIRINGS: Final = 3
"""The third firing within the window begins it."""
FIRST_KEEP: Final = 900_000
LONGEST_KEEP: Final = 3_600_000
GROWTH: Final = 1.5


@dataclass(frozen=True, slots=True)
class Flapping:
    """How often an alert has fired lately. Times are milliseconds.

    Attributes:
        fired: When it fired, within the last hour.
        keep: For how long it goes on firing once its expression no longer holds; 0 while it does not flap.
    """

    fired: tuple[int, ...] = ()
    keep: int = 0

    def fire(self, at: int) -> Flapping:
        """Note that it fires again; the longer it goes on like this, the longer each firing lasts."""
        fired = (*(moment for moment in self.fired if at - moment < WINDOW), at)
        if len(fired) < FIRINGS:
            return Flapping(fired)
        keep = min(int(self.keep * GROWTH), LONGEST_KEEP) if self.keep else FIRST_KEEP
        return Flapping(fired[-FIRINGS:], keep)

    def is_over(self, at: int) -> bool:
        """Tell whether it may be forgotten."""
        return all(at - moment >= WINDOW for moment in self.fired)

    def __str__(self) -> str:
        return f"fired {len(self.fired)} times in an hour; goes on firing for {self.keep // 60_000} minutes" * (
            self.keep > 0
        )

"""Log lines that come at most once a minute each, however often there is a reason for them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

LOGGER: Final = logging.getLogger("fog_agent")
_MOST_KEYS: Final = 1000


class RateLimitedLog:
    """Says each thing at most once in `every` seconds, and then how often it was left unsaid.

    Args:
        clock: Seconds that never go back.
        every: Seconds between two lines of the same key.
        logger: Where the lines go.
    """

    def __init__(self, clock: Callable[[], float], every: float = 60.0, logger: logging.Logger = LOGGER) -> None:
        self._clock = clock
        self._every = every
        self._logger = logger
        self._said: dict[str, float] = {}
        self._unsaid: dict[str, int] = {}

    def __call__(self, level: int, key: str, text: str) -> None:
        """Logs `text`, unless a line of the same key came less than `every` seconds ago."""
        now = self._clock()
        if now - self._said.get(key, -self._every) < self._every:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        if len(self._said) >= _MOST_KEYS:
            self._said.clear()
        self._said[key] = now
        unsaid = self._unsaid.pop(key, 0)
        self._logger.log(level, "%s%s", text, f" ({unsaid} more like it since)" if unsaid else "")

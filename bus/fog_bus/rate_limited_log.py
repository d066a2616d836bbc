"""Log each thing at most once a minute, however often there is a reason for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final

LOGGER: Final = logging.getLogger("fog_agent")
_MOST_KEYS: Final = 1000


class RateLimitedLog:
    """Log each thing at most once in `every` seconds, and then how often it was suppressed.

    Args:
        clock: Seconds that never go back.
        every: Seconds between two lines of the same key.
        logger: Where the lines go.
    """

    def __init__(self, clock: Callable[[], float], every: float = 60.0, logger: logging.Logger = LOGGER) -> None:
        self._clock = clock
        self._every = every
        self._logger = logger
        self._logged: dict[str, float] = {}
        self._suppressed: dict[str, int] = {}

    def __call__(self, level: int, key: str, text: str) -> None:
        """Log `text`, unless a line of the same key came less than `every` seconds ago."""
        now = self._clock()
        if now - self._logged.get(key, -self._every) < self._every:
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return
        if len(self._logged) >= _MOST_KEYS:
            self._logged.clear()
        self._logged[key] = now
        suppressed = self._suppressed.pop(key, 0)
        self._logger.log(level, "%s%s", text, f" ({suppressed} more like it since)" if suppressed else "")

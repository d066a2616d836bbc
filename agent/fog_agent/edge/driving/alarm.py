"""One timer, for whatever is next."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Call at the moment that was set last. Belongs to one event loop.

    Args:
        clock: seconds, as moments are given.
        ring: is called, once for each moment that was set and has come.
    """

    def __init__(self, clock: Callable[[], float], ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._at = math.inf
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        """Call at a moment, and no more at the one before; infinity is never."""
        if at == self._at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._at = at
        wait = max(0.0, at - self._clock())
        self._timer = None if at == math.inf else asyncio.get_running_loop().call_later(wait, self._come)

    def _come(self) -> None:
        self._at, self._timer = math.inf, None
        self._ring()

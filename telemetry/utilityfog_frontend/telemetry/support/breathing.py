"""Let other threads run while one computes.

The interpreter takes its lock away from a thread only 5 ms after another one asked for it: so long would a program's
event loop stand still each time it wakes. A thread that sleeps for a moment gives the lock away by itself.
"""

import time
from typing import Final

WORK_SECONDS: Final = 0.001
"""How long a thread computes before it pauses."""
PAUSE_SECONDS: Final = 0.00002
"""With what a system adds to each sleep, some 0.1 ms: long enough for another thread to wake up."""

IDLE_SECONDS: Final = 0.05
"""After so long without a call no thread computed: its work has just begun."""


class Breather:
    """Called often by a thread that computes, it pauses once in a millisecond. For one thread at a time."""

    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self) -> None:
        """Pause, if it is time to."""
        late = time.perf_counter() - self._next
        if late >= 0:
            if late < IDLE_SECONDS:
                time.sleep(PAUSE_SECONDS)
            self._next = time.perf_counter() + WORK_SECONDS

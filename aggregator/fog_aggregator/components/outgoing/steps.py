"""Hand the steps of the history to the senders, once they are on disk."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

from fog_aggregator.history.store import HistoryStore


class Due(NamedTuple):
    """The step that comes next.

    Attributes:
        time: Of the step, milliseconds; 0 for none yet.
        is_oldest: It is the oldest that there is: the ones before it are forgotten.
    """

    time: int
    is_oldest: bool = False


class OutgoingSteps:
    """The steps that may be sent. Belongs to the event loop, but for `note`.

    Args:
        store: Has the steps.
        lock: Held while the store is looked at.
        length: Milliseconds from one step to the next.

    Attributes:
        first: The first step of this run, or the newest of the one before; milliseconds.
        newest: The newest step that is kept, on disk where there is one; milliseconds.
        on_set_back: Called when the clock was set back, with the first moment that comes again, milliseconds.
    """

    def __init__(self, store: HistoryStore, lock: threading.Lock, length: int) -> None:
        self.store = store
        self.lock = lock
        self.length = length
        self.newest = 0
        self.first = 0
        self.on_set_back: list[Callable[[int], object]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news = asyncio.Event()

    def begin(self) -> None:
        """Begin with the steps that a run before has kept."""
        self._loop = asyncio.get_running_loop()
        with self.lock:
            self.first = self.newest = self.store.newest or 0

    def note(self, time: int) -> None:
        """Take note that a step is kept; one before the newest: the clock was set back. Any thread may call."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._note, time)

    async def wait(self) -> None:
        """Wait for the next step."""
        await self._news.wait()

    def next(self, after: int) -> Due:
        """Return the first step later than `after`, milliseconds."""
        with self.lock:
            times, oldest = self.store.times_after(after, 1), self.store.oldest
        if not times or times[0] > self.newest:
            return Due(0)
        return Due(times[0], is_oldest=times[0] == oldest)

    def _note(self, time: int) -> None:
        if time < self.newest:
            self.first = min(self.first, time)
            for tell in self.on_set_back:
                tell(time)
        self.newest, self.first = time, self.first or time
        news, self._news = self._news, asyncio.Event()
        news.set()

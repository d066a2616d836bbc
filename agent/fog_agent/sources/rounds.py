"""Read a source again and again on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

STOP_PATIENCE: Final = 2.0


class Rounds:
    """A thread that reads at an interval. `start` and `stop` once each, from one thread.

    Args:
        name: Of the thread.
        interval: Seconds from the begin of a round to the next; a round that takes longer delays it.
        read: One round.
        failed: Is told of any error of a round: a fault must not end the reading.
    """

    def __init__(
        self, name: str, interval: float, read: Callable[[], object], failed: Callable[[Exception], object]
    ) -> None:
        self._interval = interval
        self._read = read
        self._failed = failed
        self._stopping = threading.Event()
        self._first = threading.Event()
        self._begun: float | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self, patience: float) -> None:
        """Begin, and wait so many seconds at most for the first round, so that the first frame has it."""
        self._thread.start()
        self._first.wait(patience)

    def under_way(self) -> float:
        """Return how many seconds the present round has lasted; 0 between two."""
        begun = self._begun
        return 0.0 if begun is None else time.monotonic() - begun

    def order_stop(self) -> None:
        """Let no further round begin."""
        self._stopping.set()

    def stop(self) -> None:
        """End, after the round that is under way if that takes no longer than a moment."""
        self.order_stop()
        self._thread.join(STOP_PATIENCE)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            self._begun = time.monotonic()
            try:
                self._read()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round may do
                self._failed(error)
            self._begun = None
            self._first.set()
            due = max(due + self._interval, time.monotonic())
            self._stopping.wait(due - time.monotonic())

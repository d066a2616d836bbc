"""Hold requests to forget departed nodes until all that was stored before them is read (R12.44)."""

from __future__ import annotations

from typing import Final

from fog_aggregator.core.saved import DamagedError, Saved, as_number, as_path
from fog_schema.errors import FrameError
from fog_schema.paths import Path

MOST_WAITING: Final = 1000
"""Requests that wait at most; one more is refused, and its operator asks again."""


class ForgetQueue:
    """The requests that wait.

    They come in a stream of their own, which is read faster than the frames. To a reader that was away, a node whose
    frames it has yet to read looks departed; if it were forgotten, it would count anew from its next keyframe on.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Path, float]] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, under: Path, at: float) -> None:
        """Add a request, made at `at` (server's time), to forget what had departed at and under a path.

        Raises:
            FrameError: Too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise FrameError("limit", f"{MOST_WAITING} requests to forget wait for frames that are not read yet")
        if (under, at) not in self._waiting:  # it is read again
            self._waiting.append((under, at))

    def shift(self, seconds: float) -> None:
        """Follow a step of the server's clock, as the times do at which nodes were heard."""
        self._waiting = [(under, at + seconds) for under, at in self._waiting]

    def pop_ready(self, read_until: float) -> list[tuple[Path, float]]:
        """Remove and return the requests that are older than `read_until`: all frames stored before then are read.

        A request of that very moment waits: a frame of the same moment may be stored after the server was asked.
        """
        if not self._waiting:
            return []
        ready = [request for request in self._waiting if request[1] < read_until]
        self._waiting = [request for request in self._waiting if request[1] >= read_until]
        return ready

    def image(self) -> Saved:
        """Return the requests that wait."""
        return Saved({"waiting": list(self._waiting)})

    def restore(self, saved: Saved) -> None:
        """Take over the requests that waited, in place of those that are here."""
        waiting = saved.records("waiting", as_path, as_number)
        if len(waiting) > MOST_WAITING:
            raise DamagedError(f"{len(waiting)} requests wait, at most {MOST_WAITING} can")
        self._waiting = [(under, float(at)) for under, at in waiting]

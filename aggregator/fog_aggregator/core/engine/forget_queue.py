"""Hold requests to forget departed nodes until all that was stored before them is read."""

from __future__ import annotations

from typing import Final

from fog_schema.paths import Path

FORGET: Final = "fog_forget"
"""The event that asks to forget the departed nodes at and under its path."""


class ForgetQueue:
    """The requests that wait.

    They come in a stream of their own, which is read faster than the frames. To a reader that was away, a node whose
    frames it has yet to read looks departed; if it were forgotten, it would count anew from its next keyframe on.
    """

    def __init__(self) -> None:
        self._waiting: list[tuple[Path, float]] = []

    def add(self, under: Path, at: float) -> None:
        """Add a request, made at `at` (server's time), to forget what had departed at and under a path."""
        self._waiting.append((under, at))

    def pop_ready(self, read_until: float) -> list[tuple[Path, float]]:
        """Remove and return the requests that are older than `read_until`: all frames stored before then are read.

        A request of that very moment waits: a frame of the same moment may be stored after the server was asked.
        """
        ready = [request for request in self._waiting if request[1] < read_until]
        self._waiting = [request for request in self._waiting if request[1] >= read_until]
        return ready

"""Decide which writers hear that others write at their path: whoever runs them can say that it is so, or repair it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from fog_schema.frames import SEVERAL_WRITERS, Request
from fog_schema.paths import Path

AGAIN_SECONDS: Final = 3600.0
MOST_AT_ONCE: Final = 100


class Notices:
    """Tell each writer once, and again each hour for as long as it lasts: a message may be lost."""

    def __init__(self) -> None:
        self._warned_at: dict[tuple[Path, int], float] = {}

    def due(self, writers: Iterable[tuple[Path, int]], now: float) -> list[tuple[Path, Request]]:
        """Return the requests to send at `now` (monotonic seconds), at most 100.

        Args:
            writers: The path and the epoch of each writer that is not alone, and does not say so.
            now: Monotonic seconds.
        """
        warned_at = {writer: self._warned_at.get(writer) for writer in writers}
        due = [writer for writer, at in warned_at.items() if at is None or now - at >= AGAIN_SECONDS][:MOST_AT_ONCE]
        self._warned_at = {writer: at for writer, at in warned_at.items() if at is not None} | dict.fromkeys(due, now)
        return [(path, Request(epoch, notices=SEVERAL_WRITERS)) for path, epoch in due]

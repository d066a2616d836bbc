"""Wishes to forget departed nodes, which wait until what was stored before them is read."""

from __future__ import annotations

from fog_schema.paths import Path


class Forgetting:
    """The wishes that wait.

    They come in a stream of their own, which is read faster than that of the frames. To a reader that was away, a node
    whose frames it has yet to read looks departed; forgotten, it would count anew from its next keyframe on.
    """

    def __init__(self) -> None:
        self._wanted: list[tuple[Path, float]] = []

    def want(self, under: Path, at: float) -> None:
        """Somebody wished at `at` (server's time) to forget what had departed at and under a path."""
        self._wanted.append((under, at))

    def due(self, read_until: float) -> list[tuple[Path, float]]:
        """The wishes that wait no longer, as all frames are read that were stored until `read_until`."""
        due = [wish for wish in self._wanted if wish[1] <= read_until]
        self._wanted = [wish for wish in self._wanted if wish[1] > read_until]
        return due

"""Remember which places came and went lately, so that whoever has put all of them in order can follow."""

from __future__ import annotations

from collections import deque
from typing import Final

from fog_aggregator.core.places.place import Place

MOST: Final = 4096
"""So many comings and goings are remembered; after more, all places are looked at anew."""


class PlaceNews:
    """Tell the places that came or went since a version. Not thread-safe.

    Attributes:
        version: grows whenever a place comes or goes, or is taken out or in.
    """

    def __init__(self) -> None:
        self.version = 0
        self._recent: deque[tuple[int, Place, bool]] = deque()
        self._told_from = 0

    def note(self, place: Place, *, came: bool) -> None:
        """Note that a place came, or went."""
        self.version += 1
        self._recent.append((self.version, place, came))
        while len(self._recent) > MOST:
            self._told_from = self._recent.popleft()[0]

    def forget(self) -> None:
        """Note that places came that are not told."""
        self.version += 1
        self._recent.clear()
        self._told_from = self.version

    def since(self, version: int) -> list[tuple[Place, bool]] | None:
        """Return the places that came (true) or went after a version, in their order; None when that is forgotten."""
        if version < self._told_from:
            return None
        found = []
        for one, place, came in reversed(self._recent):
            if one <= version:
                break
            found.append((place, came))
        return found[::-1]

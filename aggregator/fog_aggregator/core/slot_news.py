"""Remember which slots of a table changed hands lately, so that whoever has laid all of them out can follow."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Int64s

MOST: Final = 4096
"""So many ranges are remembered; after more, the whole table is looked at anew."""
_GAP: Final = 64
"""Slots that are no further apart are told as one range."""


class SlotNews:
    """Tell the ranges of slots that were handed out or given back since a version. Not thread-safe.

    Attributes:
        version: grows whenever a slot is handed out or given back.
    """

    def __init__(self) -> None:
        self.version = 0
        self._recent: deque[tuple[int, int, int]] = deque()
        self._told_from = 0

    def note(self, slots: Int64s) -> None:
        """Note that some slots changed hands, or what is told of them; they need not be in order."""
        self.version += 1
        if not len(slots):
            return
        ordered = np.sort(slots)
        cuts = np.flatnonzero(np.diff(ordered) > _GAP)
        begins, ends = ordered[np.append(0, cuts + 1)].tolist(), ordered[np.append(cuts, len(ordered) - 1)].tolist()
        self._recent.extend((self.version, begin, end + 1) for begin, end in zip(begins, ends, strict=True))
        while len(self._recent) > MOST:
            self._told_from = self._recent.popleft()[0]

    def forget(self) -> None:
        """Note that all slots may be others'."""
        self.version += 1
        self._recent.clear()
        self._told_from = self.version

    def since(self, version: int) -> list[tuple[int, int]] | None:
        """Return the ranges that changed after a version, ascending and apart; None when that is forgotten."""
        if version < self._told_from:
            return None
        found: list[tuple[int, int]] = []
        for begin, end in sorted((begin, end) for at, begin, end in self._recent if at > version):
            if found and begin <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], end)
            else:
                found.append((begin, end))
        return found

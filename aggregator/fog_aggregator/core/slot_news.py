"""Remember which slots of a table changed hands lately."""

from __future__ import annotations

from typing import Final

import numpy as np

from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.news import News

_GAP: Final = 64
"""Slots that are no further apart are told as one range."""


class SlotNews(News[tuple[int, int]]):
    """Tell the ranges of slots that were handed out or given back since a version. Not thread-safe."""

    def note(self, slots: Int64s) -> None:
        """Note that some slots changed hands, or what is told of them; they need not be in order."""
        if not len(slots):
            self.add()
            return
        ordered = np.sort(slots)
        cuts = np.flatnonzero(np.diff(ordered) > _GAP)
        begins, ends = ordered[np.append(0, cuts + 1)].tolist(), ordered[np.append(cuts, len(ordered) - 1)].tolist()
        self.add(*((begin, end + 1) for begin, end in zip(begins, ends, strict=True)))

    def since(self, version: int) -> list[tuple[int, int]] | None:
        """Return the ranges that changed after a version, ascending and apart; None when that is forgotten."""
        changed = self.after(version)
        if changed is None:
            return None
        found: list[tuple[int, int]] = []
        for begin, end in sorted(changed):
            if found and begin <= found[-1][1]:
                found[-1] = found[-1][0], max(found[-1][1], end)
            else:
                found.append((begin, end))
        return found

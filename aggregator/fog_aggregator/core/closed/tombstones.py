"""Remember epochs that were closed, so that a frame that is read again counts no second time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fog_aggregator.core.saved import Saved, as_flag, as_integer, as_number, as_path
from fog_schema.paths import Path

_SPARE: Final = 1000
"""So many more there may be until the next sweep."""


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An epoch that was closed.

    Attributes:
        expires: when it is forgotten, in observed time.
        final: it ended in good order: all its frames are ignored (R12.13); else its next keyframe is its baseline.
        seq: the last frame that was counted: one that is read again is no return (R12.16).
    """

    expires: float
    final: bool
    seq: int


class Tombstones:
    """The tombstones of a fleet.

    Attributes:
        limit: how many there may be.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._stones: dict[tuple[Path, int], Tombstone] = {}

    def __len__(self) -> int:
        return len(self._stones)

    def __iter__(self) -> Iterator[tuple[Path, int]]:
        return iter(self._stones)

    def get(self, where: Path, epoch: int) -> Tombstone | None:
        """Return the tombstone of an epoch."""
        return self._stones.get((where, epoch))

    def add(self, where: Path, epoch: int, stone: Tombstone) -> None:
        """Remember an epoch that was closed."""
        self._stones[where, epoch] = stone
        if len(self._stones) > self.limit + max(self.limit // 8, _SPARE):
            self._drop_excess()

    def remove(self, where: Path, epoch: int) -> bool:
        """Forget an epoch that has come back; return whether it was remembered."""
        return self._stones.pop((where, epoch), None) is not None

    def expire(self, observed: float) -> None:
        """Forget tombstones whose time is over, and those beyond the limit.

        Of the latter the paths with most tombstones lose theirs first: no path can have another's forgotten.
        """
        self._stones = {key: stone for key, stone in self._stones.items() if stone.expires > observed}
        self._drop_excess()

    def _drop_excess(self) -> None:
        excess = len(self._stones) - self.limit
        if excess > 0:
            crowd = Counter(where for where, _ in self._stones)
            first = sorted(self._stones.items(), key=lambda item: (-crowd[item[0][0]], item[1].expires))
            for key, _ in first[:excess]:
                del self._stones[key]

    def image(self) -> Saved:
        """Return all tombstones."""
        return Saved({"stones": [(*key, one.expires, one.final, one.seq) for key, one in self._stones.items()]})

    def restore(self, saved: Saved) -> None:
        """Take over the tombstones of a checkpoint."""
        for where, epoch, expires, final, seq in saved.records(
            "stones", as_path, as_integer, as_number, as_flag, as_integer
        ):
            self._stones[where, epoch] = Tombstone(expires, final, seq)

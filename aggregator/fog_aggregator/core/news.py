"""Remember what changed lately, so that whoever has laid out the whole can follow."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

T = TypeVar("T")

MOST: Final = 4096
"""So many changes are remembered; after more, the whole is looked at anew."""


class News(Generic[T]):
    """Tell what changed since a version. Not thread-safe.

    Attributes:
        version: grows with each change.
    """

    def __init__(self) -> None:
        self.version = 0
        self._recent: deque[tuple[int, T]] = deque()
        self._told_from = 0

    def add(self, *changes: T) -> None:
        """Note changes that were made at once; without any, one that tells nothing."""
        self.version += 1
        self._recent.extend((self.version, change) for change in changes)
        while len(self._recent) > MOST:
            self._told_from = self._recent.popleft()[0]

    def forget(self) -> None:
        """Note changes that are not told."""
        self.version += 1
        self._recent.clear()
        self._told_from = self.version

    def after(self, version: int) -> list[T] | None:
        """Return the changes after a version, in their order; None when that is forgotten."""
        if version < self._told_from:
            return None
        found = []
        for at, change in reversed(self._recent):
            if at <= version:
                break
            found.append(change)
        return found[::-1]

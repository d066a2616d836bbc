"""Remember what was opened, the newest of it, within bytes."""

from __future__ import annotations

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """Something that knows what it takes."""

    @property
    def bytes(self) -> int:
        """Return its bytes."""


T = TypeVar("T", bound=Sized)


class Opened(Generic[T]):
    """Remember packed bytes as they are when they are opened.

    Args:
        limit: bytes of all of them, packed and opened.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._known: OrderedDict[bytes, T] = OrderedDict()

    def get(self, packed: bytes) -> T | None:
        """Return the opened one, if it is remembered."""
        known = self._known.get(packed)
        if known is not None:
            self._known.move_to_end(packed)
        return known

    def add(self, packed: bytes, opened: T) -> None:
        """Remember one; those that were asked for least lately make room for it."""
        self._known[packed] = opened
        self._bytes += len(packed) + opened.bytes
        while self._bytes > self._limit:
            oldest, known = self._known.popitem(last=False)
            self._bytes -= len(oldest) + known.bytes

    def clear(self) -> None:
        """Forget all of them."""
        self._known.clear()
        self._bytes = 0

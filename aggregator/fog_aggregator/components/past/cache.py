"""Remember answers about the past, the last used ones, within a size."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from fog_aggregator.past.answer import Answer
from fog_schema.paths import Path


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer, and what it is the answer to.

    Attributes:
        path: the node's, or the subtree's.
        own: whether it is a node's own values.
        start: the first moment, unix seconds.
        until: the last moment, server's time.
        numbers: of the last frame of each writer when it was made.
        answer: the samples.
    """

    path: Path
    own: bool
    start: float
    until: float
    numbers: dict[tuple[Path, int], int]
    answer: Answer


class Cache:
    """The answers that were used last. Belongs to one event loop.

    Args:
        most: bytes of all of them together.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._bytes = 0
        self._answers: OrderedDict[tuple[Path, bool, float], Remembered] = OrderedDict()

    def find(self, path: Path, start: float, *, own: bool) -> Remembered | None:
        """Return the answer for a path that begins latest among those that begin early enough."""
        known = [key for key in self._answers if key[:2] == (path, own) and key[2] <= start]
        if not known:
            return None
        key = max(known)
        self._answers.move_to_end(key)
        return self._answers[key]

    def add(self, one: Remembered) -> None:
        """Remember an answer in place of the one for the same question; one that is too large is not remembered."""
        key = one.path, one.own, one.start
        before = self._answers.pop(key, None)
        self._bytes -= before.answer.bytes if before is not None else 0
        if one.answer.bytes > self._most:
            return
        self._answers[key] = one
        self._bytes += one.answer.bytes
        while self._bytes > self._most:
            _, oldest = self._answers.popitem(last=False)
            self._bytes -= oldest.answer.bytes

"""Flushes: whether what was counted before a call is in acknowledged frames. Pure.

A frame covers each flush that was asked for before the frame's values were read: a delta when it is encoded, a
keyframe when its first part is. The frames of an epoch are acknowledged in the order of their seq, so that one
acknowledged frame vouches for all before it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Flush:
    """One call of flush: its number, and the number of the last event recorded before it."""

    number: int
    last_event: int


class FlushLog:
    """Remember which frame covers which flush.

    Attributes:
        asked: number of the newest flush, 0 when there was none.
        covered: every flush up to this number is covered by acknowledged frames.
    """

    def __init__(self) -> None:
        self.asked = 0
        self.covered = 0
        self._encoded: deque[tuple[int, int]] = deque()  # seq of a frame, and the newest flush that it covers

    def ask(self, last_event: int) -> Flush:
        """Begin a flush."""
        self.asked += 1
        return Flush(self.asked, last_event)

    @property
    def pending(self) -> bool:
        """Whether a flush is asked for that no acknowledged frame covers."""
        return self.asked > self.covered

    @property
    def uncovered(self) -> bool:
        """Whether a flush is asked for that no encoded frame covers."""
        return self.asked > (self._encoded[-1][1] if self._encoded else self.covered)

    def encoded(self, seq: int, number: int) -> None:
        """Note that the frame `seq` covers the flushes up to `number`."""
        if number > (self._encoded[-1][1] if self._encoded else self.covered):
            self._encoded.append((seq, number))

    def acknowledged(self, seq: int) -> None:
        """Note that every frame up to `seq` is in the stream."""
        while self._encoded and self._encoded[0][0] <= seq:
            self.covered = self._encoded.popleft()[1]

    def dropped(self) -> None:
        """Forget frames that were encoded and are not sent any more: they cover nothing."""
        self._encoded.clear()

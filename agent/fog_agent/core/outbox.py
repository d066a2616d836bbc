"""Frames that are encoded and not yet acknowledged. Pure, and bounded: in frames, in bytes and in age."""

from __future__ import annotations

from collections import deque
from typing import Final

from fog_agent.core.writer import Encoded

MAX_FRAMES: Final = 64
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_AGE: Final = 3600.0


class Outbox:
    """A queue of frames in the order of their seq; the head is the one in flight.

    When a bound is passed everything goes, the one in flight included: the next frame is a keyframe, which says
    all of it in one. Resolution is lost, counts are not. Not thread-safe.
    """

    def __init__(self, max_frames: int = MAX_FRAMES, max_bytes: int = MAX_BYTES, max_age: float = MAX_AGE) -> None:
        self._bounds = (max_frames, max_bytes, max_age)
        self._frames: deque[tuple[float, Encoded]] = deque()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def head(self) -> Encoded | None:
        """The frame to send, again and again until it is acknowledged."""
        return self._frames[0][1] if self._frames else None

    def push(self, frame: Encoded, now: float) -> None:
        """Queue a frame at `now`, monotonic seconds."""
        self._frames.append((now, frame))
        self.bytes += len(frame.data)

    def acknowledged(self, frame: Encoded) -> bool:
        """Take the head off if it is `frame`; False when it was dropped while its acknowledgement was under way."""
        if self.head is not frame:
            return False
        self._frames.popleft()
        self.bytes -= len(frame.data)
        return True

    def drop_if_over(self, now: float) -> int:
        """Drop everything when a bound is passed; return how many frames were dropped."""
        max_frames, max_bytes, max_age = self._bounds
        oldest = self._frames[0][0] if self._frames else now
        if len(self._frames) <= max_frames and self.bytes <= max_bytes and now - oldest <= max_age:
            return 0
        return self.clear()

    def clear(self) -> int:
        """Drop everything; return how many frames were dropped."""
        dropped = len(self._frames)
        self._frames.clear()
        self.bytes = 0
        return dropped

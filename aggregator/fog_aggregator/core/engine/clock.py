"""Tell the time of a stream's server, by an offset to the reader's monotonic clock, and judge what messages say of it.

Age is never measured between two stamps: the clock may have been set between them, and another server may have written
one of them. Times called `now` are monotonic seconds.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from operator import attrgetter, ne
from typing import Final, NamedTuple

from fog_bus.ports import Message

STEP_SECONDS: Final = 5.0
"""A stamp may be off by so much; an offset that changes by more is a step of the clock."""
RECENT_SECONDS: Final = 10.0
"""The offset follows what the server's clock said in so many of the last seconds …"""
FEWEST_LOOKS: Final = 3
"""… and at so many of the last looks, so that a clock that is wrong for a moment is not believed."""
PROMPT_SECONDS: Final = 3.0
"""A message that was stored within so many seconds tells what its server's clock says now."""
LOOK_SECONDS: Final = 1.0
"""Messages tell it so often at most."""
_TOLERANCE: Final = int(STEP_SECONDS * 1e9)
_ALWAYS: Final = (-(2**63), 2**63)
_stamp: Final = attrgetter("timestamp_ns")
seq_of: Final = attrgetter("seq")


class ServerClock:
    """The clock of the server that stores a stream's messages, as a reader sees it. `now` is monotonic seconds.

    Attributes:
        offset: The server's time at monotonic time 0, unix seconds; None while it is not known.
        steps: How often the clock has stepped.
    """

    def __init__(self) -> None:
        self.offset: float | None = None
        self.steps = 0
        self._looks: deque[tuple[float, float]] = deque()
        self._is_new = False

    def note(self, timestamp: float, now: float) -> None:
        """Take what the clock said at `now`, unix seconds; the first word is believed, and 0 is none."""
        if not timestamp:
            return
        looks = self._looks
        looks.append((now, timestamp - now))
        while len(looks) > FEWEST_LOOKS and looks[0][0] < now - RECENT_SECONDS:
            looks.popleft()
        self._is_new = True
        if self.offset is None:
            self.offset = timestamp - now

    def follow(self) -> float:
        """Let the offset become the median of recent looks; return by how many seconds the clock stepped, 0 for none.

        Of two in the middle the one nearer to what was believed counts.
        """
        if not self._is_new or self.offset is None:
            return 0.0
        self._is_new = False
        offsets = sorted(offset for _, offset in self._looks)
        middle = offsets[(len(offsets) - 1) // 2], offsets[len(offsets) // 2]
        before = self.offset
        self.offset = min(middle, key=lambda offset: abs(offset - before))
        if abs(self.offset - before) <= STEP_SECONDS:
            return 0.0
        self.steps += 1
        return self.offset - before

    def now(self, now: float) -> float:
        """Return the server's time at `now`, unix seconds; 0 while it is not known."""
        return 0.0 if self.offset is None else self.offset + now

    def earliest(self, now: float) -> float:
        """Return the earlier of the times that are believed and that were said last; 0 while neither is known."""
        last = self._looks[-1][1] + now if self._looks else math.inf
        return min(self.now(now), last)


class Dates:
    """Judge the times of one stream's messages: none was stored after it was read, nor before all before it was read.

    A server whose clock is wrong for a moment stamps messages so; they must not be taken for ones of another day.

    Args:
        last_stamp: The time of the last message that was read, nanoseconds; 0 for none.

    Attributes:
        clock: The clock of the server that stores the messages.
        last: The server's time of the last message that was read, unix seconds; 0 for none.
        misdated: How many messages bore a time at which they cannot have been stored.
    """

    def __init__(self, last_stamp: int = 0) -> None:
        self.clock = ServerClock()
        self.last = last_stamp / 1e9
        self.misdated = 0
        self._drained_at: float | None = None
        self._looked_at = -float("inf")

    def begin(self, now: float, server_time: float, *, goes_on: bool) -> None:
        """Begin to read: where it was left, or other messages.

        Meanwhile an older copy of the stream may have been put back, in which messages follow on the last one that are
        as old as they say. Only where the server's clock is another one by now do their times prove nothing.

        Args:
            now: Monotonic seconds.
            server_time: The time that the server tells now, unix seconds.
            goes_on: The last message that was read is known; else other messages are read.
        """
        if not goes_on:
            self.forget()
        elif self.clock.offset is not None:
            believed = self.clock.now(now)
            self.last = min(self.last, believed)
            if abs(server_time - believed) <= STEP_SECONDS:
                self._drained_at = None

    def forget(self) -> None:
        """Forget what was read, as other messages are read now."""
        self.last, self._drained_at = 0.0, None

    def drained(self, now: float) -> None:
        """Take note that nothing is unread: whatever comes is stored after this moment."""
        self._drained_at = now

    def judge(self, messages: Sequence[Message], now: float) -> Sequence[Message]:
        """Return messages that were read just now, with times at which they can have been stored; count the others."""
        earliest, latest = span = self._span(now)
        if earliest - _TOLERANCE <= min(map(_stamp, messages)) and max(map(_stamp, messages)) <= latest + _TOLERANCE:
            return messages
        judged = [message._replace(timestamp_ns=_within(message.timestamp_ns, span)) for message in messages]
        self.misdated += sum(map(ne, map(_stamp, messages), map(_stamp, judged)))
        return judged

    def read(self, stamp: int, now: float) -> None:
        """Take note of the time of the last message read; one that was stored just now tells the server's time."""
        self.last = _within(stamp, self._span(now)) / 1e9
        prompt = self._drained_at is not None and now - self._drained_at <= PROMPT_SECONDS
        if prompt and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self.clock.note(stamp / 1e9, now)

    def follow(self) -> float:
        """Believe what the server's clock said lately; return by how many seconds it has stepped, 0 for none."""
        step = self.clock.follow()
        self.last += step if self.last else 0.0
        return step

    def plausible(self, timestamp: float, at: float) -> float:
        """Return what the server said its time was at a moment; when that is far off, what is believed."""
        believed = self.clock.now(at)
        return timestamp if abs(timestamp - believed) <= STEP_SECONDS else believed

    def _span(self, now: float) -> tuple[int, int]:
        """Return between which times messages can have been stored that are read now, in the server's nanoseconds."""
        offset = self.clock.offset
        if offset is None:
            return _ALWAYS
        earliest = _ALWAYS[0] if self._drained_at is None else int((self._drained_at + offset) * 1e9)
        return earliest, int((now + offset) * 1e9)


class Dated(NamedTuple):
    """A batch of one stream, with the times that were judged when it was handed over first.

    Args:
        messages: The batch as it was read.
        judged: The same messages with times that can be true.
    """

    messages: Sequence[Message]
    judged: Sequence[Message]

    def part(self, messages: Sequence[Message]) -> Sequence[Message] | None:
        """Return what was judged of some of the batch's messages that follow each other; None for any others."""
        if not messages:
            return None
        begin = bisect_left(self.messages, messages[0].seq, key=seq_of)
        end = begin + len(messages)
        if end > len(self.messages):
            return None
        if self.messages[begin] is not messages[0] or self.messages[end - 1] is not messages[-1]:
            return None
        return messages if self.judged is self.messages else self.judged[begin:end]

    def after(self, messages: Sequence[Message]) -> Dated:
        """Return what is still needed when some messages were applied: nothing, once the last one of the batch was."""
        return NOTHING_DATED if messages and self.messages and messages[-1] is self.messages[-1] else self


NOTHING_DATED: Final = Dated((), ())


def _within(stamp: int, span: tuple[int, int]) -> int:
    """Return a time as it is, or the end of the span that it is beyond."""
    earliest, latest = span
    return stamp if earliest - _TOLERANCE <= stamp <= latest + _TOLERANCE else min(max(stamp, earliest), latest)

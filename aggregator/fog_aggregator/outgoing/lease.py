"""Decide who of a pair sends to a receiver: whoever writes a key again and again. Pure: `now` is monotonic seconds.

No clock is compared with another one. A key whose revision was the same for a whole term, by the watch of one that
looks at it, is nobody's any more. Its holder counts from before its last write was sent, so that its time is over
first.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.core.saved import Saved

EARLIER: Final = 0.2
"""The part of the term by which who has the key ends before others may take it: requests take a while to stop."""
WRITES: Final = 4
"""So often in a term the key is written."""


@dataclass(frozen=True, slots=True)
class Word:
    """The value of a key.

    Attributes:
        holder: The one that sends; empty when it has let go of the key.
        sent: How far it got, as `Sending.image` has it; empty where that is not known.
    """

    holder: str
    sent: Saved = field(default_factory=Saved)

    def data(self) -> bytes:
        """Return it as bytes."""
        return json.dumps({"holder": self.holder, "sent": self.sent.plain}).encode()


def read_word(data: bytes) -> Word | None:
    """Read the value of a key; None for one that was deleted, or that somebody else has written."""
    try:
        match json.loads(data):
            case {"holder": str(holder), "sent": dict(sent)}:
                return Word(holder, Saved(sent))
    except (ValueError, RecursionError):
        pass
    return None


class Lease:
    """One key, as one of those that want it knows it. Not thread-safe.

    Args:
        own: Names this process, and no other.
        term: Seconds after which the key is nobody's.
    """

    def __init__(self, own: str, term: float) -> None:
        self.own = own
        self.term = term
        self._revision = -1
        self._since = 0.0
        self._until = 0.0

    def is_held(self, now: float) -> bool:
        """Tell whether this process may send."""
        return now < self._until

    def seconds_left(self, now: float) -> float:
        """Return for how long it may."""
        return max(0.0, self._until - now)

    def may_write(self, revision: int, word: Word | None, now: float) -> bool:
        """Take what the key has; tell whether it is ours to write.

        Args:
            revision: Of the key; 0 where it was never written, or its bucket is new.
            word: Its value; None for none.
            now: When it was asked for, at the latest.
        """
        if revision != self._revision:
            self._revision, self._since = revision, now
        if word is not None and word.holder not in {"", self.own}:
            self._until = 0.0
        elif word is not None or self.is_held(now):
            return True  # let go of, or ours, perhaps by a write without an answer; or deleted while it is ours
        return now - self._since >= self.term

    def written(self, revision: int, sent_at: float) -> None:
        """Take note that our word is there, and when it was sent at the earliest."""
        self._revision, self._since = revision, sent_at
        self._until = sent_at + self.term * (1 - EARLIER)

    def end(self) -> None:
        """Send no more."""
        self._until = 0.0

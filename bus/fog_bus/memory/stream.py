"""A stream of JetStream as it was seen to behave, and no better. Pure: the clock is handed in.

It keeps messages by sequence and time, and it may lose them: its end, all of it, its beginning; an older copy may be
put back. A publish may be lost, late or stored twice, and its acknowledgement may be lost.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import dropwhile
from typing import Final

from fog_bus.filters import matches
from fog_bus.ports import Message, Outcome, Publish, Refusal, StreamInfo
from fog_bus.streams import StreamSettings

LONGEST_DELAY: Final = 3_600.0
"""Seconds that the network may hold on to a message that it delivers after all."""

_MOMENT_NS: Final = 1_000_000
"""Messages of one moment of the clock are stamped one after the other; one from before that says it was set back."""
_MOST_IDS: Final = 10_000
"""Ids of messages that are remembered; a server remembers those of the last two minutes."""


class Fate(Enum):
    """The fate of a publish: what the stream holds, and what the publisher is told."""

    STORED = "stored, acknowledged"
    ACK_LOST = "stored, the acknowledgement is lost"
    LOST = "lost"
    DELAYED = "delayed, not acknowledged"
    STORED_TWICE = "stored twice, acknowledged"
    STORED_AND_DELAYED = "stored, acknowledged, and stored once more later"
    REFUSED = "refused"


def _last_of(messages: Sequence[Message], subjects: Sequence[str]) -> int:
    """Return the sequence of the last message of some subjects, or of all; 0 for none."""
    if not subjects:
        return messages[-1].seq if messages else 0
    return next((one.seq for one in reversed(messages) if any(matches(name, one.subject) for name in subjects)), 0)


@dataclass(slots=True)
class _Contents:
    created: str
    messages: list[Message] = field(default_factory=list)
    last_seq: int = 0
    ids: dict[str, None] = field(default_factory=dict)

    def replaced(self, messages: list[Message]) -> _Contents:
        return _Contents(self.created, messages, self.last_seq, dict(self.ids))


@dataclass(slots=True)
class _Copies:
    """The copies of a store that were made, and when one of them was put back, seconds since 1970."""

    made: list[_Contents] = field(default_factory=list)
    in_use_since: float | None = None


class MemoryStream:
    """One stream.

    Args:
        settings: Its name, what it takes, and for how long. Bytes are not limited.
        clock: Seconds since 1970.

    Attributes:
        refusal: Why every publish is refused now; None while none is.
        disruptions: How often the server went away: a reader then looks again at what the stream is.
        watchers: Called after each change with the messages that were removed.
        ahead: How far the server's clock is ahead of the true one, seconds.
    """

    def __init__(self, settings: StreamSettings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.refusal: Refusal | None = None
        self.disruptions = 0
        self.ahead = 0.0
        self.watchers: list[Callable[[Sequence[Message]], None]] = []
        self._clock = clock
        self._lives = itertools.count(1)
        self._contents = self._begin()
        self._copies = _Copies()
        self._delayed: list[tuple[float, str, bytes]] = []
        self._last_ns = 0
        self._bytes = 0

    @property
    def name(self) -> str:
        """The stream's name."""
        return self.settings.name

    @property
    def messages(self) -> Sequence[Message]:
        """The messages that it holds, in the order of sequences."""
        return self._contents.messages

    @property
    def last_seq(self) -> int:
        """The sequence of the last message stored."""
        return self._contents.last_seq

    def read(self, seq: int, most: int) -> list[Message]:
        """Return the first messages at or after a sequence, `most` of them at most."""
        messages = self._contents.messages
        if not messages or seq > messages[-1].seq:
            return []
        at = max(0, seq - messages[0].seq)  # no deletions in the middle: sequences have no hole
        return messages[at : at + most]

    def timestamp_of(self, seq: int) -> int:
        """Return when a message was stored, nanoseconds since 1970; 0 for no such message."""
        found = self.read(seq, 1)
        return found[0].timestamp_ns if found and found[0].seq == seq else 0

    def info(self, subjects: Sequence[str] = ()) -> StreamInfo:
        """Tell what the server tells of it, and of some subjects' last message; of all without them."""
        contents, now = self._contents, self._server_time()
        messages = contents.messages
        return StreamInfo(
            created=contents.created,
            first_seq=messages[0].seq if messages else contents.last_seq + 1,
            last_seq=contents.last_seq,
            messages=len(messages),
            bytes=self._bytes,
            first_timestamp=messages[0].timestamp if messages else 0.0,
            max_bytes=None,
            max_age=self.settings.max_age,
            now=now,
            tail=_last_of(messages, subjects),
            subjects=self.settings.subjects,
        )

    # Publishers

    def publish(self, subject: str, data: bytes, fate: Fate = Fate.STORED) -> Publish:
        """Take a message, or not, as `fate` says; return what its publisher is told."""
        refusal = self.refusal or (Refusal.OTHER if fate is Fate.REFUSED else None)
        if refusal is not None:
            return Publish(Outcome.REFUSED, refusal, "refused, as a test wants it")
        if fate in (Fate.DELAYED, Fate.STORED_AND_DELAYED):
            self._delayed.append((self._clock(), subject, data))
        if fate in (Fate.LOST, Fate.DELAYED):
            return Publish(Outcome.TIMEOUT)
        for _ in range(2 if fate is Fate.STORED_TWICE else 1):
            self._store(subject, data)
        if fate is Fate.ACK_LOST:
            return Publish(Outcome.TIMEOUT)
        return Publish(Outcome.ACKED, stream=self.name, seq=self.last_seq)

    def knows(self, message_id: str) -> bool:
        """Tell whether a message of an id was taken before, and remember it; one without an id never was."""
        ids = self._contents.ids
        known = message_id in ids
        if message_id:
            ids[message_id] = None
        if len(ids) > _MOST_IDS:
            del ids[next(iter(ids))]
        return known

    def deliver_delayed(self, number: int = 0) -> None:
        """Let one of the delayed messages arrive, unless it has been on its way for more than an hour."""
        if self._delayed:
            sent, subject, data = self._delayed.pop(number % len(self._delayed))
            if self.refusal is None and self._clock() - sent < LONGEST_DELAY:
                self._store(subject, data)

    # Faults of the store

    def expire(self) -> None:
        """Remove what is older than the stream keeps; in an older copy the server has not looked yet.

        It has after as long as the stream keeps messages: whatever was stored since the copy was put back goes in time.
        """
        since = self._copies.in_use_since
        if since is not None and self._clock() - since <= self.settings.max_age:
            return
        oldest = (self._server_time() - self.settings.max_age) * 1e9
        messages = self._contents.messages
        if messages and messages[0].timestamp_ns < oldest:
            retained = dropwhile(lambda message: message.timestamp_ns < oldest, messages)
            self._become(self._contents.replaced(list(retained)))

    def trim(self, count: int) -> None:
        """Remove the oldest messages: there are too many bytes."""
        self._become(self._contents.replaced(self._contents.messages[count:]))

    def roll_back(self, count: int) -> None:
        """Lose the last messages, acknowledged or not: a power failure, a flipped bit."""
        contents = self._contents
        if contents.messages:
            retained = contents.messages[:-count]
            contents = _Contents(contents.created, retained, retained[-1].seq if retained else 0)
        self._copies.in_use_since = None
        self._disrupt(contents)

    def wipe(self) -> None:
        """Lose the store, and make the stream anew."""
        self._disrupt(self._begin())

    def copy(self) -> None:
        """Copy the store."""
        self._copies.made.append(self._contents.replaced(list(self._contents.messages)))

    def put_back(self, number: int = -1) -> None:
        """Put an older copy of the store back, however old; without any, the server has only restarted."""
        contents = self._contents
        if made := self._copies.made:
            copy = made[number % len(made)]
            contents = copy.replaced(list(copy.messages))
            self._copies.in_use_since = self._clock()
        self._disrupt(contents)

    def disrupt(self) -> None:
        """Restart the server: readers end, and begin anew."""
        self._disrupt(self._contents)

    def _begin(self) -> _Contents:
        return _Contents(f"{self.settings.name} {next(self._lives)}")

    def _disrupt(self, contents: _Contents) -> None:
        self.disruptions += 1
        self._become(contents)

    def _become(self, contents: _Contents) -> None:
        retained = set(contents.messages)
        removed = [message for message in self._contents.messages if message not in retained]
        self._contents = contents
        self._bytes = sum(len(message.data) for message in contents.messages)
        self._tell(removed)

    def _store(self, subject: str, data: bytes) -> None:
        now_ns = round(self._server_time() * 1e9)
        same_moment = now_ns <= self._last_ns < now_ns + _MOMENT_NS
        self._last_ns = self._last_ns + 1 if same_moment else now_ns
        self._contents.last_seq += 1
        self._contents.messages.append(Message(subject, data, self._contents.last_seq, self._last_ns))
        self._bytes += len(data)
        self._tell([])

    def _server_time(self) -> float:
        return self._clock() + self.ahead

    def _tell(self, removed: Sequence[Message]) -> None:
        for watcher in self.watchers:
            watcher(removed)

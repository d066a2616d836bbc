"""A JetStream stream as it was seen to behave (and no better), and a network that loses, repeats and delays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from fog_bus.nats.api import parse_stream_info
from fog_bus.ports import Message, StreamInfo

MAX_AGE: Final = 3 * 86_400.0
LONGEST_DELAY: Final = 3_600.0
"""How long the network may hold on to a message that it delivers after all."""


class Fate(Enum):
    """What becomes of a publish."""

    FINE = "stored, acknowledged"
    ACK_LOST = "stored, the acknowledgement is lost"
    LOST = "lost"
    LATE = "delayed, not acknowledged"
    TWICE = "stored twice, acknowledged"
    AGAIN = "stored, acknowledged, and once more later"


_FATES: Final[tuple[Fate, ...]] = (Fate.FINE, Fate.FINE, Fate.FINE, *Fate)


def fate(number: int) -> Fate:
    """One of them, more often a good one."""
    return _FATES[number % len(_FATES)]


class Stream:
    """One stream.

    Attributes:
        created: what tells it from another of the same name.
        messages: what it holds, in the order of their sequence.
        last_seq: the sequence of the last message stored.
        refusing: it is full, or there is no server.
        removed: what it held once and lost, was it only for a while.
        disruptions: how often the server went away: a reader notices, and looks again at what the stream is.
        losses: how often it has lost something.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self.messages: list[Message] = []
        self.last_seq = 0
        self.refusing = False
        self.removed: set[bytes] = set()
        self.disruptions = 0
        self.losses = 0
        self._clock = clock
        self._made = 1
        self.created = f"{name} 1"
        self._late: list[tuple[float, str, bytes]] = []
        self._old = False
        self._copies: list[tuple[str, list[Message], int]] = []
        self._last_ns = 0

    def publish(self, subject: str, data: bytes, what: Fate) -> bool:
        """Whether it was acknowledged."""
        if self.refusing or what is Fate.LOST:
            return False
        if what in (Fate.LATE, Fate.AGAIN):
            self._late.append((self._clock(), subject, data))
        if what is Fate.LATE:
            return False
        self._store(subject, data)
        if what is Fate.TWICE:
            self._store(subject, data)
        return what is not Fate.ACK_LOST

    def deliver_late(self, number: int) -> None:
        """One of the delayed messages arrives."""
        if self._late:
            sent, subject, data = self._late.pop(number % len(self._late))
            if not self.refusing and self._clock() - sent < LONGEST_DELAY:
                self._store(subject, data)

    def refuse(self, *, refusing: bool) -> None:
        """It is full, or there is no server, or not any more."""
        self.refusing = refusing

    def expire(self) -> None:
        """Drop what is older than the stream keeps; of an older copy the server has not looked yet."""
        if self._old:
            return
        oldest = (self._clock() - MAX_AGE) * 1e9
        self._become([message for message in self.messages if message.timestamp_ns >= oldest])

    def lose(self, count: int) -> None:
        """Lose the last messages, acknowledged or not: a power failure, a flipped bit."""
        if self.messages:
            self._become(self.messages[:-count])
            self.last_seq = self.messages[-1].seq if self.messages else 0
        self._old = False
        self.disruptions += 1

    def copy(self) -> None:
        """Somebody copies the store."""
        self._copies.append((self.created, list(self.messages), self.last_seq))

    def put_back(self, number: int) -> None:
        """An older copy of the store is put back, however old."""
        if self._copies:
            self.created, messages, self.last_seq = self._copies[number % len(self._copies)]
            self._become(list(messages))
            self._old = True
        self.disruptions += 1

    def wipe(self) -> None:
        """The store is lost, and the stream made anew."""
        self._made += 1
        self.created = f"{self.name} {self._made}"
        self._become([])
        self.last_seq = 0
        self.disruptions += 1

    def trim(self, count: int) -> None:
        """The oldest messages go: there are too many bytes."""
        self._become(self.messages[count:])

    def info(self) -> StreamInfo:
        """What the server tells of it."""
        first = self.messages[0].timestamp if self.messages else 0.0
        return parse_stream_info(
            {
                "created": self.created,
                "ts": _rfc3339(self._clock()),
                "config": {"subjects": ["fog.v1.>"], "max_bytes": -1, "max_age": round(MAX_AGE * 1e9)},
                "state": {
                    "first_seq": self.messages[0].seq if self.messages else self.last_seq + 1,
                    "last_seq": self.last_seq,
                    "messages": len(self.messages),
                    "bytes": 0,
                    "first_ts": _rfc3339(first),
                },
            }
        )

    def _become(self, messages: list[Message]) -> None:
        gone = {message.data for message in self.messages} - {message.data for message in messages}
        self.removed |= gone
        self.losses += bool(gone)
        self.messages = messages

    def _store(self, subject: str, data: bytes) -> None:
        self._last_ns = max(self._last_ns + 1, round(self._clock() * 1e9))
        self.last_seq += 1
        self.messages.append(Message(subject, data, self.last_seq, self._last_ns))


def _rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of a fog; that of rollups is read where there are tiers."""

    metrics: Stream
    events: Stream
    rollups: Stream

    def every(self) -> list[Stream]:
        """All of them."""
        return [self.metrics, self.events, self.rollups]

    def pick(self, number: int, *, tiers: bool) -> list[Stream]:
        """One of them, or several: most of what happens to a server happens to all."""
        if tiers and number // 3 % 2:
            return ([self.rollups], [self.metrics, self.rollups], self.every())[number % 3]
        return ([self.metrics], [self.events], [self.metrics, self.events])[number % 3]

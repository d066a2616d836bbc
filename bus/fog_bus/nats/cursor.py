"""What a reader of a stream decides, apart from the reading: where to start, what a message is, what an answer says.

Pure. A stream is trusted with nothing: it may have lost its end, gone back in time and grown again past our position,
or be another of the same name. Reading anything twice does no harm, so whenever in doubt: from the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Self


class Position(NamedTuple):
    """How far a stream was read: what a checkpoint holds of it.

    Args:
        created: When the stream was made, as the server writes it; another stream of the same name has another.
        seq: The sequence of the last message that was handled.
        timestamp_ns: When the server stored that message, by which it is known again: nanoseconds since 1970; 0 while
            none was handled.
    """

    created: str
    seq: int
    timestamp_ns: int


class Message(NamedTuple):
    """One message of a stream."""

    subject: str
    data: bytes
    seq: int
    timestamp_ns: int
    """When the server stored it: nanoseconds since 1970."""

    @property
    def timestamp(self) -> float:
        """When the server stored it: seconds since 1970."""
        return self.timestamp_ns / 1e9


class Delivery(NamedTuple):
    """What the server tells of a message that it delivers."""

    seq: int
    """In the stream."""
    consumer_seq: int
    """In this consumer: 1, 2, 3, …"""
    timestamp_ns: int
    pending: int
    """How many more of this consumer's messages the stream has."""


class Discontinuity(StrEnum):
    """Why messages were missed, or are read again: the nodes should be asked for keyframes."""

    REPLACED = "replaced"
    """Another stream of the same name."""
    ROLLED_BACK = "rolled_back"
    """The stream lost its end, or an older copy of it was put back, grown past us or not."""
    TRIMMED = "trimmed"
    """Messages that were not read yet are gone."""
    MISSING = "missing"
    """There is no stream; it is waited for."""


class Start(NamedTuple):
    """Where to read from.

    Args:
        seq: The first sequence.
        known: Whether the message at `seq` is one we have handled: then it must bear the timestamp we remember.
        because: What happened to the stream, when something did.
    """

    seq: int
    known: bool = False
    because: Discontinuity | None = None


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """What the server tells of a stream. Times in seconds since 1970, ages in seconds; None where there is no limit."""

    created: str
    first_seq: int
    last_seq: int
    messages: int
    bytes: int
    first_timestamp: float
    """Of the oldest message; meaningless while there is none."""
    max_bytes: int | None
    max_age: float | None
    now: float
    """The server's clock when it answered."""

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Self:
        """Reads an answer to `STREAM.INFO`.

        Raises:
            KeyError, ValueError: It is not one.
        """
        config, state = answer["config"], answer["state"]
        return cls(
            created=answer["created"],
            first_seq=state["first_seq"],
            last_seq=state["last_seq"],
            messages=state["messages"],
            bytes=state["bytes"],
            first_timestamp=seconds(state["first_ts"]),
            max_bytes=config["max_bytes"] if config["max_bytes"] > 0 else None,
            max_age=config["max_age"] / 1e9 if config["max_age"] else None,
            now=seconds(answer["ts"]),
        )


def seconds(timestamp: str) -> float:
    """A time as the server writes it (RFC 3339, nanoseconds) in seconds since 1970."""
    return datetime.fromisoformat(timestamp).timestamp()


def where_to_start(position: Position | None, info: StreamInfo) -> Start:
    """Decides from what we have read and what the stream is now."""
    beginning = max(1, info.first_seq)
    if position is None:
        return Start(beginning)
    if info.created != position.created:  # also when nothing was read of the one before: it may have held something
        return Start(beginning, because=Discontinuity.REPLACED)
    if position.seq == 0:
        return Start(beginning)
    if info.last_seq < position.seq:
        return Start(beginning, because=Discontinuity.ROLLED_BACK)
    if info.first_seq > position.seq:
        lost = info.first_seq > position.seq + 1
        return Start(info.first_seq, because=Discontinuity.TRIMMED if lost else None)
    return Start(position.seq, known=True)


def is_known(message: Message, position: Position | None) -> bool:
    """Whether this is the message that was handled last, and not another one with its sequence."""
    return position is not None and (message.seq, message.timestamp_ns) == (position.seq, position.timestamp_ns)


def parse_delivery(reply: str) -> Delivery:
    """Reads the reply subject of a delivered message.

    `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<timestamp>.<pending>`: 9 tokens; with a domain and
    an account's hash before the stream 11, and a random token behind makes 12.

    Raises:
        ValueError: It is not one.
    """
    tokens = reply.split(".")
    match len(tokens):
        case 9:
            _, _, _, _, _, seq, consumer_seq, timestamp, pending = tokens
        case 11 | 12:
            seq, consumer_seq, timestamp, pending = tokens[7:11]
        case _:
            raise ValueError(f"not the reply subject of a delivery: {reply!r}")
    return Delivery(int(seq), int(consumer_seq), int(timestamp), int(pending))


def matcher(filters: Sequence[str]) -> Callable[[str], bool]:
    """What tells whether a subject passes any of the filters; each a subject, or all below one: `a.b.>`.

    Raises:
        ValueError: A filter has other wildcards.
    """
    if any("*" in name or ">" in name.removesuffix(".>") for name in filters):
        raise ValueError(f"filters may be subjects, or end in '.>': {', '.join(filters)}")
    exact = frozenset(filters)
    below = tuple(name.removesuffix(">") for name in filters if name.endswith(".>"))
    return lambda subject: not exact or subject.startswith(below) or subject in exact


def retention(info: StreamInfo) -> float | None:
    """Seconds that the stream keeps a message: by age, and by size at the rate of its filling; None without limits."""
    limits = [] if info.max_age is None else [info.max_age]
    if info.max_bytes is not None and info.bytes > 0:
        limits.append(info.max_bytes / info.bytes * max(0.0, info.now - info.first_timestamp))
    return min(limits, default=None)


def until_gap(position: Position | None, info: StreamInfo) -> float | None:
    """Seconds until the stream may remove what has not been read, if the reader stopped now; None when it never does.

    A reader at the stream's end has all the time that a message is kept.
    """
    kept = retention(info)
    if kept is None or info.messages == 0 or (position is not None and position.seq >= info.last_seq):
        return kept
    oldest_unread = (
        position.timestamp_ns / 1e9 if position is not None and position.timestamp_ns else info.first_timestamp
    )
    return max(0.0, kept - (info.now - oldest_unread))

"""What a bus is to agents and aggregators: values that say what became of a call, and the two ports.

`Bus` carries frames out and requests in; `Log` is a stream that is read from a position on. An adapter turns whatever
its transport says into these values: nothing above this room knows a transport.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple

RequestCallback = Callable[[str, bytes], None]
"""Called with a request's subject and payload, on the event loop."""


class Outcome(Enum):
    """What became of a publish."""

    ACKED = "acked"
    """It is in a stream."""
    TIMEOUT = "timeout"
    """No answer came in time; it may be in the stream."""
    DISCONNECTED = "disconnected"
    """There is no connection, or it ended before an answer came."""
    REFUSED = "refused"
    """It is not in a stream, and why is known."""


class Refusal(StrEnum):
    """Why a publish was refused."""

    NO_STREAM = "no_stream"
    FULL = "full"
    TOO_LARGE = "too_large"
    PERMISSION = "permission"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Publish:
    """The outcome of one publish.

    Args:
        outcome: What became of it.
        refusal: Why, when it was refused.
        text: What the server said, for people.
        stream: The stream that took it.
        seq: Its sequence there.
    """

    outcome: Outcome
    refusal: Refusal | None = None
    text: str = ""
    stream: str = ""
    seq: int = 0


class RequestError(Exception):
    """A request had no answer; `outcome` says why."""

    def __init__(self, subject: str, outcome: Publish) -> None:
        super().__init__(f"{subject}: {outcome.text or outcome.outcome.value}")
        self.outcome = outcome


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

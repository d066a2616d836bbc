"""What a bus is to agents and aggregators: values that say what became of a call, and the two ports.

`Bus` carries frames out and requests in; `Log` is a stream that is read from a position on. An adapter turns whatever
its transport says into these values: nothing above this room knows a transport.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple, Protocol

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
    tail: int
    """The last message that is there; 0 when none is. Deleted ones count, unless it was asked which are deleted."""
    deletions: int = 0
    """How many messages after the first are deleted."""


class LogError(Exception):
    """A log cannot be read on for now; `reason` is one word for a counter.

    `missing`: there is no such stream. `disconnected`: there is no connection. `timeout`, `refused`: what a call came
    to. `silent`, `hole`, `consumer`: the reader heard nothing, missed a message, or was ended by the server. A driver
    adds `changed` and `stalled`: the log is not what was read, or it grows and nothing comes.
    """

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class LogReader(Protocol):
    """The messages of a log from one sequence on. It ends with the first LogError; a new one is opened then."""

    @property
    def pending(self) -> int:
        """How many messages the log had beyond the last one returned, in the view of the replica that delivers."""

    async def next(self) -> list[Message]:
        """Wait until the log speaks; return the messages that came in order, none when it had none.

        Raises:
            LogError: Nothing more will come, or something is missing that should have come.
        """

    async def close(self) -> None:
        """Let go of the reader. Does not raise."""


class Log(Protocol):
    """A stream that is read from a sequence on, and that is trusted with nothing: `StreamCursor` judges what it is.

    Attributes:
        stream: The stream's name.
    """

    stream: str

    async def connected(self) -> None:
        """Wait until there is a connection."""

    async def info(self, *, beyond: int | None = None) -> StreamInfo:
        """Tell what the stream is now, by the word of its leader.

        Args:
            beyond: Look also for deleted messages at the stream's end, where it has messages after this sequence.

        Raises:
            LogError: Nobody told.
        """

    async def open(self, seq: int) -> LogReader:
        """Open a reader that begins with the first message at or after `seq`.

        Raises:
            LogError: It was refused, or not answered.
        """

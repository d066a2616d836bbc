"""The bus as agents and aggregators know it: values that say what became of a call, and the ports.

`Bus` carries frames out and requests in; `Log` is a stream that is read from a position on; `Transport` is both, with a
beginning and an end. An adapter turns whatever its transport says into these values: nothing above this room knows a
transport, but for the one line that chooses it (`fog_bus.transports`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from fog_bus.streams import Difference, StreamSettings

RequestCallback = Callable[[str, bytes], None]
"""Called with a request's subject and payload, on the event loop."""


class Outcome(Enum):
    """The kinds of outcomes of a publish."""

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
        outcome: Its kind.
        refusal: Why, when it was refused.
        text: The server's words, for people.
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
    APPEARED = "appeared"
    """A stream was found that was not read before."""
    GONE = "gone"
    """A stream that was read holds nothing of ours any more."""


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """A stream as the server describes it. Times in seconds since 1970, ages in seconds; None stands for no limit."""

    created: str
    first_seq: int
    last_seq: int
    messages: int
    bytes: int
    first_timestamp: float
    """Of the oldest message; meaningless while the stream is empty."""
    max_bytes: int | None
    max_age: float | None
    now: float
    """The server's clock when it answered."""
    tail: int
    """The last message that is there, of the log's subjects; 0 when none is.

    Deleted ones count, unless it was asked which are deleted, or the log is of some subjects alone.
    """
    deletions: int = 0
    """How many messages after the first are deleted."""
    subjects: tuple[str, ...] = ()
    """The filters of the subjects that it takes."""


class Share(NamedTuple):
    """How many messages of a stream are of one subject."""

    subject: str
    messages: int
    share: float
    """Of all messages of the stream, from 0 to 1."""


class Entry(NamedTuple):
    """The value of a key in a bucket. Its revision grows with each write; it is 0 where the key was never written."""

    revision: int
    data: bytes


NO_ENTRY: Final = Entry(0, b"")


class LogError(Exception):
    """A log cannot be read on for now; `reason` is one word for a counter.

    `missing`: there is no such stream. `disconnected`: there is no connection. `unavailable`: the servers have no
    leader at the moment. `timeout`, `refused`: what a call came to. `silent`, `hole`, `consumer`: the reader heard
    nothing, missed a message, or was ended by the server. A driver adds `changed` and `stalled`: the log is not what
    was read, or it grows and nothing comes.
    """

    def __init__(self, reason: str, text: str = "") -> None:
        super().__init__(text or reason)
        self.reason = reason


class Bus(Protocol):
    """The way out for frames, and in for requests. Belongs to one event loop; no method raises for what a server does.

    It keeps nothing for later: a publish that was not acknowledged is its caller's to repeat, byte for byte. So a
    message may be stored twice, late, or after a later one; receivers must not mind.
    """

    @property
    def max_payload(self) -> int | None:
        """The longest message in bytes that can be published now; None while there is no connection."""

    async def connected(self, deadline: float | None = None) -> bool:
        """Wait for a connection, at most `deadline` seconds; tell whether there is one.

        A caller with a deadline is in a hurry: an adapter tries more often while it waits.
        """

    async def publish(self, subject: str, payload: bytes, deadline: float) -> Publish:
        """Publish once, and wait at most `deadline` seconds for the word that a stream holds it.

        Only `ACKED` proves that. After `TIMEOUT` and `DISCONNECTED` a stream may hold it all the same; after `REFUSED`
        none does.
        """

    async def send(self, subject: str, payload: bytes, *, message_id: str = "") -> bool:
        """Publish without asking for an answer; return False when there is no connection. True proves nothing.

        Args:
            subject: The subject.
            payload: The bytes; some hundred fewer than `max_payload` when there is an id.
            message_id: A stream that has it takes no other one of this id for a while; empty for none.
        """

    async def listen(
        self, subjects: Iterable[str], callback: RequestCallback, *, instead: Mapping[str, str] | None = None
    ) -> None:
        """Call back for each message on any of `subjects`, from now on and after every reconnect.

        A subject that this user may not hear is replaced with the one that `instead` has for it, if it has one.

        An exception of the callback is logged, and the messages after it are delivered. Messages that come faster than
        callbacks return may be dropped, and so are those that come while there is no connection.
        """


class LogReader(Protocol):
    """The messages of a log from one place on. It ends with the first LogError; a new one is opened then."""

    @property
    def pending(self) -> int:
        """How many more of its messages the log had, in the view of the replica that delivers."""

    async def next(self) -> list[Message]:
        """Wait until the log speaks; return the messages that came in order, none when it had none.

        Raises:
            LogError: Nothing more will come, or something is missing that should have come.
        """

    async def close(self) -> None:
        """Let go of the reader. Does not raise."""


class Log(Protocol):
    """A stream that is read from a sequence on, and that is trusted with nothing: `StreamCursor` judges what it is.

    It may be of some subjects alone: then its readers get no others, and its tail is the last message of these.

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

    async def stored_at(self, seq: int) -> int:
        """Tell when the message of a sequence was stored, by the word of the stream's leader.

        Nanoseconds since 1970; 0 for no such message.

        Raises:
            LogError: Nobody told.
        """

    async def shares(self, most: int) -> list[Share]:
        """Tell which subjects have most of the stream's messages, `most` of them, the largest first.

        None of a stream of more than 100,000 subjects: the answer would be as long.

        Raises:
            LogError: Nobody told.
        """

    async def subjects(self, matching: str, skip: int = 0) -> list[str]:
        """Tell which of the subjects that a filter matches have messages, in order: at most 100,000, none at the end.

        Args:
            matching: The filter: `*` stands for one token, `>` at the end for one or more.
            skip: How many to leave out.

        Raises:
            LogError: Nobody told.
        """

    async def open(self, seq: int) -> LogReader:
        """Open a reader that begins with the first message at or after `seq`.

        Raises:
            LogError: It was refused, or not answered.
        """

    async def open_at(self, timestamp: float, subjects: Sequence[str]) -> LogReader:
        """Open a reader of some subjects' messages, to begin with the first one stored at or after a moment.

        The log forgets the reader when it is closed.

        Args:
            timestamp: Seconds since 1970, by the server's clock.
            subjects: The filters that a message's subject must match one of: `*` stands for one token, `>` at the end
                for one or more. None may match what another one matches.

        Raises:
            LogError: It was refused, or not answered.
        """


class Bucket(Protocol):
    """Values by key, which are read by the word of their leader, and written where nobody else has."""

    async def get(self, key: str) -> Entry:
        """Return the value of a key; raise LogError as `put`."""

    async def put(self, key: str, data: bytes, revision: int) -> int:
        """Write a value where the key has this revision; return the new one, 0 where it has another.

        It raises LogError where nobody told: it may be written or not. `missing`: there is no such bucket.
        """


class Transport(Bus, Protocol):
    """A bus with its logs, from its beginning to its end: what a composition root chooses once."""

    def log(self, stream: str, readers: Sequence[str] = (), subjects: Sequence[str] = (), *, rare: bool = False) -> Log:
        """Return the log of a stream, which need not exist yet.

        Args:
            stream: Its name.
            readers: The names that its readers may have, so many at once; any name without them.
            subjects: Filters of the subjects that are delivered; all without them.
            rare: Messages come seldom, and the server says half as often that none have.
        """

    def bucket(self, name: str) -> Bucket:
        """Return the bucket of that name, which need not exist yet."""

    async def holding(self, subjects: Sequence[str]) -> list[str]:
        """Return the names of the streams that take any subject of these filters, in order.

        Raises:
            LogError: `refused`: this user may not ask. Any other reason: nobody told.
        """

    @property
    def trouble(self) -> str:
        """Why there is no connection, and what to do, in a line for people; empty where nothing is wrong."""

    async def provide(self, settings: StreamSettings, *, update: bool = False) -> list[Difference]:
        """Create a stream if it does not exist; return what is different about one that does.

        Args:
            settings: The stream must be like them.
            update: Change what is different; return what still is.

        Raises:
            LogError: It was refused, or not answered.
        """

    async def examine(self, settings: StreamSettings) -> list[Difference] | None:
        """Return what is different about a stream, None when it does not exist. Nothing is changed.

        Raises:
            LogError: It was refused, or not answered.
        """

    async def run(self) -> None:
        """Keep the connection until `close`. Cancelled, it drops the connection, and may be run again."""

    def disown(self) -> None:
        """In a forked child, whose parent has the connection: let nothing that is done here reach the parent's."""

    async def close(self, deadline: float = 2.0) -> None:
        """Let what was published reach the server, at most `deadline` seconds, and end `run`."""

    async def __aenter__(self) -> Self:
        """Run until the end of the `with` block."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""


class Endpoint(Protocol):
    """Where a bus is, and who we are there: the options of a transport, beside `NatsOptions`."""

    def transport(self) -> Transport:
        """Return a transport to there, which connects once it runs.

        Raises:
            ValueError: The options cannot be used.
        """

"""The streams of a simulated fog: those of the bus in memory, with an account of what they have lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

from fog_aggregator.core.costs.accounts import Budget
from fog_aggregator.core.costs.slices import SLICE_SECONDS
from fog_aggregator.core.engine.clock import STEP_SECONDS
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_bus.memory import Fate, MemoryStream
from fog_bus.ports import Message, Outcome, Publish, Refusal
from fog_bus.streams import MAX_AGE, StreamSettings
from fog_proving.sim.books import PATHS, Books, Violation
from fog_proving.sim.reference_model import Lineage
from fog_schema.commands import FORGET, LIFT, QUARANTINE, REBASE, Command, decode_command, encode_command
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

SUBJECTS: Final = Subjects()
LONGEST: Final = 190
"""Bytes that a stream takes while it has a limit: room for any one series, also when 3/4 of it are tried."""
SKEWS: Final = (0.0, 40.0, 90.0, 3_600.0, -3_600.0, 30 * 86_400.0)
"""Seconds by which servers' clocks may be ahead."""
LONGEST_SMALL_STEP: Final = 7_200.0
"""Seconds of a step between any two of them but the last one."""
_DAYS: Final = 86_400.0
_EXACT: Final = 60.0
_FATES: Final = (
    *(Fate.STORED, Fate.STORED, Fate.STORED),
    *(Fate.STORED, Fate.ACK_LOST, Fate.LOST, Fate.DELAYED, Fate.STORED_TWICE, Fate.STORED_AND_DELAYED),
)
USUAL: Final = SLICE_SECONDS / 7.5
"""Seconds that a frame takes an aggregator: a history has many slices."""
TIGHT: Final = Budget(rate=0.01, most_saved=2.0, resumed_at=0.5)
"""The working time that a subject may take: much for what frames take otherwise, and little where they take long."""


def fate(number: int) -> Fate:
    """Pick one of them, more often a good one."""
    return _FATES[number % len(_FATES)]


class Stream(MemoryStream):
    """One stream.

    Attributes:
        refusal: The reason for which it refuses messages, if it does.
        max_bytes: The longest message that it takes, if it has a limit.
        removed: Payloads that it held once and lost, even if only for a while.
        losses: How often it has lost something.
        wipes: How often it was lost with its store.
        stepped: Whether its server's clock was ever set.
        ahead: How far that is ahead, seconds.
        images: Frames that machines repeated when they were restored; each tells whether series came or went since.
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        super().__init__(StreamSettings(name=name, subjects=("fog.v1.>",), max_age=MAX_AGE), clock)
        self.removed: set[bytes] = set()
        self.max_bytes: int | None = None
        self.losses = 0
        self.wipes = 0
        self.stepped = False
        self.images: dict[bytes, Callable[[], bool]] = {}
        self._stored_at: dict[tuple[int, int], float] = {}
        self.watchers.append(self._note)

    @property
    def refusing(self) -> bool:
        """Whether it is full, or the server is away."""
        return self.refusal is not None

    def wipe(self) -> None:
        """Lose the store; the stream is made anew."""
        super().wipe()
        self.wipes += 1

    def put_back(self, number: int = -1) -> None:
        """Put an older copy back, as `MemoryStream` does, unless a repeated frame in it were read after newer series.

        It would say that they were removed, and they would count twice: an epoch that is repeated is not repaired.
        """
        made = self._copies.made
        copy = made[number % len(made)].messages if made else ()
        if not any(message.data in self.images and self.images[message.data]() for message in copy):
            super().put_back(number)

    def refuse(self, *, refusing: bool) -> None:
        """Become full, or lose the server; or not any more."""
        self.refusal = Refusal.FULL if refusing else None

    def limit(self, how: int) -> None:
        """Take no message longer than some, or any again, as after another configuration."""
        self.max_bytes = LONGEST if how % 2 else None

    def set_clock(self, ahead: float) -> None:
        """Set its server's clock, wrong or right."""
        self.stepped = self.stepped or ahead != self.ahead
        self.ahead = ahead

    def stored_at(self, message: Message) -> float:
        """Return when a message was stored, whatever it bears."""
        return self._stored_at[message.seq, message.timestamp_ns]

    def _store(self, subject: str, data: bytes) -> None:
        super()._store(subject, data)
        last = self.messages[-1]
        self._stored_at[last.seq, last.timestamp_ns] = self._clock()

    def publish(self, subject: str, data: bytes, fate: Fate = Fate.STORED) -> Publish:
        """Take a message, as `MemoryStream` does; while refusing, half of the publishers find no server at all."""
        if self.refusing and len(data) % 2 == 0:
            return Publish(Outcome.DISCONNECTED)
        if self.max_bytes is not None and len(data) > self.max_bytes:
            return Publish(Outcome.REFUSED, Refusal.TOO_LARGE)
        return super().publish(subject, data, fate)

    def _note(self, removed: Sequence[Message]) -> None:
        if removed:
            gone = {message.data for message in removed} - {message.data for message in self.messages}
            self.removed |= gone
            self.losses += bool(gone)


@dataclass(frozen=True, slots=True)
class Streams:
    """The streams of a fog; that of rollups is read by the root of tiers, that of commands by it and the others."""

    metrics: Stream
    events: Stream
    rollups: Stream
    control: Stream

    def every(self) -> list[Stream]:
        """List all of them."""
        return [self.metrics, self.events, self.rollups, self.control]

    def pick(self, number: int, *, tiers: bool) -> list[Stream]:
        """Pick one of them, or several: most of what happens to a server happens to all."""
        if tiers and number // 3 % 2:
            return ([self.rollups], [self.metrics, self.rollups], self.every())[number % 3]
        return ([self.metrics], [self.events], [self.metrics, self.events, self.control])[number % 3]


class Clocks:
    """The clocks of the servers of one history.

    A frame that a server has stamped a month ahead, and that is read days later from an older copy of its stream, looks
    young to everybody: a clock is never days ahead where copies are made. A request to forget is of a stamp, and which
    nodes had departed by then depends on the clock; the two do not meet either.

    Args:
        streams: The streams of the servers.

    Attributes:
        slack: Seconds by which a frame may be older, or younger, than its stamp says.
    """

    def __init__(self, streams: Streams) -> None:
        self.slack = _EXACT
        self._streams = streams
        self._copied = self._forgotten = False

    @property
    def stepped(self) -> bool:
        """Whether a clock was ever set."""
        return any(stream.stepped for stream in self._streams.every())

    def set(self, who: int, how: int) -> None:
        """Set the clock of one server, of another, or of all: a stream's leader is one of them."""
        if self._forgotten:
            return
        streams, ahead = self._streams, SKEWS[how % len(SKEWS)]
        if ahead > _DAYS and self._copied:
            ahead = 0.0
        self.slack = max(self.slack, ahead + LONGEST_SMALL_STEP)
        for stream in ([streams.metrics], [streams.events, streams.rollups], streams.every())[who % 3]:
            stream.set_clock(ahead)

    def check(self, server_time: float, now: float) -> None:
        """Check that an aggregator knows the time of the server of metrics, however that was set.

        Raises:
            Violation: it does not.
        """
        is_told = now + self._streams.metrics.ahead
        if abs(server_time - is_told) > STEP_SECONDS:
            raise Violation(
                f"it is {is_told:.0f} by the server's clock, and an aggregator takes it for {server_time:.0f}"
            )

    def may_copy(self) -> bool:
        """Tell whether a stream may be copied, and note that it is."""
        allowed = self.slack < _DAYS
        self._copied = self._copied or allowed
        return allowed

    def may_forget(self) -> bool:
        """Tell whether a request to forget may be made, and note that it is."""
        allowed = not self.stepped
        self._forgotten = self._forgotten or allowed
        return allowed


def scope_of(path: Path = (), branches: tuple[Path, ...] = (), *, selective: bool = False) -> Scope:
    """Return what an aggregator is of: a subtree, and the branches of it that other aggregators publish.

    A selective one has the streams bring the frames of the nodes that are in no branch, and reads no others. That of a
    subtree reads no commands: its replicas would do them at moments that differ.
    """
    control = "" if path else "control"
    patterns = BranchPatterns(branches)
    places = tuple(sorted({one for one in PATHS if not patterns.cover(one)})) if selective else None
    part = partial(Scope, subjects=SUBJECTS, path=path, branches=patterns, places=places, control=control)
    return part(metrics="metrics", events="events", rollups="rollups", branch_events=not selective)


class Processor:
    """A clock that goes on whenever it is read, by what was done since."""

    def __init__(self) -> None:
        self._cost = USUAL
        self._now = 0.0

    def work_for(self, seconds: float) -> None:
        """Let the work between two readings take so long."""
        self._cost = seconds

    def __call__(self) -> float:
        """Return the time after some more work, seconds."""
        self._now += self._cost
        return self._now


class Stage:
    """Hold what everybody in a history shares: time, books and streams.

    Attributes:
        now: The time, seconds.
        books: The truth about everything that was counted.
        streams: All of them.
        processor: The processor of all aggregators.
        clocks: The clocks of their servers.
        step_books: The steps that aggregators have taken, by what they read.
        step_truths: Remember the truth at steps.
        incarnations: How many there were.
    """

    def __init__(self, start: float) -> None:
        self.now = start
        self.books = Books()
        self.streams = Streams(*(Stream(name, self.clock) for name in ("metrics", "events", "rollups", "control")))
        self.processor = Processor()
        self.clocks = Clocks(self.streams)
        self.step_books: dict[object, Any] = {}
        self.step_truths: list[Any] = []
        self.incarnations = 0
        self._rng = Random(0)

    def clock(self) -> float:
        """Return the one time there is, seconds."""
        return self.now

    def draw_epoch(self) -> int:
        """Return the number of a new epoch; such numbers have no order."""
        return self._rng.getrandbits(64) or 1

    def draw_incarnation(self) -> int:
        """Return the number of a new incarnation, apart from what is drawn for histories."""
        self.incarnations += 1
        return self.incarnations

    def advance(self, seconds: float) -> None:
        """Let time pass; streams drop what is too old."""
        for truths in self.step_truths:
            truths.pass_by(self.now, self.now + seconds)
        self.now += seconds
        for stream in self.streams.every():
            stream.expire()


class Operator:
    """Publishes commands in a history."""

    def __init__(self, stage: Stage) -> None:
        self._control, self._metrics = stage.streams.control, stage.streams.metrics
        self._may_forget = stage.clocks.may_forget
        self._now = stage.clock

    def give(self, command: int, path: Path) -> None:
        """Publish a command to a path; none that forgets while clocks are such that nobody can tell whom.

        Nobody gives two orders to a path at one moment, which the books take for one.
        """
        subject, now = SUBJECTS.control(path), self._now()
        if command == FORGET and not self._may_forget():
            return
        if command != FORGET and any((one.subject, one.timestamp) == (subject, now) for one in self._control.messages):
            return
        data = encode_command(Command(command, comment="lies" if command in {QUARANTINE, REBASE} else ""))
        self._control.publish(subject, data)

    def lift(self, in_force: Iterable[Path], otherwise: Path, how: int) -> None:
        """Take a path in again that is out, or one that is not."""
        out = sorted(in_force)
        self.give(LIFT, out[how % len(out)] if out else otherwise)

    def requests_to_forget(self) -> set[float]:
        """Return when the requests to forget were stored."""
        return {one.timestamp for one in self._control.messages if decode_command(one.data).command == FORGET}

    def must_have_waited(self, at: float, read: int) -> None:
        """Check that no frame is unread that was stored before a time; an older copy may have brought it just now.

        Raises:
            Violation: one is, though a request of that time is done.
        """
        never_lost = (message for message in self._metrics.messages if message.data not in self._metrics.removed)
        if any(message.seq > read and message.timestamp <= at for message in never_lost):
            raise Violation("nodes are forgotten before all was read that was stored before the request")


def note_orders(messages: Sequence[Message], lineage: Lineage) -> None:
    """Note the orders that an aggregator has read."""
    for message in messages:
        command, path = decode_command(message.data).command, SUBJECTS.path_of(message.subject)[1]
        if command in {QUARANTINE, LIFT}:
            lineage.order(path, message.timestamp, out=command == QUARANTINE)


def _refuse(stream: Stream, how: int) -> None:
    """Refuse everything, or not any more; and what is long, or not any more."""
    stream.refuse(refusing=how % 2 == 0)
    if stream.name == "metrics":
        stream.limit(how // 2)


OF_STREAMS: Final[dict[str, Callable[[Stream, int], object]]] = {
    "late": lambda stream, how: stream.deliver_delayed(how),
    "lose": lambda stream, how: stream.roll_back(1 + how % 12),
    "copy": lambda stream, _: stream.copy(),
    "put_back": lambda stream, how: stream.put_back(how),
    "wipe": lambda stream, _: stream.wipe(),
    "trim": lambda stream, how: stream.trim(1 + how % 20),
    "refuse": _refuse,
}

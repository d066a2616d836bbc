"""The streams of a simulated fog: those of the bus in memory, with an account of what they have lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, Final

from fog_aggregator.core.costs.slices import SLICE_SECONDS
from fog_aggregator.core.engine.engine import Scope
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_bus.memory import Fate, MemoryStream
from fog_bus.ports import Message, Outcome, Publish, Refusal
from fog_bus.streams import MAX_AGE, StreamSettings
from fog_proving.sim.books import Books
from fog_schema.paths import Path
from fog_schema.subjects import Subjects

SUBJECTS: Final = Subjects()
LONGEST: Final = 190
"""Bytes that a stream takes while it has a limit: room for any one series, also when 3/4 of it are tried."""
_FATES: Final = (
    *(Fate.STORED, Fate.STORED, Fate.STORED),
    *(Fate.STORED, Fate.ACK_LOST, Fate.LOST, Fate.DELAYED, Fate.STORED_TWICE, Fate.STORED_AND_DELAYED),
)
USUAL: Final = SLICE_SECONDS / 7.5
"""Seconds that a frame takes an aggregator: a history has many slices."""


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
    """

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        super().__init__(StreamSettings(name=name, subjects=("fog.v1.>",), max_age=MAX_AGE), clock)
        self.removed: set[bytes] = set()
        self.max_bytes: int | None = None
        self.losses = 0
        self.wipes = 0
        self.watchers.append(self._note)

    @property
    def refusing(self) -> bool:
        """Whether it is full, or the server is away."""
        return self.refusal is not None

    def wipe(self) -> None:
        """Lose the store; the stream is made anew."""
        super().wipe()
        self.wipes += 1

    def refuse(self, *, refusing: bool) -> None:
        """Become full, or lose the server; or not any more."""
        self.refusal = Refusal.FULL if refusing else None

    def limit(self, how: int) -> None:
        """Take no message longer than some, or any again, as after another configuration."""
        self.max_bytes = LONGEST if how % 2 else None

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
    """The streams of a fog; that of rollups is read by tiers, that of commands by the others."""

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


def scope_of(path: Path = (), branches: tuple[Path, ...] = ()) -> Scope:
    """Return what an aggregator is of: a subtree, and the branches of it that other aggregators publish."""
    control = "" if path or branches else "control"
    part = partial(Scope, subjects=SUBJECTS, path=path, branches=BranchPatterns(branches), control=control)
    return part(metrics="metrics", events="events", rollups="rollups")


class Processor:
    """A clock that goes on whenever it is read, by what was done since.

    Attributes:
        cost: Seconds that the work between two readings takes.
    """

    def __init__(self) -> None:
        self.cost = USUAL
        self._now = 0.0

    def __call__(self) -> float:
        """Return the time after some more work, seconds."""
        self._now += self.cost
        return self._now


class Stage:
    """Hold what everybody in a history shares: time, books and streams.

    Attributes:
        now: The time, seconds.
        books: The truth about everything that was counted.
        streams: All of them.
        processor: The processor of all aggregators.
        step_books: The steps that aggregators have taken, by what they read.
        step_truths: Remember the truth at steps.
    """

    def __init__(self, start: float) -> None:
        self.now = start
        self.books = Books()
        self.streams = Streams(*(Stream(name, self.clock) for name in ("metrics", "events", "rollups", "control")))
        self.processor = Processor()
        self.step_books: dict[object, Any] = {}
        self.step_truths: list[Any] = []
        self._rng = Random(0)

    def clock(self) -> float:
        """Return the one time there is, seconds."""
        return self.now

    def draw_epoch(self) -> int:
        """Return the number of a new epoch; such numbers have no order."""
        return self._rng.getrandbits(64) or 1

    def advance(self, seconds: float) -> None:
        """Let time pass; streams drop what is too old."""
        for truths in self.step_truths:
            truths.pass_by(self.now, self.now + seconds)
        self.now += seconds
        for stream in self.streams.every():
            stream.expire()

"""The aggregator without its loops: what `fog_aggregator.service.Aggregator` does, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from fog_aggregator.core.branches import Branches
from fog_aggregator.core.checkpoint import read_image, restore, take_image
from fog_aggregator.core.clock import ServerClock
from fog_aggregator.core.engine.stream_rules import has_reached, is_known, where_to_start
from fog_aggregator.core.eventlist import EventList
from fog_aggregator.core.readiness import Readiness
from fog_aggregator.core.requests import KeyframeRequests, Wish
from fog_aggregator.core.state import State, StateLimits
from fog_aggregator.core.sweep import Swept
from fog_aggregator.ingest import Ingest
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Discontinuity, Message, Position
from fog_proving.sim.books import HORIZON, Violation
from fog_proving.sim.bus import Stream, Streams
from fog_proving.sim.program import SUBJECTS
from fog_schema.frames import Request
from fog_schema.paths import Path, is_under
from utilityfog_frontend.telemetry import TelemetryCollector

DAMAGED: Final = (0, 0, 0, 1, 2)
"""How many of the newest checkpoints cannot be used any more, when an aggregator has crashed."""


class Reader:
    """Reads one stream as `fog_bus.nats.log.StreamReader` does."""

    def __init__(
        self,
        stream: Stream,
        handle: Callable[[list[Message]], None],
        position: Position | None,
        on_discontinuity: Callable[[Discontinuity], None],
    ) -> None:
        self.stream = stream
        self.position = position
        self._handle = handle
        self._on_discontinuity = on_discontinuity
        self._disruptions = -1
        self._goal = 0

    @property
    def caught_up(self) -> bool:
        """Whether all that the stream held when reading began has been handled."""
        begun = self._disruptions == self.stream.disruptions
        return begun and self.position is not None and has_reached(self._goal, self.position.seq, self.stream.info())

    @property
    def lag(self) -> int:
        """How many messages were not read yet."""
        known = self.position.seq if self.position else 0
        return len(self.stream.read(known + 1, len(self.stream.messages)))

    def read(self, count: int) -> None:
        """Handle at most so many messages."""
        if self._disruptions != self.stream.disruptions or self.position is None:
            self._disruptions = self.stream.disruptions
            self.position = self._begin()
        position = self.position
        messages = self.stream.read(position.seq + 1, count)
        if messages:
            last = messages[-1]
            if last.seq - position.seq != len(messages):
                self._on_discontinuity(Discontinuity.TRIMMED)
            self._handle(messages)
            self.position = Position(position.created, last.seq, last.timestamp_ns)

    def _begin(self) -> Position:
        info = self.stream.info()
        self._goal = info.last_seq
        start = where_to_start(self.position, info)
        if start.because is not None:
            self._on_discontinuity(start.because)
        if start.known and self.position is not None:
            first = next(message for message in self.stream.messages if message.seq >= start.seq)
            if is_known(first, self.position):
                return self.position
            self._on_discontinuity(Discontinuity.ROLLED_BACK)
            return Position(info.created, 0, 0)
        return Position(info.created, start.seq - 1, 0)


class _NothingRefused(SelfMetrics):
    """Everything that is sent here is in order: what is refused was misread, or met a fault of the reader's."""

    def refused(self, reason: str) -> None:
        """A message was no frame."""
        raise Violation(f"a frame is refused: {reason}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What an aggregator is of.

    Attributes:
        path: of its subtree.
        branches: paths whose totals other aggregators publish.
    """

    path: Path = ()
    branches: tuple[Path, ...] = ()


class Aggregator:
    """One run of an aggregator's process, from a checkpoint or from nothing.

    Args:
        streams: what it reads.
        clock: the time, seconds.
        limits: of its state.
        on_frames: called with the frames that it has just taken.
        checkpoint: a file's bytes, to go on from.
        scope: what it is of.

    Attributes:
        readers: of metrics, of events, and of rollups where it has branches.
        is_current: it had read everything when it last looked.
        in_doubt: it began without a checkpoint or in doubt, or a stream is not what was read: the nodes must be asked.
        doubted: how often the stream of events had lost something when an epoch was last asked because of a doubt.
    """

    def __init__(
        self,
        streams: Streams,
        clock: Callable[[], float],
        limits: StateLimits,
        on_frames: Callable[[list[Message]], None],
        checkpoint: bytes | None,
        scope: Scope = Scope(),
    ) -> None:
        self._scope = scope
        self._clock = clock
        self._server_clock = ServerClock()
        state, events = State(horizon=HORIZON, limits=limits), EventList()
        own = TelemetryCollector(self_metrics=False)
        self.network = NetworkCollector(state, events, own, lambda: self._server_clock.now(clock()))
        metrics = _NothingRefused(TelemetryCollector(self_metrics=False))
        branches = Branches(scope.branches)
        self._ingest = Ingest(self.network, metrics, SUBJECTS, self._server_clock, clock, branches)
        positions: dict[str, Position] = {}
        if checkpoint is not None:
            positions = restore(read_image(checkpoint), state, events, self.network.ratchet)
            self._server_clock.note(state.now, clock())
        self.in_doubt = state.in_doubt
        self.readiness = Readiness(needs_round=self.in_doubt)
        self._requests = KeyframeRequests()
        self._on_frames = on_frames
        self._last, self.is_current = clock(), False
        self.doubted: dict[int, int] = {}
        handlers = [(streams.metrics, self._frames), (streams.events, self._events)]
        if scope.branches:
            handlers.append((streams.rollups, self._ingest.rollups))
        self.readers = tuple(
            Reader(stream, handle, positions.get(stream.name), self._discontinuity) for stream, handle in handlers
        )

    @property
    def state(self) -> State:
        """What was read."""
        return self.network.state

    @property
    def events(self) -> EventList:
        """The events that were read."""
        return self.network.events

    def read(self, count: int) -> None:
        """Read at most so many messages of each stream."""
        for reader in self.readers:
            reader.read(count)

    @property
    def caught_up(self) -> bool:
        """Whether all that the streams held when reading began has been handled."""
        return all(reader.caught_up for reader in self.readers)

    @property
    def wishes(self) -> list[Wish]:
        """What it would ask of writers that it hears."""
        return list(self._ingest.wishes.values())

    def second(self) -> tuple[float, Swept, list[tuple[Path, Request]]]:
        """What is done every second; return how long it watched, what it swept, and what it asks of the nodes."""
        now, watched = self._clock(), 0.0
        current = self.caught_up and not any(reader.lag for reader in self.readers)
        if current:
            watched = now - self._last if self.is_current else 0.0
            self._server_clock.note(now, now)
            self.state.watched += watched
            self.state.now = max(self.state.now, self.network.now())
            self.state.complete = True
        self._last, self.is_current = now, current
        if self.readiness.begins_round(caught_up=self.caught_up):
            self._ask_everybody()
        became_ready = self.readiness.update(
            caught_up=self.caught_up,
            gapped=len(self.state.gapped),
            nodes=len(self.state.nodes),
            longest_interval=float(self.state.rows.interval.max(initial=0.0)),
            now=now,
        )
        if became_ready:
            self.state.in_doubt = False
        swept = self.network.sweep()
        self.events.expire(self.network.now() - HORIZON)
        return watched, swept, self._requests.due(self._ingest.wishes.values(), now) if self.caught_up else []

    def forget(self, under: Path) -> list[Path]:
        """Somebody wishes departed nodes to be forgotten."""
        return self.network.forget(under, self.network.now())

    def checkpoint(self) -> bytes:
        """The state and the positions at this moment, as a file's bytes."""
        positions = {reader.stream.name: reader.position for reader in self.readers if reader.position is not None}
        scope = (SUBJECTS.prefix, self._scope.path, self._scope.branches)
        image = take_image(self.state, self.events, self.network.ratchet, positions, scope)
        return b"".join(image.chunks())

    def _frames(self, messages: list[Message]) -> None:
        """All at once, unless an epoch might be folded in between: the books must see that."""
        messages = self._of_scope(messages)
        crowded = self.state.limits.silent_per_path < StateLimits().silent_per_path
        for batch in [[message] for message in messages] if crowded else [messages]:
            self._ingest.frames(batch)
            self._on_frames(batch)

    def _events(self, messages: list[Message]) -> None:
        self._ingest.events(self._of_scope(messages))

    def _of_scope(self, messages: list[Message]) -> list[Message]:
        path = self._scope.path
        return [one for one in messages if is_under(SUBJECTS.path_of(one.subject)[1], path)] if path else messages

    def _discontinuity(self, what: Discontinuity) -> None:
        del what
        self.in_doubt = True
        self.readiness.needs_round = True
        self.state.in_doubt = not self.readiness.ready
        self._ask_everybody()

    def _ask_everybody(self) -> None:
        known = (number for node in self.state.nodes.values() for number in node.epochs)
        self.doubted |= dict.fromkeys(known, self.readers[1].stream.losses)
        self.state.distrust()

"""A program that is instrumented, the process it runs in, and the agent that publishes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from fog_agent.core.epoch_series import SourceSeries
from fog_agent.core.event_log import EventLog, RecordedEvent
from fog_agent.core.flush import Flush
from fog_agent.core.journal.port import NO_JOURNAL
from fog_agent.core.journal.port import Journal as Port
from fog_agent.core.outbox import Outbox
from fog_agent.core.publication import Epoch, Events, Publication
from fog_agent.core.writer import Encoded, Settings
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_bus.memory import Fate
from fog_bus.ports import Outcome, Publish
from fog_proving.sim.agent import Agent
from fog_proving.sim.books import HORIZON, INTERVAL, SUM, Cells, EpochBook, Labels, Violation
from fog_proving.sim.bus import LONGEST_SMALL_STEP, SUBJECTS, Stage, Stream
from fog_proving.sim.programs.graves import Grave
from fog_proving.sim.programs.workload import Workload
from fog_proving.sim.reference_model import acknowledged
from fog_schema.codec import decode, encode
from fog_schema.frames import Request
from fog_schema.paths import Path, is_under
from utilityfog_frontend.telemetry import TelemetryCollector


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of an agent's memory and of its frames: tiny ones make rare branches common."""

    frame_bytes: int = 100_000
    outbox_frames: int = 64
    events: int = 1000

    def apply(self, epoch: Epoch) -> None:
        """Bound an epoch that has sent nothing yet."""
        epoch.outbox, epoch.events = Outbox(self.outbox_frames), EventLog(self.events)


class _Ended(NamedTuple):
    """The epoch whose final was encoded last, or before any the first; and when that was."""

    book: EpochBook
    at: float = 0.0


class Program:
    """Run one process.

    Attributes:
        path: Where it publishes.
        alive: Whether it was not killed.
        bounds: How little its agent may hold.
        workload: Its metrics.
        agent: The agent that is attached, if one is.
        book: The page of its epoch in the books.
    """

    def __init__(
        self,
        stage: Stage,
        path: Path,
        bounds: Bounds,
        *,
        shared: bool = False,
        fine: bool = False,
        journaled: bool = False,
    ) -> None:
        self.path = path
        self.alive = True
        self.bounds = bounds
        self.workload = Workload(stage, path, fine=fine, grave=Grave(stage) if journaled else None)
        self._stage = stage
        self._settings = Settings(interval=INTERVAL, shared=shared)
        self._publication = self._publish()
        self._flush: tuple[Flush, Cells] | None = None
        self._keyframe: tuple[Encoded, tuple[SourceSeries, ...], int] | None = None
        self.book = self._open_book({})
        self._ended = _Ended(self.book)
        self.agent: Agent | None = Agent(self._publication, bounds.frame_bytes, stage.clock)

    @property
    def counts(self) -> Cells:
        """Everything it has counted."""
        return self.workload.counts

    @property
    def gauges(self) -> dict[tuple[str, Labels], float]:
        """The value that each gauge was last set to."""
        return self.workload.gauges

    @property
    def birth_slack(self) -> float:
        """Seconds between two births that nobody may be able to tell apart."""
        return LONGEST_SMALL_STEP if self._stage.clocks.stepped else 0.01

    def record(self, value: int) -> None:
        """Record an event."""
        self.workload.collector.record_event("happened", value)

    @property
    def event_log(self) -> EventLog:
        """The events that its agent holds."""
        return self._publication.epoch.events

    # Its agent

    def tick(self) -> None:
        """One interval passes."""
        if self.agent is not None:
            self.agent.publisher.tick(self._stage.now)

    def pause(self, step: str, how: int) -> float:
        """Seconds, at most an interval, until its agent has something to do: a frame to send, an interval to end."""
        if self.agent is None:
            return 0.0
        if step in ("tick", "flow") and how % 2:
            return min(self.agent.until_tick, INTERVAL)
        pause = self.agent.until_frame if step == "send" else 0.0
        return pause if pause <= INTERVAL else 0.0

    def send(self, what: Fate) -> bool:
        """Publish the next frame once, or the next events; whether there was anything to send."""
        if self._publication.finals and self._stage.now - self._ended.at >= HORIZON:
            # It would outlive its tombstone, and count twice if it came before: docs/simulation.md.
            self._publication.finals, self._ended.book.owed = [], False
        agent = self.agent
        frame = self._next_frame(agent) if agent is not None else None
        if agent is None or frame is None:
            return self.send_events(what)
        book = self._ended.book if self._publication.finals else self.book
        if agent.answered(frame, self._stage.streams.metrics.publish(SUBJECTS.metrics(self.path), frame.data, what)):
            book.acknowledged.append(frame.data)
        self._check_flush(agent)
        return True

    def send_events(self, what: Fate) -> bool:
        """Publish the next events once; whether there were any."""
        agent = self.agent
        frame = agent.next_events() if agent is not None else None
        if agent is None or frame is None:
            return False
        agent.answered(frame, self._stage.streams.events.publish(SUBJECTS.events(self.path), frame.data, what))
        return True

    def flush(self) -> None:
        """Ask the agent to say when all that was counted until now is safe."""
        if self.agent is not None and not self._publication.epoch.writer.ended:
            self._flush = (self.agent.publisher.flush(self._stage.now), self.book.counted())
            self._check_flush(self.agent)

    def _check_flush(self, agent: Agent) -> None:
        """When the agent says that it is safe, it must be in acknowledged frames."""
        if self._flush is None or self.book.repeated or not agent.publisher.flushed(self._flush[0]):
            return
        safe = acknowledged(self.book)
        for cell, counted in self._flush[1].items():
            if cell.part != SUM and safe.get(cell, 0) < counted - self._stage.books.slack(cell, counted):
                raise Violation(f"flushed, but of {counted} of {cell} only {safe.get(cell, 0)} are acknowledged")
        self._flush = None

    def _next_frame(self, agent: Agent) -> Encoded | None:
        """Return the agent's next frame; what the program was like when it was encoded is noted."""
        writer = self._publication.epoch.writer
        before = writer.seq
        frame = agent.next_frame()
        if writer.ended and self.book.end is None:
            self.book.end, self._ended = dict(self.counts), _Ended(self.book, self._stage.now)
        elif frame is not None and frame.completes and before + 1 == frame.seq and not decode(frame.data).part:
            self._keyframe = (frame, self._series, writer.retained_count)
        return frame

    @property
    def _series(self) -> tuple[SourceSeries, ...]:
        """The series that are live: the same tuple while none comes or goes."""
        return self._publication.watches[0].series()

    def flow(self) -> None:
        """Do all that an interval asks for, as long as the server takes it."""
        self.tick()
        for _ in range(50):
            if self._stuck(self._stage.streams.metrics) or not self.send(Fate.STORED):
                break
        while not self._stuck(self._stage.streams.events) and self.send_events(Fate.STORED):
            pass

    def requested(self, path: Path, request: Request) -> None:
        """Hear an aggregator's request."""
        if self.agent is not None and is_under(self.path, path):
            self.agent.publisher.requested(request, self._stage.now)

    def kill(self) -> None:
        """Kill the process."""
        grave = self.workload.grave
        if self.alive and grave is not None:
            if self.book.end is not None:  # its next epoch is in the journal alone
                self.book = self._open_book(self.book.end, grave.journal.epoch)
            self.book.end = dict(self.counts)
            self.book.owed, self._ended.book.owed = True, self._ended.book.owed is not False
            grave.kill()
        self.alive, self.agent = False, None

    def bury(self, what: Fate) -> bool:
        """Let somebody who finds its journal end its epochs, if it was killed; each frame is sent once.

        Returns:
            Whether nothing is left to be ended.
        """
        grave, send = self.workload.grave, partial(self._publish_last, what)
        if grave is None or self.alive:
            return True
        return grave.end(self._stage.now, self._settings, self.bounds.frame_bytes, send, self._give_up)

    def _publish_last(self, what: Fate, epoch: int, frame: Encoded) -> Publish:
        answer = self._stage.streams.metrics.publish(SUBJECTS.metrics(self.path), frame.data, what)
        if answer.outcome is Outcome.ACKED:
            self._stage.books.epochs[self.path, epoch].acknowledged.append(frame.data)
        return answer

    def _give_up(self, epoch: int) -> None:
        self._stage.books.epochs[self.path, epoch].owed = False

    def stop(self, *, online: bool, what: Fate) -> None:
        """Its agent stops; with a connection it ends the epoch, and each part of the final is sent once."""
        self.tick()
        if self.agent is None:
            return
        self.agent.finish(online=online)
        while online and not self._stuck(self._stage.streams.events) and self.send_events(Fate.STORED):
            pass
        while (
            online
            and self._publication.finals
            and not self._stuck(self._stage.streams.metrics)
            and self.send(Fate.STORED)
        ):
            pass
        if online and self._is_ready_to_end and self.send(what):
            for _ in self._publication.finals[:]:
                self.send(what)
        self.agent.publisher.tick(self._stage.now)  # without effect if the epoch has ended; else it is left open
        self.agent = self._flush = None

    @property
    def _is_ready_to_end(self) -> bool:
        return not (self._publication.epoch.events.unsent or self._publication.finals)

    def attach(self) -> None:
        """Attach an agent again."""
        if self.alive and self.agent is None:
            self._publication.resume(self._settings, self._stage.now)
            if self.book.end is not None:
                self.bounds.apply(self._publication.epoch)
                self.book = self._open_book(self.book.end)
            self.agent = Agent(self._publication, self.bounds.frame_bytes, self._stage.clock)

    def snapshot(self, ahead: int) -> None:
        """Restore the machine from an image: the last keyframe is sent again, under a number not yet used."""
        if self.agent is None or self._keyframe is None:
            return
        keyframe, series, retained = self._keyframe
        writer = self._publication.epoch.writer

        def has_changed() -> bool:
            return series is not self._series or retained != writer.retained_count

        if series and not has_changed():  # or what came since would be taken for removed
            frame, stream = decode(keyframe.data), self._stage.streams.metrics
            frame.seq = writer.seq + 1 + ahead % 4
            stream.publish(SUBJECTS.metrics(self.path), data := encode(frame), Fate.STORED)
            stream.images[data] = has_changed
            self.book.repeated = True

    def _publish(self) -> Publication:
        """Make what outlives the agents, without the agent's own metrics: they would only slow it down."""
        collector, draw_epoch = self.workload.collector, self._stage.draw_epoch
        metrics = SelfMetrics(TelemetryCollector(self_metrics=False), self._settings)
        watches, events = (collector.watch_series(),), _BookedEvents(self, collector.watch_events())
        now = self._stage.now
        journal: Port = NO_JOURNAL
        if self.workload.grave is not None:
            journal = noting = self.workload.grave.journal
            draw_epoch = lambda: noting.epoch  # noqa: E731
        publication = Publication(
            watches, metrics, self._settings, now, draw_epoch, event_watch=events, journal=journal
        )
        self.bounds.apply(publication.epoch)
        return publication

    def note_events(self, events: Sequence[RecordedEvent]) -> None:
        """Note events in the books under the numbers that they are about to get."""
        recorded = [(event.value, event.timestamp) for event in events]
        self.book.events.update(enumerate(recorded, self._publication.epoch.events.last + 1))

    def _stuck(self, stream: Stream) -> bool:
        return self.agent is None or stream.refusing

    def _open_book(self, start: Cells, epoch: int | None = None) -> EpochBook:
        epoch, shared = epoch or self._publication.epoch.writer.epoch, self._settings.shared
        book = EpochBook(self.path, epoch, self.counts, start, self.workload.removed, self._stage.now, shared)
        self._stage.books.epochs[self.path, epoch] = book
        return book


class _BookedEvents:
    """A program's events, noted in the books when its agent takes them."""

    def __init__(self, program: Program, events: Events) -> None:
        self._program = program
        self._events = events

    @property
    def lost(self) -> int:
        """As of the events."""
        return self._events.lost

    @property
    def closed(self) -> bool:
        """As of the events."""
        return self._events.closed

    def take(self) -> Sequence[RecordedEvent]:
        """Return the events since the last call."""
        events = self._events.take()
        self._program.note_events(events)
        return events

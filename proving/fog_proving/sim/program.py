"""A program that is instrumented, the process it runs in, and the agent that publishes it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from fog_agent.core.epoch_series import SourceSeries
from fog_agent.core.event_log import EventLog, RecordedEvent
from fog_agent.core.flush import Flush
from fog_agent.core.outbox import Outbox
from fog_agent.core.publication import Epoch, Events, Publication
from fog_agent.core.writer import Encoded, Settings
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_bus.memory import Fate
from fog_proving.sim.agent import Agent
from fog_proving.sim.books import HORIZON, IDLING, INTERVAL, SUM, Cell, Cells, EpochBook, Labels, Violation
from fog_proving.sim.bus import SUBJECTS, Stage, Stream
from fog_proving.sim.reference_model import acknowledged
from fog_schema.codec import decode, encode
from fog_schema.frames import Request
from fog_schema.paths import Path, is_under
from utilityfog_frontend.telemetry import TelemetryCollector

BOUNDS: Final = ((1.0, 2.0), (1.0, 2.0, 4.0))
INTEGERS: Final = (1, 2, 3, 300, 70_000, 5.0, 2**40)
FRACTIONS: Final = (1, 0.1, 0.3, 2.5, 0.7)
OBSERVED: Final = (-1.0, 0.5, 1.0, 1.7, 3.0, 9.0)
CHILDREN: Final = ("a", "b", "c")
LABELLED: Final = ("jobs_total", IDLING, "sizes", "temperature")
IDLE: Final = 1800.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of an agent's memory and of its frames: tiny ones make rare branches common."""

    frame_bytes: int = 100_000
    outbox_frames: int = 64
    events: int = 1000

    def apply(self, epoch: Epoch) -> None:
        """Bound an epoch that has sent nothing yet."""
        epoch.outbox, epoch.events = Outbox(self.outbox_frames), EventLog(self.events)


class Workload:
    """The metrics of one program, and what it does with them.

    Args:
        stage: Time and books.
        path: Where it counts.
        fine: Whether histograms have the finer bounds.

    Attributes:
        collector: The program's collector.
        counts: Everything it has counted.
        gauges: The value that each gauge was last set to.
        removed: When a series was removed or reset for the first time, by the metric's name.
    """

    def __init__(self, stage: Stage, path: Path, *, fine: bool) -> None:
        clock = stage.clock
        self.collector = TelemetryCollector(self_metrics=False, clock=clock, monotonic=clock)
        self.counts: Cells = {}
        self.gauges: dict[tuple[str, Labels], float] = {}
        self.removed: dict[str, float] = {}
        self._path = path
        self._stage = stage
        self._buckets = BOUNDS[fine]
        self._metrics: dict[str, Any] = {}

    def count(self, what: int, how: int) -> None:
        """Use one of its metrics."""
        match what % 8:
            case 0:
                self._increment(self._metric("whole_total"), INTEGERS[how % len(INTEGERS)])
            case 1:
                self._increment(self._metric("mixed_total"), FRACTIONS[how % len(FRACTIONS)])
            case 2:
                self._increment(self._child("jobs_total", how), INTEGERS[how // 8 % 3])
            case 3:
                self._increment(self._child(IDLING, how), FRACTIONS[how // 8 % len(FRACTIONS)])
            case 4:
                self._observe(self._metric("delay"), OBSERVED[how % len(OBSERVED)])
            case 5:
                self._observe(self._child("sizes", how), OBSERVED[how // 8 % len(OBSERVED)])
            case 6:
                self._set(self._metric("level"), how % 100)
            case _:
                self._set(self._child("temperature", how), how % 100 / 8)

    def remove(self, what: int, how: int) -> None:
        """Remove a child."""
        metric = self._metrics.get(name := LABELLED[what % len(LABELLED)])
        if metric is not None and metric.remove(job := CHILDREN[how % len(CHILDREN)]):
            self.gauges.pop((name, (("job", job),)), None)
            self.removed.setdefault(name, self._stage.now)

    def reset(self, what: int) -> None:
        """Start a metric from zero again; the fleet's count goes on."""
        if self._metrics:
            name = list(self._metrics)[what % len(self._metrics)]
            self._metrics[name].reset()
            self.removed.setdefault(name, self._stage.now)
            self.gauges |= {key: 0 for key in self.gauges if key[0] == name}

    def _metric(self, name: str) -> Any:
        metric = self._metrics.get(name)
        if metric is None:
            metric = self._metrics[name] = self._register(name)
        return metric

    def _child(self, name: str, how: int) -> Any:
        return self._metric(name).labels(job=CHILDREN[how % len(CHILDREN)])

    def _register(self, name: str) -> Any:
        collector, buckets = self.collector, self._buckets
        makers: dict[str, Callable[[], Any]] = {
            "jobs_total": lambda: collector.register_counter(name, "", ["job"]),
            IDLING: lambda: collector.register_counter(name, "", ["job"], ttl=IDLE),
            "delay": lambda: collector.register_histogram(name, "", buckets),
            "sizes": lambda: collector.register_histogram(name, "", buckets, labels=["job"]),
            "level": lambda: collector.register_gauge(name, rollup="sum"),
            "temperature": lambda: collector.register_gauge(name, "", ["job"], rollup="sum"),
        }
        return makers.get(name, lambda: collector.register_counter(name))()

    def _increment(self, counter: Any, amount: float) -> None:
        counter.increment(amount)
        self._note(Cell(counter.name, _labels(counter)), int(amount) if amount % 1 == 0 else amount)

    def _observe(self, histogram: Any, value: float) -> None:
        histogram.observe(value)
        name, labels = histogram.name, _labels(histogram)
        self._note(Cell(name, labels, self._buckets, bisect_left(self._buckets, value)), 1)
        self._note(Cell(name, labels, self._buckets, SUM), value)

    def _set(self, gauge: Any, value: float) -> None:
        gauge.set(value)
        self.gauges[gauge.name, _labels(gauge)] = value

    def _note(self, cell: Cell, amount: float) -> None:
        self.counts[cell] = self.counts.get(cell, 0) + amount
        self._stage.books.count(self._path, cell, amount)


class _Ended(NamedTuple):
    """The epoch whose final was encoded last, or before any the first; and when that was."""

    book: EpochBook
    at: float = 0.0


class Program:
    """One process.

    Attributes:
        path: Where it publishes.
        alive: Whether it was not killed.
        bounds: How little its agent may hold.
        workload: Its metrics.
        agent: The agent that is attached, if one is.
        book: The page of its epoch in the books.
    """

    def __init__(self, stage: Stage, path: Path, bounds: Bounds, *, shared: bool = False, fine: bool = False) -> None:
        self.path = path
        self.alive = True
        self.bounds = bounds
        self.workload = Workload(stage, path, fine=fine)
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
            self._publication.finals, self._ended.book.given_up = [], True
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
        self.alive, self.agent = False, None

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
        unchanged = series and series is self._series and retained == writer.retained_count
        if unchanged:  # or what came since would be taken for removed
            frame = decode(keyframe.data)
            frame.seq = writer.seq + 1 + ahead % 4
            self._stage.streams.metrics.publish(SUBJECTS.metrics(self.path), encode(frame), Fate.STORED)
            self.book.repeated = True

    def _publish(self) -> Publication:
        """Make what outlives the agents, without the agent's own metrics: they would only slow it down."""
        collector, draw_epoch = self.workload.collector, self._stage.draw_epoch
        metrics = SelfMetrics(TelemetryCollector(self_metrics=False), self._settings)
        watches, events = (collector.watch_series(),), _BookedEvents(self, collector.watch_events())
        now = self._stage.now
        publication = Publication(watches, metrics, self._settings, now, draw_epoch, event_watch=events)
        self.bounds.apply(publication.epoch)
        return publication

    def note_events(self, events: Sequence[RecordedEvent]) -> None:
        """Note events in the books under the numbers that they are about to get."""
        recorded = [(event.value, event.timestamp) for event in events]
        self.book.events.update(enumerate(recorded, self._publication.epoch.events.last + 1))

    def _stuck(self, stream: Stream) -> bool:
        return self.agent is None or stream.refusing

    def _open_book(self, start: Cells) -> EpochBook:
        epoch, shared = self._publication.epoch.writer.epoch, self._settings.shared
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


def _labels(metric: Any) -> Labels:
    return tuple(sorted(metric.labels.items()))

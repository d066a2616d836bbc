"""A program that is instrumented, the process it runs in, and the agent that publishes it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fog_agent.core.epoch_series import SourceSeries
from fog_agent.core.event_log import EventLog, RecordedEvent
from fog_agent.core.flush import Flush
from fog_agent.core.outbox import Outbox
from fog_agent.core.publication import Epoch, Events, Publication
from fog_agent.core.writer import Encoded, Settings
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_bus.memory import Fate
from fog_proving.sim.agent import Agent
from fog_proving.sim.books import HORIZON, IDLING, INTERVAL, SUM, Books, Cell, Cells, EpochBook, Labels, Violation
from fog_proving.sim.bus import Stream, Streams
from fog_proving.sim.reference_model import acknowledged
from fog_schema.codec import decode, encode
from fog_schema.frames import Request
from fog_schema.paths import Path, is_under
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

SUBJECTS: Final = Subjects()
BOUNDS: Final = ((1.0, 2.0), (1.0, 2.0, 4.0))
WHOLE: Final = (1, 2, 3, 300, 70_000, 5.0, 2**40)
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
        """Bound an epoch that has said nothing yet."""
        epoch.outbox, epoch.events = Outbox(self.outbox_frames), EventLog(self.events)


class Program:
    """One process.

    Attributes:
        path: where it publishes.
        alive: it was not killed.
        bounds: how little its agent may hold.
        agent: the agent that is attached, if one is.
        book: what the books say of its epoch.
        counts: everything it has counted.
        gauges: what each gauge was last set to.
    """

    def __init__(
        self,
        path: Path,
        streams: Streams,
        books: Books,
        clock: Callable[[], float],
        draw_epoch: Callable[[], int],
        bounds: Bounds,
        *,
        shared: bool,
        fine: bool,
    ) -> None:
        self.path = path
        self.alive = True
        self.gauges: dict[tuple[str, Labels], float] = {}
        self._streams = streams
        self._books = books
        self._clock = clock
        self.bounds = bounds
        self._buckets = BOUNDS[fine]
        self._settings = Settings(interval=INTERVAL, shared=shared)
        self._collector = TelemetryCollector(self_metrics=False, clock=clock, monotonic=clock)
        self._publication = self._publish(draw_epoch)
        self.counts: Cells = {}
        self._metrics: dict[str, Any] = {}
        self._removed: dict[str, float] = {}
        self._ended_at = 0.0
        self._flush: tuple[Flush, Cells] | None = None
        self._keyframe: tuple[Encoded, tuple[SourceSeries, ...], int] | None = None
        self.book = self._final_book = self._open_book({})
        self.agent: Agent | None = Agent(self._publication, bounds.frame_bytes, clock)

    @property
    def event_log(self) -> EventLog:
        """The events that its agent holds."""
        return self._publication.epoch.events

    # The program

    def count(self, what: int, how: int) -> None:
        """Use one of its metrics."""
        match what % 8:
            case 0:
                self._increment(self._metric("whole_total"), WHOLE[how % len(WHOLE)])
            case 1:
                self._increment(self._metric("mixed_total"), FRACTIONS[how % len(FRACTIONS)])
            case 2:
                self._increment(self._child("jobs_total", how), WHOLE[how // 8 % 3])
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

    def record(self, value: int) -> None:
        """Record an event."""
        self._collector.record_event("happened", value)

    def remove(self, what: int, how: int) -> None:
        """Remove a child."""
        metric = self._metrics.get(name := LABELLED[what % len(LABELLED)])
        if metric is not None and metric.remove(job := CHILDREN[how % len(CHILDREN)]):
            self.gauges.pop((name, (("job", job),)), None)
            self._removed.setdefault(name, self._clock())

    def reset(self, what: int) -> None:
        """Start a metric from zero again; the fleet's count goes on."""
        if self._metrics:
            name = list(self._metrics)[what % len(self._metrics)]
            self._metrics[name].reset()
            self._removed.setdefault(name, self._clock())
            self.gauges |= {key: 0 for key in self.gauges if key[0] == name}

    # Its agent

    def tick(self) -> None:
        """One interval passes."""
        if self.agent is not None:
            self.agent.publisher.tick(self._clock())

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
        if self._publication.finals and self._clock() - self._ended_at >= HORIZON:
            # It would outlive its tombstone, and count twice if it came before: docs/simulation.md.
            self._publication.finals, self._final_book.given_up = [], True
        agent = self.agent
        frame = self._next_frame(agent) if agent is not None else None
        if agent is None or frame is None:
            return self.send_events(what)
        book = self._final_book if self._publication.finals else self.book
        if agent.answered(frame, self._streams.metrics.publish(SUBJECTS.metrics(self.path), frame.data, what)):
            book.acknowledged.append(frame.data)
        self._check_flush(agent)
        return True

    def send_events(self, what: Fate) -> bool:
        """Publish the next events once; whether there were any."""
        agent = self.agent
        frame = agent.next_events() if agent is not None else None
        if agent is None or frame is None:
            return False
        agent.answered(frame, self._streams.events.publish(SUBJECTS.events(self.path), frame.data, what))
        return True

    def flush(self) -> None:
        """Ask the agent to say when all that was counted until now is safe."""
        if self.agent is not None and not self._publication.epoch.writer.ended:
            self._flush = (self.agent.publisher.flush(self._clock()), self.book.counted())
            self._check_flush(self.agent)

    def _check_flush(self, agent: Agent) -> None:
        """When the agent says that it is safe, it must be in acknowledged frames."""
        if self._flush is None or self.book.repeated or not agent.publisher.flushed(self._flush[0]):
            return
        safe = acknowledged(self.book)
        for cell, counted in self._flush[1].items():
            if cell.part != SUM and safe.get(cell, 0) < counted - self._books.slack(cell, counted):
                raise Violation(f"flushed, but of {counted} of {cell} only {safe.get(cell, 0)} are acknowledged")
        self._flush = None

    def _next_frame(self, agent: Agent) -> Encoded | None:
        """Return the agent's next frame; what the program was like when it was encoded is noted."""
        writer = self._publication.epoch.writer
        before = writer.seq
        frame = agent.next_frame()
        if writer.ended and self.book.end is None:
            self.book.end, self._final_book, self._ended_at = dict(self.counts), self.book, self._clock()
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
            if self._stuck(self._streams.metrics) or not self.send(Fate.STORED):
                break
        while not self._stuck(self._streams.events) and self.send_events(Fate.STORED):
            pass

    def requested(self, path: Path, request: Request) -> None:
        """Hear an aggregator's request."""
        if self.agent is not None and is_under(self.path, path):
            self.agent.publisher.requested(request, self._clock())

    def kill(self) -> None:
        """Kill the process."""
        self.alive, self.agent = False, None

    def stop(self, *, online: bool, what: Fate) -> None:
        """Its agent stops; with a connection it ends the epoch, and each part of the final is sent once."""
        self.tick()
        if self.agent is None:
            return
        self.agent.finish(online=online)
        while online and not self._stuck(self._streams.events) and self.send_events(Fate.STORED):
            pass
        while online and self._publication.finals and not self._stuck(self._streams.metrics) and self.send(Fate.STORED):
            pass
        if online and self._is_ready_to_end and self.send(what):
            for _ in self._publication.finals[:]:
                self.send(what)
        self.agent.publisher.tick(self._clock())  # without effect if the epoch has ended; else it is left open
        self.agent = self._flush = None

    @property
    def _is_ready_to_end(self) -> bool:
        return not (self._publication.epoch.events.unsent or self._publication.finals)

    def attach(self) -> None:
        """Attach an agent again."""
        if self.alive and self.agent is None:
            self._publication.resume(self._settings, self._clock())
            if self.book.end is not None:
                self.bounds.apply(self._publication.epoch)
                self.book = self._open_book(self.book.end)
            self.agent = Agent(self._publication, self.bounds.frame_bytes, self._clock)

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
            self._streams.metrics.publish(SUBJECTS.metrics(self.path), encode(frame), Fate.STORED)
            self.book.repeated = True

    def _publish(self, draw_epoch: Callable[[], int]) -> Publication:
        """Make what outlives the agents, without the agent's own metrics: they would only slow it down."""
        metrics = SelfMetrics(TelemetryCollector(self_metrics=False), self._settings)
        watches, events = (self._collector.watch_series(),), _BookedEvents(self, self._collector.watch_events())
        now = self._clock()
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
        book = EpochBook(self.path, epoch, self.counts, start, self._removed, self._clock(), shared)
        self._books.epochs[self.path, epoch] = book
        return book

    def _metric(self, name: str) -> Any:
        metric = self._metrics.get(name)
        if metric is None:
            metric = self._metrics[name] = self._register(name)
        return metric

    def _child(self, name: str, how: int) -> Any:
        return self._metric(name).labels(job=CHILDREN[how % len(CHILDREN)])

    def _register(self, name: str) -> Any:
        collector, buckets = self._collector, self._buckets
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
        self._books.count(self.path, cell, amount)


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

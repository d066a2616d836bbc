"""The agent without its loops: what `fog_agent.edge.sender.Sender` decides, one decision at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fog_agent.core.epoch_series import SourceSeries
from fog_agent.core.event_log import EventFrame, EventLog
from fog_agent.core.outbox import Outbox
from fog_agent.core.publication import Epoch, Publication
from fog_agent.core.selfmetrics import SelfMetrics
from fog_agent.core.writer import Encoded, Settings
from fog_agent.edge.sender import KEYFRAME_SECONDS
from fog_schema.frames import Request
from utilityfog_frontend.telemetry import TelemetryCollector


@dataclass(frozen=True, slots=True)
class Bounds:
    """How little an agent may hold: tiny ones make rare branches common."""

    frame_bytes: int = 100_000
    outbox_frames: int = 64
    events: int = 1000

    def apply(self, epoch: Epoch) -> None:
        """Bound an epoch that has said nothing yet."""
        epoch.outbox, epoch.events = Outbox(self.outbox_frames), EventLog(self.events)


def make_publication(
    collector: TelemetryCollector, settings: Settings, now: float, draw_epoch: Callable[[], int], bounds: Bounds
) -> Publication:
    """What outlives the agents of a collector, without the agent's own metrics: they would only slow it down."""
    metrics = SelfMetrics(TelemetryCollector(self_metrics=False), settings)
    watches, events = (collector.watch_series(),), collector.watch_events()
    publication = Publication(watches, metrics, settings, now, draw_epoch, event_watch=events)
    bounds.apply(publication.epoch)
    return publication


class Agent:
    """Publishes one publication's frames and events.

    Args:
        publication: what it publishes.
        bounds: how little it may hold.
        clock: the time, seconds.
        numbers: takes the value and the time of each event by the number that it gets.

    Attributes:
        whole: the last keyframe of one part, with the series that were live and how many were kept.
    """

    def __init__(
        self,
        publication: Publication,
        bounds: Bounds,
        clock: Callable[[], float],
        numbers: dict[int, tuple[int, float]],
    ) -> None:
        self.publication = publication
        self.bounds = bounds
        self._clock = clock
        self._numbers = numbers
        self._hourly = clock() + KEYFRAME_SECONDS
        self._repeats: list[tuple[int, int]] = []
        self.whole: tuple[Encoded, tuple[SourceSeries, ...], int] | None = None

    @property
    def epoch(self) -> Epoch:
        """The epoch that it publishes."""
        return self.publication.epoch

    @property
    def series(self) -> tuple[SourceSeries, ...]:
        """The series that are live: the same tuple while none comes or goes."""
        return self.publication.watches[0].series()

    def tick(self) -> None:
        """One interval."""
        writer, outbox, now = self.epoch.writer, self.epoch.outbox, self._clock()
        events = self.publication.event_watch.take()
        said = [(event.value, event.timestamp) for event in events]
        self._numbers.update(enumerate(said, self.epoch.events.last + 1))
        self.epoch.events.add(events, now)
        if now >= self._hourly:
            writer.keyframe_due = True
            self._hourly = now + KEYFRAME_SECONDS
        says_it_all = writer.within_keyframe or (writer.keyframe_due and not len(outbox))
        if not says_it_all and not writer.ended:
            frame = writer.encode_delta(now, self.bounds.frame_bytes)
            if frame is not None:
                outbox.push(frame, now)
        if outbox.drop_if_over(now):
            writer.dropped()

    def next_frame(self) -> Encoded | None:
        """The one frame that is in flight: an older final, the outbox's head, the next part of a keyframe."""
        if self.publication.finals:
            return self.publication.finals[0]
        writer, outbox = self.epoch.writer, self.epoch.outbox
        if outbox.head is None and not writer.ended and (writer.within_keyframe or writer.keyframe_due):
            first = not writer.within_keyframe
            frame = writer.encode_part(self._clock(), self.bounds.frame_bytes, self.epoch.events.held)
            if first and frame.completes:
                self.whole = (frame, self.series, writer.retained_count)
            outbox.push(frame, self._clock())
        return outbox.head

    def acknowledged(self, frame: Encoded) -> None:
        """A frame is in the stream."""
        if self.publication.finals and self.publication.finals[0] is frame:
            self.publication.finals.pop(0)
        elif self.epoch.outbox.acknowledged(frame):
            self.epoch.writer.acknowledged(frame, self._clock())

    def next_events(self) -> EventFrame | None:
        """The next events that were never acknowledged, or those that were asked for again."""
        log = self.epoch.events
        frame = log.next_frame(self.epoch.header(self._clock()), self.bounds.frame_bytes)
        while frame is None and self._repeats:
            first, last = self._repeats.pop(0)
            frames = log.repeat(self.epoch.header(self._clock()), first, last, self.bounds.frame_bytes)
            if frames:
                frame = frames[0]
                if frame.last < last:
                    self._repeats.insert(0, (frame.last + 1, last))
        return frame

    def requested(self, request: Request) -> None:
        """An aggregator asks for a keyframe, and perhaps for events."""
        if request.epoch not in (0, self.epoch.writer.epoch):
            return
        self.epoch.writer.request_keyframe()
        if request.epoch and request.first_event:
            self._repeats = [*self._repeats, (request.first_event, request.last_event)][-16:]

    def finish(self) -> bool:
        """End the epoch, if events and an older final are safe; whether it has ended."""
        if self.epoch.events.unsent or self.publication.finals:
            return False
        self.epoch.outbox.clear()
        writer = self.epoch.writer
        self.publication.finals = writer.finish(self._clock(), self.bounds.frame_bytes, self.epoch.events.held)
        return True

    def is_idle(self) -> bool:
        """Whether all is said and acknowledged."""
        epoch = self.epoch
        due = epoch.writer.keyframe_due or epoch.writer.within_keyframe
        return not (due or len(epoch.outbox) or epoch.events.unsent or self.publication.finals or self._repeats)

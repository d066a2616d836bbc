"""The state of a publication beside its loops: its epoch, frames not acknowledged yet, a final not yet safe. Pure.

A node's publication belongs to a (collector, path) and outlives the agents attached to it: it lives on the collector,
so that it goes when the collector goes, and is dropped in a forked child, whose epoch is drawn anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fog_agent.core.epoch_series import Pause, Watch, no_pause
from fog_agent.core.event_log import EventLog, RecordedEvent
from fog_agent.core.journal.port import NO_JOURNAL, Journal
from fog_agent.core.outbox import Outbox
from fog_agent.core.writer import Encoded, Settings, Writer
from fog_schema.frames import EVENTS, Absences, CoverageNumbers, Frame


@dataclass(slots=True)
class Epoch:
    """A writer with the frames that wait to be acknowledged, and its events.

    Attributes:
        writer: encodes frames.
        outbox: the frames that wait.
        events: its events.
        events_told: the last event that an acknowledged frame told of.
    """

    writer: Writer
    outbox: Outbox = field(default_factory=Outbox)
    events: EventLog = field(default_factory=EventLog)
    events_told: int = 0

    def header(self, now: float) -> Frame:
        """Make the header of an event frame."""
        return self.writer.header(EVENTS, now)


class Events(Protocol):
    """How a publication follows events."""

    @property
    def lost(self) -> int:
        """Events that fell out before they were taken."""

    @property
    def closed(self) -> bool:
        """Whether it came from a parent process."""

    def take(self) -> Sequence[RecordedEvent]:
        """Return the events since the last call, oldest first."""


class NoEvents:
    """Take the place of events in a rollup, which has none."""

    lost = 0
    closed = False

    def take(self) -> Sequence[RecordedEvent]:
        """Return no events."""
        return ()


class Count(Protocol):
    """Counts up."""

    def increment(self, amount: float = 1) -> None:
        """Add `amount`."""


class Level(Protocol):
    """Goes up and down."""

    def set(self, value: float) -> None:
        """Be `value` from now on."""


class Metrics(Protocol):
    """Takes what a publication tells of itself; METRICS.md lists it."""

    @property
    def frames(self) -> Count:
        """Frames acknowledged."""

    @property
    def bytes(self) -> Count:
        """Bytes of acknowledged frames."""

    @property
    def retries(self) -> Count:
        """Publishes that were not acknowledged."""

    @property
    def dropped(self) -> Count:
        """Frames dropped from the outbox."""

    @property
    def keyframes(self) -> Count:
        """Keyframes completed."""

    @property
    def requests(self) -> Count:
        """Requests for a keyframe heard."""

    @property
    def refused(self) -> Count:
        """Series beyond what a frame carries."""

    @property
    def outbox(self) -> Level:
        """Frames that wait to be acknowledged."""

    @property
    def retained(self) -> Level:
        """Removed series that keyframes still bear."""

    def events_acknowledged(self, count: int) -> None:
        """Count events that are in the stream."""

    def events_lost(self, count: int) -> None:
        """Count events that fell out before they were acknowledged."""


class Holder(Protocol):
    """Holds a publication for an agent."""

    @property
    def lasts(self) -> bool:
        """Whether the agent may be publishing."""

    def lose(self) -> bool:
        """Let another agent take over; tell whether it may."""


class Publication:
    """The state of one publication under one path.

    Args:
        watches: the series that are published.
        metrics: takes what the publication tells of itself.
        settings: what its frames say of the writer.
        now: monotonic seconds.
        draw_epoch: gives a new epoch's id.
        event_watch: the events that are published; None for a rollup, which has none.
        coverage: what a rollup stands on; None for a node.
        journal: is told what another process must know to end the epochs.
        pause: called between the parts of long work.

    Attributes:
        epoch: the present epoch.
        holder: holds it for the agent that is attached; None while none is.
        finals: the final keyframe of the epoch before, until it is acknowledged; it goes before any other frame.
        remember: called with a frame that has marks each time before it is sent; never raises.
    """

    def __init__(  # noqa: PLR0913 - all but the first five are keywords with defaults
        self,
        watches: Sequence[Watch],
        metrics: Metrics,
        settings: Settings,
        now: float,
        draw_epoch: Callable[[], int],
        *,
        event_watch: Events | None = None,
        coverage: Callable[[], tuple[CoverageNumbers, Absences]] | None = None,
        journal: Journal = NO_JOURNAL,
        pause: Pause = no_pause,
    ) -> None:
        self.metrics = metrics
        self.watches = watches
        self.event_watch = event_watch or NoEvents()
        self.finals: list[Encoded] = []
        self.holder: Holder | None = None
        self.remember: Callable[[Encoded], None] = lambda _: None
        self._draw_epoch = draw_epoch
        self._journal = journal
        self._refused = self._lost = 0
        self._ended: Epoch | None = None
        epoch = draw_epoch()
        self.epoch = Epoch(
            Writer(watches, settings, epoch=epoch, now=now, coverage=coverage, journal=journal, pause=pause)
        )

    @property
    def orphaned(self) -> bool:
        """Whether it came from a parent process: in a forked child the epoch is drawn anew."""
        return self.event_watch.closed

    def measure(self) -> None:
        """Bring the agent's own metrics up to date with what writer, outbox and event log have counted."""
        epoch, metrics = self.epoch, self.metrics
        metrics.outbox.set(len(epoch.outbox))
        metrics.retained.set(epoch.writer.retained_count)
        refused, lost = epoch.writer.refused, epoch.events.lost + self.event_watch.lost
        metrics.refused.increment(refused - self._refused)
        metrics.events_lost(lost - self._lost)
        self._refused, self._lost = refused, lost

    def end(self, finals: list[Encoded]) -> None:
        """Retain the final keyframe; from here on the counts are the next epoch's, also after a kill -9."""
        writer = self.epoch.writer
        self._journal.end_epoch(writer.origins(), writer.ended_series())
        self.finals, self._ended = finals, None

    def final_acknowledged(self) -> None:
        """Let go of the first frame of the final."""
        self.finals.pop(0)
        if not self.finals:
            self._journal.acknowledge()

    def resume(self, settings: Settings, now: float) -> None:
        """Go on with the epoch, or begin the next one where the final of the last one ended."""
        ended = self.epoch.writer
        ended.settings = settings
        if ended.ended:
            self.measure()
            self._refused, self._lost = 0, self.event_watch.lost  # the next epoch counts its own from zero
            self._ended = self.epoch if self.finals else None
            origins = ended.origins()
            writer = Writer(
                self.watches,
                settings,
                epoch=self._draw_epoch(),
                now=now,
                origins=origins,
                journal=self._journal,
                pause=ended.pause,
            )
            self.epoch = Epoch(writer)

    def repeat_final(self, now: float, max_bytes: int) -> int:
        """Encode the final that waits once more, in frames of at most `max_bytes`; return the last one's seq.

        Raises:
            ValueError: see `Writer.encode_part`.
        """
        epoch = self.epoch if self._ended is None else self._ended
        self.finals = epoch.writer.repeat_final(now, max_bytes, epoch.events.repeatable)
        return epoch.writer.seq

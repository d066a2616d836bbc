"""What a publication is beside its loops: the epoch, what it has not seen acknowledged, a final not yet safe.

A node's belongs to a (collector, path) and outlives the agents attached to it: it lives on the collector, so that it
goes when the collector goes, and is dropped in a forked child, whose epoch is drawn anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fog_agent.core.epoch_series import Watch
from fog_agent.core.event_log import EventLog
from fog_agent.core.outbox import Outbox
from fog_agent.core.selfmetrics import SelfMetrics, WriterMetrics
from fog_agent.core.writer import Encoded, Settings, Writer
from fog_schema.frames import EVENTS, CoverageNumbers, Frame
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.collector import TelemetryCollector
from utilityfog_frontend.telemetry.events import TelemetryEvent


def new_epoch() -> int:
    """A random id from 1 to 2^64 - 1; epochs have no order."""
    return secrets.randbits(64) or 1


@dataclass(slots=True)
class Epoch:
    """A writer with what it has encoded and not seen acknowledged, and its events."""

    writer: Writer
    outbox: Outbox = field(default_factory=Outbox)
    events: EventLog = field(default_factory=EventLog)

    def header(self, now: float) -> Frame:
        """The header of an event frame."""
        return self.writer.header(EVENTS, now)


class Events(Protocol):
    """How a publication follows events."""

    @property
    def lost(self) -> int:
        """Events that fell out before they were taken."""

    @property
    def closed(self) -> bool:
        """Whether it came from a parent process."""

    def take(self) -> list[TelemetryEvent]:
        """The events since the last call, oldest first."""


class NoEvents:
    """Those of a rollup: none."""

    lost = 0
    closed = False

    def take(self) -> list[TelemetryEvent]:
        """None."""
        return []


class Publication:
    """The state of one publication under one path.

    Args:
        watches: the series that are published.
        metrics: what the publication tells of itself.
        settings: what its frames say of the writer.
        now: monotonic seconds.
        draw_epoch: gives a new epoch's id.
        event_watch: the events that are published; None for a rollup, which has none.
        coverage: what a rollup stands on; None for a node.

    Attributes:
        finals: the final keyframe of the epoch before, until it is acknowledged; it goes before any other frame.
    """

    def __init__(
        self,
        watches: Sequence[Watch],
        metrics: WriterMetrics,
        settings: Settings,
        now: float,
        draw_epoch: Callable[[], int] = new_epoch,
        *,
        event_watch: Events | None = None,
        coverage: Callable[[], CoverageNumbers] | None = None,
    ) -> None:
        self.metrics = metrics
        self.watches = watches
        self.event_watch = event_watch or NoEvents()
        self.finals: list[Encoded] = []
        self.in_use = False
        self._draw_epoch = draw_epoch
        self._refused = self._lost = 0
        self.epoch = Epoch(Writer(watches, settings, epoch=draw_epoch(), now=now, coverage=coverage))

    @property
    def orphaned(self) -> bool:
        """Whether it came from a parent process: in a forked child the epoch is drawn anew."""
        return self.event_watch.closed

    def measure(self) -> None:
        """Bring the agent's own metrics up to date with what writer, outbox and event log have counted."""
        epoch, metrics = self.epoch, self.metrics
        metrics.outbox.set(len(epoch.outbox))
        metrics.kept.set(epoch.writer.retained_count)
        refused, lost = epoch.writer.refused, epoch.events.lost + self.event_watch.lost
        metrics.refused.increment(refused - self._refused)
        metrics.events_lost(lost - self._lost)
        self._refused, self._lost = refused, lost

    def resume(self, settings: Settings, now: float) -> None:
        """Go on with the epoch, or begin the next one where the final of the last one ended."""
        ended = self.epoch.writer
        ended.settings = settings
        if ended.ended:
            self.measure()
            self._refused, self._lost = 0, self.event_watch.lost  # the next epoch counts its own from zero
            origins = ended.origins()
            writer = Writer(self.watches, settings, epoch=self._draw_epoch(), now=now, origins=origins)
            self.epoch = Epoch(writer)


def attach(collector: TelemetryCollector, path: Path, settings: Settings, now: float) -> Publication:
    """Take hold of a collector's publication under `path`.

    Raises:
        RuntimeError: when an agent has it already: two would count everything twice.
    """
    key = ("fog_agent", path)
    publication = collector.attachments.get(key)
    if not isinstance(publication, Publication) or publication.orphaned:
        publication = collector.attachments[key] = _publication_of(collector, settings, now)
    if publication.in_use:
        raise RuntimeError(
            f"an agent already publishes this collector under {format_path(path)}: two would count everything twice; "
            "stop the first one, or give the second its own collector"
        )
    publication.in_use = True
    publication.resume(settings, now)
    return publication


def _publication_of(collector: TelemetryCollector, settings: Settings, now: float) -> Publication:
    """A node's: the program's collector, and the agent's own, in the same frames."""
    own = TelemetryCollector(self_metrics=False)
    return Publication(
        (collector.watch_series(), own.watch_series()),
        SelfMetrics(own, settings),
        settings,
        now,
        event_watch=collector.watch_events(),
    )

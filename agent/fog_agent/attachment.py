"""What belongs to a (collector, path) and outlives the agents attached to it: the epoch, and a final not yet safe.

It lives on the collector, so that it goes when the collector goes, and is dropped in a forked child, whose epoch is
drawn anew.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from fog_agent.events import EventLog
from fog_agent.outbox import Outbox
from fog_agent.selfmetrics import SelfMetrics
from fog_agent.writer import Encoded, Settings, Writer
from fog_schema.frames import Frame
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.collector import TelemetryCollector


def new_epoch() -> int:
    """A random id from 1 to 2^64 - 1; epochs have no order."""
    return secrets.randbits(64) or 1


@dataclass(slots=True)
class Epoch:
    """A writer with what it has encoded and not seen acknowledged, and its events."""

    writer: Writer
    outbox: Outbox = field(default_factory=Outbox)
    events: EventLog = field(default_factory=EventLog)

    def header(self) -> Frame:
        """The header of an event frame."""
        settings = self.writer.settings
        return Frame(kind=0, epoch=self.writer.epoch, seq=1, interval_ms=round(settings.interval * 1000))


class Attachment:
    """The state of one collector's publication under one path.

    Attributes:
        own: the agent's own collector (``fog_agent_*``), sent in the same frames.
        finals: the final keyframe of the epoch before, until it is acknowledged; it goes before any other frame.
    """

    def __init__(self, collector: TelemetryCollector, settings: Settings, now: float) -> None:
        self.own = TelemetryCollector(self_metrics=False)
        self.metrics = SelfMetrics(self.own, settings)
        self.watches = (collector.watch_series(), self.own.watch_series())
        self.event_watch = collector.watch_events()
        self.finals: list[Encoded] = []
        self.in_use = False
        self.epoch = Epoch(Writer(self.watches, settings, epoch=new_epoch(), now=now))

    @property
    def orphaned(self) -> bool:
        """Whether it came from a parent process: in a forked child the epoch is drawn anew."""
        return self.event_watch.closed

    def resume(self, settings: Settings, now: float) -> None:
        """Go on with the epoch, or begin the next one where the final of the last one ended."""
        ended = self.epoch.writer
        ended.settings = settings
        if ended.ended:
            origins = ended.origins()
            writer = Writer(self.watches, settings, epoch=new_epoch(), now=now, origins=origins)
            self.epoch = Epoch(writer)


def attach(collector: TelemetryCollector, path: Path, settings: Settings, now: float) -> Attachment:
    """Take hold of a collector's publication under `path`.

    Raises:
        RuntimeError: when an agent has it already: two would count everything twice.
    """
    key = ("fog_agent", path)
    attachment = collector.attachments.get(key)
    if not isinstance(attachment, Attachment) or attachment.orphaned:
        attachment = collector.attachments[key] = Attachment(collector, settings, now)
    if attachment.in_use:
        raise RuntimeError(
            f"an agent already publishes this collector under {format_path(path)}: two would count everything twice; "
            "stop the first one, or give the second its own collector"
        )
    attachment.in_use = True
    attachment.resume(settings, now)
    return attachment

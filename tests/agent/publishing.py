"""A program with a publisher, and a stream that takes what is acknowledged."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from fog_agent.core.publication import Publication
from fog_agent.core.publisher import Publisher, Severity
from fog_agent.core.writer import Encoded, Settings
from fog_agent.edge.selfmetrics import SelfMetrics
from fog_bus.ports import Outcome, Publish
from fog_schema.codec import decode
from fog_schema.limits import PAYLOAD_MARGIN
from tests.agent.reader import Reader
from utilityfog_frontend.telemetry import TelemetryCollector

INTERVAL = 10.0
BIG = 1_000_000
SMALL = PAYLOAD_MARGIN + 600
TIMEOUT = Publish(Outcome.TIMEOUT)


@dataclass
class Node:
    """A collector with its publisher, and a stream that takes what is acknowledged."""

    max_payload: int = BIG
    phase: float = 0.0
    now: float = 100.0
    reader: Reader = field(default_factory=Reader)
    reports: list[tuple[Severity, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.collector = TelemetryCollector(self_metrics=False)
        settings = Settings(interval=INTERVAL)
        metrics = SelfMetrics(TelemetryCollector(self_metrics=False), settings)
        watches, events = (self.collector.watch_series(),), self.collector.watch_events()
        self.publication = Publication(watches, metrics, settings, self.now, lambda: 7, event_watch=events)
        self.start()

    def start(self) -> None:
        """Attach a publisher, with a connection."""
        self.publisher = Publisher(
            self.publication,
            now=self.now,
            phase=self.phase,
            rng=Random(1),
            report=lambda *report: self.reports.append(report),
        )
        self.publisher.connection(self.max_payload, self.now)

    def acknowledge(self) -> Encoded:
        """Let the stream take the next frame."""
        frame = self.publisher.next_frame(self.now)
        assert frame is not None
        self.reader.read(frame.data)
        self.publisher.acknowledged(frame, self.now)
        return frame

    def drain(self) -> list[Encoded]:
        """Let the stream take all that is due."""
        frames = []
        while self.publisher.next_frame(self.now) is not None:
            frames.append(self.acknowledge())
        return frames

    def kinds(self) -> list[int]:
        """Let the stream take all that is due; the kinds of it."""
        return [decode(frame.data).kind for frame in self.drain()]

    def tick(self) -> None:
        """Let an interval end."""
        self.now = max(self.now, self.publisher.tick_at)
        self.publisher.tick(self.now)

"""An engine whose work takes the time that a test says, and frames for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.network import NetworkCollector
from fog_aggregator.selfmetrics import SelfMetrics
from fog_bus.ports import Message, StreamInfo
from fog_schema.codec import encode
from fog_schema.frames import KEYFRAME, LAST_PART, Frame
from fog_schema.paths import Path
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

BEGIN = 1_700_000_000.0
READ_AT = BEGIN + 3 * 86_400.0
"""The server's time at which messages are read: nothing can have been stored after it."""


class Processor:
    """A clock that goes on by `cost` seconds whenever it is read: so long the work in between takes."""

    def __init__(self, cost: float = 0.0) -> None:
        self.cost = cost
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time after some more work."""
        self.now += self.cost
        return self.now


class SlicedEngine:
    """An engine that reads the streams M, E and C.

    Attributes:
        engine: The engine.
        processor: How long its work takes.
        said: Its warnings, with the reason of each.
        handed: How many messages each call of `read` took, slice by slice.
    """

    def __init__(self, cost: float = 0.0, path: Path = ()) -> None:
        self.processor = Processor(cost)
        self.said: list[tuple[str, str]] = []
        self.handed: list[int] = []
        self.own = TelemetryCollector(self_metrics=False, reserved_names=True)
        fleet, events = Fleet(), EventList()
        network = NetworkCollector(fleet, events, self.own, lambda: BEGIN)
        say = lambda key, text, _: self.said.append((key, text))  # noqa: E731
        around = Surroundings(network, SelfMetrics(self.own), say, clock=self.processor)
        scope = Scope(subjects=Subjects(), path=path, metrics="M", events="E", rollups="R", control="C")
        self.engine = Engine(scope, fleet, events, around)
        for cursor in self.engine.cursors.values():
            cursor.begin(StreamInfo("monday", 1, 0, 0, 0, 0.0, None, 3600.0, READ_AT, 0), 0.0)

    def read(self, messages: Sequence[Message], stream: str = "M") -> None:
        """Read messages, slice by slice."""
        self.handed = []
        while messages:
            self.handed.append(self.engine.on_batch(stream, messages, 0.0))
            messages = messages[self.handed[-1] :]

    def total(self, name: str, **labels: str) -> Any:
        """Return one of its own counts."""
        [found] = [one for one in self.own.collect() if one.family.name == name]
        return next(one.value for one in found.series if dict(one.labels) == labels)


def frame_of(path: str, seq: int = 1, at: float = BEGIN, epoch: int = 7, **frame: Any) -> Message:
    """Make the message of a keyframe without series that a node sends; numbered as the frame is."""
    data = encode(Frame(frame.pop("kind", KEYFRAME), epoch, seq, flags=LAST_PART, **frame))
    return Message(f"fog.v1.metrics.{path.replace('/', '.')}", data, seq, int(at * 1e9))

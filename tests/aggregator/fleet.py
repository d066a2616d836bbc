"""A fleet in one process: real collectors and writers, whose frames go through the codec into a real state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fog_agent.core.writer import Settings, Writer
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet as FleetState
from fog_aggregator.core.fleet.sweep import Swept
from fog_aggregator.core.outcome import Outcome
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, Matcher, Selection, ViewKey
from fog_schema.codec import decode, encode
from fog_schema.frames import EVENTS, Event, Frame
from fog_schema.paths import Path, parse_path
from utilityfog_frontend.telemetry import TelemetryCollector
from utilityfog_frontend.telemetry.model import FamilySnapshot

MAX_BYTES = 1_000_000
START = 1_700_000_000.0
"""Server's time when a fleet begins, unix seconds."""


class Member:
    """One writer at a path: its collector, and what it sends when told to."""

    def __init__(self, fleet: Fleet, path: Path, epoch: int, settings: Settings) -> None:
        self.path = path
        self.collector = TelemetryCollector(self_metrics=False)
        self._fleet = fleet
        self._watch = self.collector.watch_series()
        self.writer = Writer([self._watch], settings, epoch=epoch, now=fleet.now)

    def send(self) -> Outcome:
        """Return a keyframe when one is due, else a delta."""
        writer, now = self.writer, self._fleet.now
        if not writer.keyframe_due:
            frame = writer.encode_delta(now, MAX_BYTES)
            assert frame is not None
            return self._fleet.apply(self.path, frame.data)
        while True:
            frame = writer.encode_part(now, MAX_BYTES)
            outcome = self._fleet.apply(self.path, frame.data)
            if frame.completes:
                return outcome

    def skip(self) -> None:
        """Encode a delta that never arrives."""
        self.writer.encode_delta(self._fleet.now, MAX_BYTES)

    def finish(self) -> None:
        """Send the epoch's last word."""
        for frame in self.writer.finish(self._fleet.now, MAX_BYTES):
            self._fleet.apply(self.path, frame.data)


def asked(
    *, names: Iterable[str] = (), matchers: Iterable[Matcher] = (), under: Path = (), own: bool = False, **grouping: Any
) -> ViewKey:
    """Return a view by its attributes: a selection's, and a grouping's."""
    return ViewKey(Selection(under, own, frozenset(names), tuple(matchers)), Grouping(**grouping))


class Fleet:
    """Members, and the network-wide collector that hears them.

    Attributes:
        now: server's time, unix seconds; tests move it.
    """

    def __init__(self) -> None:
        self.now = START
        self.state = FleetState()
        self.events = EventList()
        self.own = TelemetryCollector(self_metrics=False, reserved_names=True)
        self.network = NetworkCollector(self.state, self.events, self.own, lambda: self.now)
        self.members: list[Member] = []

    def join(
        self, path: str, *, interval: float = 10.0, shared: bool = False, ephemeral: bool = False, **info: str
    ) -> Member:
        """Return a new writer at a path; it sends nothing yet."""
        settings = Settings(interval=interval, shared=shared, ephemeral=ephemeral, info=tuple(info.items()))
        member = Member(self, parse_path(path), len(self.members) + 1, settings)
        self.members.append(member)
        return member

    def sweep(self) -> Swept:
        """Let time do its work on the state, and forget what was shown of what has left, as an engine does."""
        swept = self.state.sweep()
        if swept.retired or swept.label_sets:
            self.network.forget_ended()
        return swept

    def send(self) -> None:
        """Everybody sends."""
        for member in self.members:
            member.send()

    def apply(self, path: Path, data: bytes) -> Outcome:
        """Return the state hears a frame."""
        with self.network.lock:
            return self.state.apply(path, decode(data), self.now)

    def families(self, name: str | None = None, **view: Any) -> list[FamilySnapshot]:
        """Return the fleet's own families in a view (see `asked`), or those of a name."""
        found = self.network.collect(*asked(**view))
        return [
            one
            for one in found
            if (name is None and not one.family.name.startswith("fog_aggregator_")) or one.family.name == name
        ]

    def samples(self, name: str, **view: Any) -> dict[tuple[tuple[str, str], ...], Any]:
        """Return the values of a metric in a view, by labels."""
        series = [one for snapshot in self.families(name, **view) for one in snapshot.series]
        values = {one.labels: one.value for one in series}
        assert len(values) == len(series), "two samples of one label set"
        return values

    def event(self, path: str, name: str, value: object = None, *, epoch: int = 1, seq: int = 1, **labels: str) -> None:
        """Return the event list hears an event."""
        frame = Frame(EVENTS, epoch, seq, events=(Event(name, value, labels, {}, self.now),))
        self.events.apply(parse_path(path), decode(encode(frame)), self.now)


def counting(path: str, kinds: dict[str, float], fleet: Fleet | None = None, **info: Any) -> Fleet:
    """Return a fleet with a node that has counted so much of each kind."""
    fleet = fleet or Fleet()
    counter = fleet.join(path, **info).collector.register_counter("work_total", "", ["kind"])
    for kind, amount in kinds.items():
        counter.labels(kind).increment(amount)
    fleet.members[-1].send()
    return fleet

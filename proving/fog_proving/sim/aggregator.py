"""Drive the product's own engine in a history: what the service's loops do, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from fog_aggregator.core.checkpoint import read_image, restore
from fog_aggregator.core.engine.engine import Effects, Engine, Scope
from fog_aggregator.core.engine.observed import LONGEST_TICK
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.network import NetworkCollector
from fog_bus.ports import Message
from fog_proving.sim.bus import Streams
from fog_proving.sim.checks import AskedFleet, NothingRefused
from fog_proving.sim.program import SUBJECTS
from fog_proving.sim.reader import Reader
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

CROWDED: Final = FleetLimits().silent_per_path


def scope_of(path: Path = (), branches: tuple[Path, ...] = ()) -> Scope:
    """Return what an aggregator is of: a subtree, and the branches of it that other aggregators publish."""
    branching = BranchPatterns(branches)
    return Scope(
        subjects=SUBJECTS, path=path, branches=branching, metrics="metrics", events="events", rollups="rollups"
    )


class Aggregator:
    """One run of an aggregator's process, from a checkpoint's bytes or nothing; `on_frames` gets the frames it took."""

    def __init__(
        self,
        streams: Streams,
        clock: Callable[[], float],
        limits: FleetLimits,
        on_frames: Callable[[Sequence[Message]], None],
        checkpoint: bytes | None,
        scope: Scope,
    ) -> None:
        self._clock = clock
        self.fleet = AskedFleet(limits, lambda: streams.events.losses)
        own, events = TelemetryCollector(self_metrics=False), EventList()
        self.network = NetworkCollector(self.fleet, events, own, lambda: self.engine.server_time(clock()))
        around = Surroundings(self.network, NothingRefused(), lambda *_: None)
        self.engine = Engine(scope, self.fleet, events, around)
        if checkpoint is not None:
            positions = restore(read_image(checkpoint), self.fleet, events, self.network.ratchet)
            self.engine.resume(self.fleet, events, positions, clock())
        self._batch = 1 if limits.silent_per_path < CROWDED else 1000  # the books must see each fold
        mine = [stream for stream in streams.every() if stream.name in self.engine.cursors]
        hearers = {"metrics": on_frames}
        self.readers = [Reader(self.engine, one, clock, hearers.get(one.name, lambda _: None)) for one in mine]

    def read(self, count: int) -> None:
        """Read at most so many messages of each stream."""
        for reader in self.readers:
            reader.read(count, self._batch)

    def second(self, longest_tick: float = LONGEST_TICK) -> Effects:
        """Let it tick; with a longer tick, as if it had ticked all the time."""
        for reader in self.readers:
            reader.notice()
        self.engine.observed.longest_tick = longest_tick
        return self.engine.tick(self._clock())

    def checkpoint(self) -> bytes:
        """Return state and positions of this moment, as a file's bytes."""
        return b"".join(self.engine.image(self.network.ratchet).chunks())

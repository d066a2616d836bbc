"""Drive the product's own engine in a history: what the service's loops do, one thing at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, TypeAlias, cast

from fog_aggregator.components.checkpoints.resumption import resume
from fog_aggregator.core.checkpoint_keeper import CheckpointKeeper, SavingSchedule
from fog_aggregator.core.engine.engine import Effects, Engine, Scope
from fog_aggregator.core.engine.observed import LONGEST_TICK
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.network import NetworkCollector
from fog_bus.ports import Message
from fog_proving.sim.bus import Stage
from fog_proving.sim.checks import AskedFleet, NothingRefused
from fog_proving.sim.program import SUBJECTS
from fog_proving.sim.reader import Reader
from fog_proving.sim.shelf import Shelf
from fog_schema.paths import Path
from utilityfog_frontend.telemetry import TelemetryCollector

OnFrames: TypeAlias = Callable[[Sequence[Message]], None]
SAVE_INTERVAL: Final = 1.0
"""Seconds between two checkpoints at least; short, so that a history has many."""


def scope_of(path: Path = (), branches: tuple[Path, ...] = ()) -> Scope:
    """Return what an aggregator is of: a subtree, and the branches of it that other aggregators publish."""
    branching = BranchPatterns(branches)
    control = "" if path or branches else "control"
    part = partial(Scope, subjects=SUBJECTS, path=path, branches=branching, control=control)
    return part(metrics="metrics", events="events", rollups="rollups")


class Aggregator:
    """One run of an aggregator's process, with the checkpoints of `shelf`; `on_frames` gets the frames it took."""

    def __init__(self, stage: Stage, scope: Scope, limits: FleetLimits, shelf: Shelf[Any], on_frames: OnFrames) -> None:
        self._clock, streams = stage.clock, stage.streams
        fleet, events = AskedFleet(limits, lambda: streams.events.losses), EventList()
        own, server_time = TelemetryCollector(self_metrics=False), lambda: self.engine.server_time(stage.now)
        self.network = NetworkCollector(fleet, events, own, server_time)
        around = Surroundings(self.network, NothingRefused(), lambda *_: None)
        self.engine: Engine = Engine(scope, fleet, events, around)
        self._keeper, self._schedule = CheckpointKeeper(shelf), SavingSchedule(SAVE_INTERVAL, stage.now)
        self._keeper.load(partial(resume, self.engine, self.network, now=stage.now))
        # One at a time where crowds are folded: the books must see each fold.
        self._batch = 1000 if limits == FleetLimits() else 1
        mine = [stream for stream in streams.every() if stream.name in self.engine.cursors]
        hearers = {"metrics": on_frames}
        self.readers = [Reader(self.engine, one, stage.clock, hearers.get(one.name, lambda _: None)) for one in mine]

    @property
    def fleet(self) -> AskedFleet:
        """The fleet, as far as it was read."""
        return cast("AskedFleet", self.engine.fleet)

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

    def checkpoint(self) -> None:
        """Save state and positions of this moment, if it is time to."""
        if self._clock() >= self._schedule.due_at:
            self._keeper.save(self.engine.image(self.network.ratchet))
            self._schedule.ended(self._clock())

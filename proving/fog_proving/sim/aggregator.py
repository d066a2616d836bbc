"""Drive the product's own engine in a history: what the service's loops do, one thing at a time."""

from __future__ import annotations

from functools import partial
from typing import Any, Final, cast

from fog_aggregator.components.checkpoints.resumption import resume
from fog_aggregator.core.checkpoint_keeper import CheckpointKeeper, SavingSchedule
from fog_aggregator.core.engine.effects import Effects
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.observed import LONGEST_TICK
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.network import NetworkCollector
from fog_proving import kernels
from fog_proving.sim.bus import TIGHT, Stage
from fog_proving.sim.checks import DOUBTS, LIMITS, AskedFleet, Ears, NothingRefused
from fog_proving.sim.history import book_of
from fog_proving.sim.reader import Reader
from fog_proving.sim.shelf import Shelf
from utilityfog_frontend.telemetry import TelemetryCollector

SAVE_INTERVAL: Final = 1.0
"""Seconds between two checkpoints at least; short, so that a history has many."""


class Aggregator:
    """One run of an aggregator's process, with the checkpoints of `shelf`; `ears` hear what it takes."""

    def __init__(self, stage: Stage, scope: Scope, limits: FleetLimits, shelf: Shelf[Any], ears: Ears) -> None:
        self._clock, streams, self._doubt = stage.clock, stage.streams, ears.doubt
        self._branches = scope.branches if scope.branch_events and scope.places is None else None
        fleet, events = AskedFleet(limits, lambda: streams.events.losses), EventList()
        own = TelemetryCollector(self_metrics=False, reserved_names=True)
        self.network = NetworkCollector(fleet, events, own, lambda: self.engine.server_time(stage.now))
        steps, counts = book_of(stage, scope).taker(lambda: self.fleet), NothingRefused(streams)
        make = partial(Surroundings, budget=TIGHT, incarnation=stage.draw_incarnation())
        around = make(self.network, counts, self._say, history=steps, clock=stage.processor)
        self.engine: Engine = Engine(scope, fleet, events, around)
        self._keeper, self._schedule = CheckpointKeeper(shelf), SavingSchedule(SAVE_INTERVAL, stage.now)
        self._keeper.load(partial(resume, self.engine, self.network, now=stage.now))
        self.engine.use(kernels.KERNELS)
        self._batch = 1000 if limits == LIMITS else 1  # where crowds are folded the books must see each fold
        mine = [stream for stream in streams.every() if stream.name in self.engine.cursors]
        hearers = {"metrics": lambda read: ears.frames(counts.taken(read)), "control": ears.commands}
        self.readers = [Reader(self.engine, one, stage.clock, hearers.get(one.name, lambda _: None)) for one in mine]

    @property
    def fleet(self) -> AskedFleet:
        """The fleet, as far as it was read."""
        return cast("AskedFleet", self.engine.fleet)

    def _say(self, key: str, *_: object) -> None:
        """Hear a warning; about a stream of frames it is a doubt."""
        if key in DOUBTS:
            cover = self._branches.cover if self._branches else lambda _: False  # their frames tell of events
            self.fleet.must_ask(epoch for path, epoch in self.engine.events.seen if cover(path))
            self._doubt()

    def read(self, count: int) -> None:
        """Read at most so many messages of each stream; those that wait for commands come after these."""
        for reader in [reader for reader in self.readers if not reader.read(count, self._batch)]:
            reader.read(count, self._batch)

    def second(self, longest_tick: float = LONGEST_TICK) -> Effects:
        """Let it tick; with a longer tick, as if it had ticked all the time."""
        for reader in self.readers:
            reader.notice()
        self.engine.observed.longest_tick = longest_tick
        return self.engine.tick(self._clock())

    def checkpoint(self) -> None:
        """Save state and positions of this moment, if it is time to."""
        if self._clock() >= self._schedule.due_at():
            self._keeper.save(self.engine.image(self.network.ratchet))
            self._schedule.ended(self._clock())

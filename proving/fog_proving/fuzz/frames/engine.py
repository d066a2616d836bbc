"""Make the product's engine for the fuzz: small limits, nothing around it, and no fault of ours is let pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from fog_aggregator.core.costs.accounts import Accounts
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.engine.ingest import Ingest
from fog_aggregator.core.engine.ports import Surroundings
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.following.scope import Scope
from fog_aggregator.core.places.limits import FleetLimits
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.kernels.choice import Choice
from fog_aggregator.kernels.load import load
from fog_aggregator.network import NetworkCollector
from fog_bus.ports import Message, Position, StreamInfo
from fog_proving.fuzz.frames.messages import CONTROL, EVENTS, METRICS, ROLLUPS
from fog_schema.subjects import Subjects
from utilityfog_frontend.telemetry import TelemetryCollector

STREAMS: Final = {METRICS: "metrics", EVENTS: "events", ROLLUPS: "rollups", CONTROL: "control"}
LIMITS: Final = FleetLimits(nodes=50, series=50_000, series_per_epoch=30_000, series_per_path=40_000, slots=100_000)
MOST_EVENTS: Final = 500
BRANCH: Final = "fog.v1.metrics.fog.b"
"""The subject of frames that the engine does not read, as a branch sends totals in their place."""
_KERNELS: Final = load(Choice.AUTO)


class BrokenPromiseError(AssertionError):
    """An attack has broken a promise; the text says which."""


class Tally:
    """Takes note of what happens.

    Attributes:
        seen: Words for all that has happened to messages and values.
    """

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def frames_applied(self, tally: Counter[str]) -> None:
        """Check that what came of a batch can be counted."""
        if min(tally.values(), default=0) < 0:
            raise BrokenPromiseError(f"a count is negative: {tally}")
        self.seen.update(name for name, count in tally.items() if count)

    def refused(self, reason: str) -> None:
        """Note a refusal."""
        self.seen.add(reason)

    def left_out(self, messages: Sequence[Message]) -> None:
        """Note that messages were left out."""
        self.seen.update("budget" for _ in messages)

    def events_listed(self, events: EventList) -> None:
        """Check that the totals can be counted."""
        if min(events.total, events.repeated, events.refused, events.lost) < 0:
            raise BrokenPromiseError("a total of events is negative")


def make_engine(tally: Tally, clock: Callable[[], float]) -> tuple[Engine, NetworkCollector]:
    """Return an engine that has read nothing, and what shows it."""
    fleet, events = Fleet(limits=LIMITS), EventList(MOST_EVENTS)
    own = TelemetryCollector(self_metrics=False, reserved_names=True)
    network = NetworkCollector(fleet, events, own, clock)
    scope = Scope(
        subjects=Subjects(),
        branches=BranchPatterns((("fog", "b"),)),
        metrics="metrics",
        events="events",
        rollups="rollups",
        control="control",
    )
    return Engine(scope, fleet, events, Surroundings(network, tally, _say)), network


def make_ingest(tally: Tally) -> tuple[Fleet, Ingest]:
    """Return an empty fleet, and what applies frames of nodes to it by kernels, where numba is installed."""
    fleet = Fleet(limits=LIMITS)
    ingest = Ingest(fleet, EventList(MOST_EVENTS), Accounts(Subjects()), BranchPatterns(), tally, _say)
    ingest.use(_KERNELS)
    return fleet, ingest


def info(now: float, position: Position | None = None) -> StreamInfo:
    """Return what a stream is that has nothing beyond a position."""
    last = 0 if position is None else position.seq
    return StreamInfo("then", 1, last, last, 0, now, None, 86_400.0, now, last)


def _say(_key: str, text: str, error: Exception | None) -> None:
    if error is not None:
        raise BrokenPromiseError(text) from error

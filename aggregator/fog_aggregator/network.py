"""The network-wide collector: a fleet that reads like one process's collector."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

import numpy as np

from fog_aggregator.core.catalog import SeriesEntry
from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.eventlist import EventList, FleetEvent
from fog_aggregator.core.lifecycle import DEPARTED_SECONDS, Coverages, Life, coverage, lives
from fog_aggregator.core.state import State
from fog_aggregator.core.sweep import Swept, forget, sweep
from fog_aggregator.query.family_variants import Version, Versions
from fog_aggregator.query.ratchet import Ratchet, RatchetKey
from fog_aggregator.query.reading import Reading
from fog_aggregator.query.rollup import Planner
from fog_aggregator.query.samples import Labeller, LazySeries, Samples
from fog_aggregator.query.snapshots import held, snapshots
from fog_aggregator.query.totals import Totals
from fog_aggregator.query.tree import Tree, View
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry import TelemetryCollector, TelemetryEvent
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType
from utilityfog_frontend.telemetry.source import MetricsSource

WHOLE: Final = View()
"""Everything there is, as one."""
_NODES: Final = Family("fog_aggregator_nodes", MetricType.GAUGE, "Nodes by state")
_OLDEST: Final = Family(
    "fog_aggregator_oldest_frame_age_seconds",
    MetricType.GAUGE,
    "Age of the last frame of the live node that has been silent longest",
    unit="seconds",
)


class NetworkCollector(MetricsSource):
    """Every node's numbers as one `MetricsSource`: any exporter works on it as it does on a node.

    Args:
        state: what was read; whoever writes to it holds `lock`.
        events: the fleet's events.
        own: the aggregator's own metrics (``fog_aggregator_*``), part of the network-wide view.
        clock: server's time now, seconds.
        departed_after: seconds of silence after which a node counts as departed.

    Attributes:
        lock: held while the state is read or written; any thread may read.
    """

    def __init__(
        self,
        state: State,
        events: EventList,
        own: TelemetryCollector,
        clock: Callable[[], float],
        departed_after: float = DEPARTED_SECONDS,
    ) -> None:
        self.lock = threading.RLock()
        self.state = state
        self.events = events
        self.own = own
        self.ratchet = Ratchet()
        self.active = True
        self._clock = clock
        self._departed_after = departed_after
        self._planner = Planner(state)
        self._versions = Versions(state)

    def adopt(self, state: State, events: EventList, ratchet: Ratchet) -> None:
        """Go on with what a checkpoint held, in place of what was read until now."""
        with self.lock:
            self.state, self.events, self.ratchet = state, events, ratchet
            self._planner, self._versions = Planner(state), Versions(state)

    def collect(self, view: View = WHOLE) -> list[FamilySnapshot]:
        """The families of a view with its coverage; of everything, with the aggregator's own, without one.

        Their series are made while they are read, from copies: that needs no lock.
        """
        with self.lock:
            reading, ratchet = self._read(view), self.ratchet
            covered = self.coverage(view)
        own = self.own.collect() if view == WHOLE else []
        return self._snapshots(reading, ratchet) + _as_families(covered, view) + own

    def collect_only(self, name: str, view: View) -> list[FamilySnapshot]:
        """As `collect`, only what is called `name`."""
        with self.lock:
            reading, ratchet = self._read(view, self.called(name)), self.ratchet
        return self._snapshots(reading, ratchet)

    def totals(self, view: View = WHOLE) -> Totals:
        """The absolute totals of a view of one group, as they go up to a parent."""
        with self.lock:
            reading, families, coverage = self._read(view), self.state.catalog.families, self.coverage(view).total()
        totals = reading.totals(families, coverage)
        self._remember(reading)
        return totals

    def called(self, name: str) -> Bools:
        """Which series are of a metric of this name, by their numbers. Hold `lock`."""
        return self._versions.called(name)

    def _read(self, view: View, wanted: Bools | None = None) -> Reading:
        return Reading(self.state, self._planner, self._versions, view, self.now(), wanted)

    def _snapshots(self, reading: Reading, ratchet: Ratchet) -> list[FamilySnapshot]:
        """`ratchet` is the one of the moment of reading: series' numbers are given out again."""

        def hold(samples: Samples) -> list[float]:
            with self.lock:
                return held(ratchet, reading.view, reading.paths, samples)

        found = snapshots(reading, self.state.catalog.families, hold)
        self._remember(reading)
        return found

    def _remember(self, reading: Reading) -> None:
        """Keep the plans that were made for a reading."""
        with self.lock:
            for width, draft, plan in reading.fresh:
                self._planner.remember(reading.view, width, draft, plan)

    def sweep(self) -> Swept:
        """Let time do its work on the state."""
        with self.lock:
            swept = sweep(self.state)
            if swept.retired or swept.label_sets:
                self._forget_exported()
        return swept

    def forget(self, under: Path, at: float) -> list[Path]:
        """Retire the nodes at and under a path that had departed by `at` (server's time); return their paths."""
        with self.lock:
            gone = forget(self.state, under, at, self._departed_after)
            self._forget_exported()
        return gone

    def _forget_exported(self) -> None:
        nodes, tree, free = self.state.nodes, self.tree, set(self.state.catalog.free)

        def lasts(key: RatchetKey) -> bool:
            own, path, series = key
            return series not in free and (path in nodes if own else bool(tree.span(path)))

        self.ratchet = self.ratchet.only(lasts)

    def has(self, name: str, view: View) -> bool:
        """Whether anybody in a view has a metric of this name, whether or not it counts now."""
        with self.lock:
            wanted = self.called(name)
            return any(self._planner.draft(view, width, wanted).make().size for width in self.state.tables)

    def now(self) -> float:
        """Server's time, unix seconds."""
        return self._clock()

    def lives(self) -> Int64s:
        """Every node's Life, by its row. Hold `lock`."""
        return lives(self.state, self.now(), self._departed_after)

    @property
    def tree(self) -> Tree:
        """All nodes in path order, as they are now. Hold `lock`."""
        return self._planner.tree

    def knows(self, path: Path) -> bool:
        """Whether there is a node at or under a path."""
        with self.lock:
            return bool(self.tree.span(path))

    def conflicts(self) -> dict[str, list[Version]]:
        """The families that cannot all be shown, by name; hold `lock` while reading the rows of nodes."""
        with self.lock:
            return self._versions.survey(self.lives() == Life.LIVE).disagreements()

    def coverage(self, view: View = WHOLE) -> Coverages:
        """What each group of a view stands on."""
        with self.lock:
            return coverage(self.state, self._planner.grouping(view), self.lives(), self.now())

    def life_of(self, path: Path) -> Life | None:
        """Whether the node at a path is live, stale or departed; None when there is none."""
        with self.lock:
            node = self.state.nodes.get(path)
            return None if node is None else Life(self.lives()[node.row])

    def is_branch(self, path: Path) -> bool:
        """Whether a path is a branch: read as the totals that its own aggregators send."""
        with self.lock:
            node = self.state.nodes.get(path)
            return node is not None and node.branch

    def get_events(self, limit: int | None = None) -> list[TelemetryEvent]:
        """The newest events of the fleet, oldest first, with the label ``fog_path``."""
        with self.lock:
            return [_as_event(event) for event in self.events.query(limit=limit)]

    @property
    def events_count(self) -> int:
        """Events that are kept now."""
        return len(self.events.events)

    @property
    def running(self) -> bool:
        """Whether it reads its streams."""
        return self.active

    @property
    def _running(self) -> bool:
        return self.active


def _as_event(event: FleetEvent) -> TelemetryEvent:
    labels = event.labels | {"fog_path": format_path(event.path)}
    return TelemetryEvent(event.name, event.value, event.timestamp, labels, event.metadata)


def _as_families(covered: Coverages, view: View) -> list[FamilySnapshot]:
    """Coverage as metrics, beside the numbers it qualifies."""
    if view.level is None:
        whole = covered.total()
        covered = Coverages([()], np.array([whole.nodes]), np.array([whole.oldest]))
    group = np.arange(len(covered.paths), dtype=np.int32)
    labeller = Labeller([SeriesEntry(0, ())], covered.paths, view.level)
    nodes = [
        Samples(np.zeros_like(group), group, covered.nodes[:, life], extra=(("state", life.label),)) for life in Life
    ]
    ages = [Samples(np.zeros_like(group), group, covered.oldest)]
    return [FamilySnapshot(_NODES, LazySeries(nodes, labeller)), FamilySnapshot(_OLDEST, LazySeries(ages, labeller))]

"""The network-wide collector: a fleet that reads like one process's collector."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from typing import Any, Final, TypeVar

import numpy as np

from fog_aggregator.core.columns import Bools, Int64s
from fog_aggregator.core.engine.defaults import DEPARTED_SECONDS
from fog_aggregator.core.events.newest import FleetEvent, Mark
from fog_aggregator.core.fleet.event_list import EventList
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.lifecycle import Coverages
from fog_aggregator.core.fleet.silent_cover import Losses
from fog_aggregator.core.kinds.samples import Samples
from fog_aggregator.core.kinds.view import Slots
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.expected import NOBODY_EXPECTED, Expected
from fog_aggregator.core.places.unread import Unread
from fog_aggregator.core.quarantine.orders import Order
from fog_aggregator.kernels.ports import Kernels
from fog_aggregator.query.explanation import Explanation, take_apart
from fog_aggregator.query.family_variants import FamilyVariant, described
from fog_aggregator.query.fleet_view import COVERAGE_FAMILIES, Beside, FleetView, Memory, shows_losses
from fog_aggregator.query.inventory import Inventory
from fog_aggregator.query.listing.absence import Absence
from fog_aggregator.query.nodes import NODE_INFO, NodeStates, holding, known_info, node_states
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.ratchet import Ratchet, RatchetKey, clamped
from fog_aggregator.query.selection import EVERYTHING, TOGETHER, Grouping, Selection, ViewKey
from fog_aggregator.query.totals import Totals
from fog_aggregator.query.tree import Tree
from fog_aggregator.query.view_snapshot import ViewSnapshot
from fog_schema.paths import Path, format_path, is_under
from utilityfog_frontend.telemetry import TelemetryCollector, TelemetryEvent, model
from utilityfog_frontend.telemetry.model import FamilySnapshot
from utilityfog_frontend.telemetry.source import MetricsSource

T = TypeVar("T")

_OVER: Final = 8
"""By this part of its memory a fleet may be over it, with values of ended epochs, and is still shown."""


class NetworkCollector(MetricsSource):
    """Every node's numbers as one `MetricsSource`: any exporter works on it as it does on a node.

    Args:
        fleet: what was read; whoever writes to it holds `lock`.
        events: the fleet's events.
        own: the aggregator's own metrics (``fog_aggregator_*``), part of the network-wide view.
        clock: server's time now, seconds.
        departed_after: seconds of silence after which a node counts as departed.

    Attributes:
        lock: held while the fleet is read or written; any thread may read.
        ratchet: the fractional values that were exported.
        expected: the nodes that an operator expects.
        active: False once the service has stopped.
    """

    def __init__(
        self,
        fleet: Fleet,
        events: EventList,
        own: TelemetryCollector,
        clock: Callable[[], float],
        departed_after: float = DEPARTED_SECONDS,
        expected: Expected = NOBODY_EXPECTED,
    ) -> None:
        self.lock = threading.RLock()
        self._clamping = threading.Lock()
        self.fleet = fleet
        self.events = events
        self.own = own
        self.ratchet = Ratchet()
        self.active = True
        self._clock = clock
        self.expected = expected
        self._absence = Absence()
        self._departed_after = departed_after
        self._planner = Planner(fleet)

    def use(self, kernels: Kernels | None) -> None:
        """Let kernels add up counts; None for numpy."""
        self._planner.kernels = kernels

    def adopt(self, fleet: Fleet, events: EventList, ratchet: Ratchet) -> None:
        """Go on with what a checkpoint held, in place of what was read until now."""
        with self.lock:
            self.fleet, self.events, self.ratchet = fleet, events, ratchet
            self._planner = Planner(fleet, self._planner.kernels)
            self._absence.forget()

    def view(
        self, selection: Selection = EVERYTHING, grouping: Grouping = TOGETHER, at: float | None = None
    ) -> FleetView:
        """Look at the fleet as it is now: copied in one go, read without a lock.

        The aggregator's own metrics are part of what is neither a subtree nor split into groups. With `at` the fleet is
        that of this moment of the server's time, unix seconds, without the aggregator's own metrics.
        """
        own = self.own.collect() if at is None and grouping == TOGETHER and not selection.under else []
        return self._view(ViewKey(selection, grouping), at, own)

    def _view(self, key: ViewKey, at: float | None, own: Sequence[FamilySnapshot]) -> FleetView:
        selection, grouping = key
        with self.lock:
            if at is None:
                self.fleet.choose_families(self.now())
            snapshot = ViewSnapshot(self.fleet, self._planner, key, self.now() if at is None else at)
            covered = self.coverage(selection, grouping, at)
            info = self._known_info(key)
            version = (self.fleet.catalog.version, self.fleet.places_version)
            memory = Memory(partial(self._clamp, self.ratchet), self._planner.offer, version)
            losses = self.losses(at) if shows_losses(key) else None
            return FleetView(snapshot, self.fleet.families, Beside(covered, info, own, losses), memory)

    def _known_info(self, view: ViewKey) -> list[tuple[Path, Mapping[str, str]]]:
        """Return the information of the view's nodes, where it is asked for by name: it has a sample for each node."""
        selection, grouping = view
        if NODE_INFO.name not in selection.names or grouping.by is not None or grouping.info is not None:
            return []
        span = self.tree.selected(selection)
        return known_info(self.fleet, self.tree.paths[span.start : span.stop])

    def answers_at_once(self) -> int:
        """Return for how many answers of the whole fleet there is memory; 0 when one is too many."""
        with self.lock:
            parts = self.fleet.parts
            room, reserve = parts.budget.room, parts.slots.answer_bytes
            return 1 + max(0, room) // reserve if room > -(parts.budget.limit // _OVER) else 0

    def answer_bytes(self) -> int:
        """Return the memory that one answer of the whole fleet takes while it is made."""
        with self.lock:
            return self.fleet.parts.slots.answer_bytes

    def collect(self, selection: Selection = EVERYTHING, grouping: Grouping = TOGETHER) -> list[FamilySnapshot]:
        """Return the families of a view with its coverage; of everything, with the aggregator's own."""
        return self.view(selection, grouping).families()

    def totals(self, selection: Selection = EVERYTHING) -> Totals:
        """Return the absolute totals of a view of one group, as they go up to a parent."""
        return self._view(ViewKey(selection, TOGETHER), None, ()).totals()

    def explain(self, path: Path, name: str) -> Explanation:
        """Take a metric at and under a path apart, as it is now."""
        selection = Selection(path, names=frozenset({name}))
        with self.lock:
            node, wanted = self.fleet.place(path), self._planner.variants.called([name])
            return Explanation(
                self.view(selection),
                self.view(selection, Grouping(level=len(path))),
                None if node is None else take_apart(self.fleet, node, wanted),
            )

    @cached_property
    def unread(self) -> Unread:
        """The branches that no aggregator reads, as far as anybody has looked."""
        return Unread(lambda path: self.fleet.place(path) is not None)

    def inventory(self, read: Callable[[Inventory], T]) -> T:
        """List something of the fleet as it is now; `read` is called with the fleet held, and keeps nothing of it."""
        with self.lock:
            self._settle()
            coverage = lambda view: self.coverage(*view)  # noqa: E731
            return read(Inventory(self.fleet, self._planner, self.lives(), coverage, self._absent, self.now()))

    def find_events(
        self, under: Path, name: str | None, since: float | None, limit: int, before: Mark | None = None
    ) -> tuple[list[FleetEvent], dict[str, int]]:
        """Return the newest events that are asked for, oldest first, and how many there were of all."""
        with self.lock:
            found, every = self.events.query(under, name, since, limit, before), self.events
            counts = {"kept": len(every.events), "total": every.total, "repeated": every.repeated, "lost": every.lost}
            counts["evicted"] = every.events.evicted.total()
        return found, counts

    def _clamp(self, ratchet: Ratchet, snapshot: ViewSnapshot, samples: Samples) -> list[float]:
        """Pass values through `ratchet`, the one of the moment of the view: series' numbers are given out again."""
        with self._clamping:
            return clamped(ratchet, snapshot.view, snapshot.paths, snapshot.series, samples)

    def forget_ended(self) -> None:
        """Forget what was exported of nodes and series that are gone: they may begin anew."""
        with self.lock:
            nodes, tree, free = self.fleet.places, self.tree, self.fleet.free_series

            def lasts(key: RatchetKey) -> bool:
                own, path, series = key
                return series not in free and (path in nodes if own else bool(tree.span(path)))

            with self._clamping:
                self.ratchet = self.ratchet.only(lasts)

    def forget_exported(self, places: Collection[Path]) -> None:
        """Forget what was exported of totals with some paths in them: an operator's order lowers them."""
        with self.lock, self._clamping:
            self.ratchet = self.ratchet.only(
                lambda key: not any(is_under(key[1], path) or is_under(path, key[1]) for path in places)
            )

    @contextmanager
    def held_still(self) -> Iterator[None]:
        """Keep every thread from reading the fleet, from changing it and from exporting values: for a checkpoint."""
        with self.lock, self._clamping:
            yield

    def disagreements(self) -> dict[str, Path]:
        """Return the families on which nodes disagree, each with a node whose variant is not shown."""
        with self.lock:
            self._settle()
            tree = self.tree
            found = self._planner.disagreements.find(self.now())
            return {name: tree.paths[int(tree.rank[place])] for name, place in found.items()}

    def orders(self) -> dict[Path, list[Order]]:
        """Return the orders that take paths out of the numbers, or in again, as far as these know them."""
        with self.lock:
            return self.fleet.quarantine.done

    def quarantined(self, under: Path) -> list[dict[str, Any]]:
        """List the paths at, under and above a path that an operator has taken out, as plain values."""
        with self.lock:
            found = sorted(self.fleet.quarantine.in_force.items())
        return [
            {"path": format_path(path), "since": order.at, "why": order.why, "author": order.author}
            for path, order in found
            if is_under(path, under) or is_under(under, path)
        ]

    def now(self) -> float:
        """Server's time, unix seconds."""
        return self._clock()

    def lives(self, at: float | None = None, nodes: Slots = slice(None)) -> Int64s:
        """Return the Life of some nodes, by row, now or at a moment of the server's time. Hold `lock`."""
        return self.fleet.lives(self.now() if at is None else at, self._departed_after, nodes)

    def level_sizes(self) -> list[int]:
        """Return how many groups each level has, from level 0 to the deepest. Hold `lock`."""
        return self.tree.level_sizes

    @property
    def tree(self) -> Tree:
        """Return all nodes in path order, as they are now. Hold `lock`."""
        return self._planner.tree

    @property
    def horizon(self) -> float:
        """Seconds of silence after which a node retires."""
        return self.fleet.horizon

    def paths(self, under: Path = ()) -> list[Path]:
        """Return the paths of the nodes at and under a path, in order."""
        with self.lock:
            span = self.tree.span(under)
            return self.tree.paths[span.start : span.stop]

    def children(self, path: Path) -> list[Path]:
        """Return the paths of one more token with nodes at or under them, and the path itself if it is a node's."""
        with self.lock:
            return self.tree.group(Selection(path), Grouping(level=len(path))).paths

    def writers(self, selection: Selection) -> dict[tuple[Path, int], int]:
        """Return the number of the last frame of each writer that has not ended, by its path and epoch."""
        with self.lock:
            span = self.tree.selected(selection)
            places = (self.fleet.places[path] for path in self.tree.paths[span.start : span.stop])
            return {(place.path, epoch.id): epoch.seq for place in places for epoch in place.epochs.values()}

    def node_states(self) -> NodeStates:
        """Look at all nodes, as they are now."""
        with self.lock:
            return node_states(self.fleet, self.tree, self.lives(), self.now())

    def holding(self, names: frozenset[str], states: NodeStates) -> Bools:
        """Tell which nodes have a series of some metrics, live or not, in the order of an earlier look at them."""
        return holding(self.fleet, names, states.tree, lambda: self.lock)

    def knows(self, path: Path) -> bool:
        """Tell whether there is a node at or under a path."""
        with self.lock:
            return bool(self.tree.span(path))

    def descriptions(self, under: Path = ()) -> list[model.Family]:
        """Return every family that a view may show, our own too; several of one name where nodes disagree.

        Below a path it is the families that the subtree shows.
        """
        if under:
            return [one.family for one in self.collect(Selection(under))]
        own = [one.family for one in self.own.collect()]
        with self.lock:
            self._settle()
            known = [described(family) for family in self.fleet.families if family.is_known]
            return [*known, *COVERAGE_FAMILIES, *own]

    def size(self, path: Path) -> int:
        """Return how many nodes there are at and under a path."""
        with self.lock:
            return len(self.tree.span(path))

    def conflicts(self) -> dict[str, list[FamilyVariant]]:
        """Return the families that cannot all be shown, by name; hold `lock` while reading the rows of nodes."""
        with self.lock:
            self._settle()
            return self._planner.variants.conflicts(self.now(), self._planner.disagreements.find(self.now()))

    def _settle(self) -> None:
        """Let families be described and shown as most live nodes say, and as was decided."""
        self.fleet.describe_families(self.now())
        self.fleet.choose_families(self.now(), final=False)

    def coverage(
        self, selection: Selection = EVERYTHING, grouping: Grouping = TOGETHER, at: float | None = None
    ) -> Coverages:
        """Return what each group of a view stands on, now or at a moment of the server's time."""
        with self.lock:
            groups = self._planner.groups(ViewKey(selection, grouping))
            covered = self.fleet.coverage(groups, self.lives(at, groups.nodes), self.now() if at is None else at)
            if grouping.info is not None:
                return covered
            covered = covered.with_missing(self.missing(selection, at), grouping.level)
            return covered.with_missing(self._absent(selection, Life.UNREAD), grouping.level, Life.UNREAD)

    def missing(
        self, selection: Selection = EVERYTHING, at: float | None = None, *, waits: bool = False
    ) -> list[tuple[Path, int]]:
        """Count the expected nodes that are not known, by path; of a branch only its aggregator knows them.

        They were never heard, or have retired. Places that an operator has taken out are not missed. With `waits` nodes
        that were never heard are left out until the streams were read to their end for half an hour.
        """
        if not self.expected:
            return []
        with self.lock:
            lives, tree = self.lives(at), self.tree

            def nodes_heard(under: Path) -> int:
                span = tree.span(under)
                return self.fleet.heard_under(tree.rows[span.start : span.stop], lives)

            found = self._absence.missing(self.fleet, self.expected, nodes_heard, self.branch_over, waits=waits)
        under = selection.under
        return [one for one in found if (one[0] == under if selection.own else is_under(one[0], under))]

    def _absent(self, selection: Selection, life: Life) -> list[tuple[Path, int]]:
        if life is Life.MISSING:
            return self.missing(selection)
        return [] if selection.own else self.unread.under(selection.under)

    def losses(self, at: float | None = None) -> Losses:
        """Return how many nodes stand at each path and how many are silent, those included that are missing.

        A fleet that comes up is not lost: those that were never heard count after half an hour of reading.
        """
        with self.lock:
            losses = self.fleet.losses(self.tree.paths, self.tree.rows, self.lives(at))
        missing = self.missing(at=at, waits=True)
        return losses.with_missing(missing) if missing else losses

    def life_of(self, path: Path) -> Life | None:
        """Tell whether the node at a path is live, stale or departed; None without a node."""
        with self.lock:
            node = self.fleet.place(path)
            return None if node is None else Life(self.lives(nodes=np.array([node.row]))[node.row])

    def branch_over(self, path: Path) -> Path | None:
        """Return the branch that a path is or lies under: a subtree read as the totals that its aggregators send."""
        with self.lock:
            over = (self.fleet.place(path[:end]) for end in range(1, len(path) + 1))
            return next((place.path for place in over if place is not None and place.covers_below), None)

    def get_events(self, limit: int | None = None) -> list[TelemetryEvent]:
        """Return the newest events of the fleet, oldest first, with the label ``fog_path``."""
        with self.lock:
            found = self.events.query(limit=limit)
        return [TelemetryEvent(*event.labelled()) for event in found]

    @property
    def events_count(self) -> int:
        """Events that are kept now."""
        return len(self.events.events)

    @property
    def running(self) -> bool:
        """Tell whether it reads its streams."""
        return self.active

    @property
    def _running(self) -> bool:
        return self.active

"""The reader's rules (SPEC.md, "The reader"): frames go in, every node's numbers come out as columns.

Each epoch is a grow-only counter per id whose only writer is the node (a state-based CRDT; Shapiro, Preguica, Baquero
and Zawirski, "Conflict-free Replicated Data Types", 2011): repeats change nothing, a gap is repaired by any keyframe,
and at no moment is the reader above the writer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Final

import numpy as np

from fog_aggregator.core.catalog import Catalog
from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.kinds import Kind, Merge, Tables, new_tables
from fog_aggregator.core.merge import Merger, Present
from fog_aggregator.core.nodes import CLOSED, Epoch, Node, Rows, Run
from fog_aggregator.core.outcome import Outcome, Status
from fog_schema.frames import EPHEMERAL, FINAL, KEYFRAME, LAST_PART, SHARED, Frame
from fog_schema.paths import Path

DAY: Final = 86_400.0
STALE_INTERVALS: Final = 3
"""So many of its intervals a node, or a writer of it, may be silent while its gauges count."""


@dataclass(frozen=True, slots=True)
class StateLimits:
    """What the state may grow to; at a limit the newcomer is refused.

    Attributes:
        nodes: paths.
        series: label sets of the whole fleet.
        series_per_epoch: series of one writer.
        series_per_path: values of one path, its closed total included.
        brought_per_path: what a path may bring within a horizon that nobody had before: families, label sets, and each
            256 bytes of their definitions. What nobody holds any more is kept for as long.
        slots: values of the whole fleet.
        epochs_per_path: writers of one path.
        silent_per_path: of those, silent ones that are kept apart; over that the longest silent is folded early.
        silent_replicas: the same at a branch, where nothing is lost with them: what they counted is joined.
        tombstones: of epochs folded without their final.
    """

    nodes: int = 1_000_000
    series: int = 20_000_000
    series_per_epoch: int = 1_000_000
    series_per_path: int = 5_000_000
    brought_per_path: int = 1_000_000
    slots: int = 50_000_000
    epochs_per_path: int = 1024
    silent_per_path: int = 64
    silent_replicas: int = 2
    tombstones: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An epoch that was folded. `final`: its frames are ignored; else its next keyframe is a baseline.

    `expires` is in watched time. Frames up to `seq` were counted: one that is read again is no return.
    """

    expires: float
    final: bool
    seq: int


class State:
    """Everything that was read of a fleet. Not thread-safe.

    Attributes:
        now: the newest server timestamp read, seconds.
        watched: seconds during which the streams were read to their end: what horizons are measured in, so that
            nothing is given up for a silence that was the reader's own.
        gapped: the epochs that a keyframe is wanted from.
        ledger: counts of label sets that left the exposition, by family.
        needs_keyframe_round: counts may be missing that were shown before; a restart does not end that.

    Args:
        horizon: seconds of silence after which an epoch is folded, and that a tombstone lasts.
        limits: what it may grow to.
        complete: the state goes back to a checkpoint, or has read the streams to their end since, so that a frame of an
            unknown epoch older than the horizon is a ghost: a copy of a store was put back.
    """

    def __init__(self, *, horizon: float = 7 * DAY, limits: StateLimits | None = None, complete: bool = False) -> None:
        self.horizon = horizon
        self.limits = limits or StateLimits()
        self.complete = complete
        self.now = 0.0
        self.catalog = Catalog(self.limits.series)
        self.rows = Rows()
        self.tables: Tables = new_tables()
        self.nodes: dict[Path, Node] = {}
        self.tombstones: dict[tuple[Path, int], Tombstone] = {}
        self.gapped: dict[Epoch, Path] = {}
        self.needs_keyframe_round = True
        self.watched = 0.0
        self.series_held: Float64s = np.zeros(0)
        self.ledger: dict[int, float] = {}
        self.tree_version = 0
        self.folded_early = 0
        self._merger = Merger(self.tables)

    def apply(self, path: Path, frame: Frame, timestamp: float, *, rollup: bool = False) -> Outcome:
        """Merge a frame that the server stored at `timestamp` for the node at `path`, or of the branch there.

        Args:
            path: the node's, or the branch's.
            frame: what its writer sent.
            timestamp: unix seconds, by the server's clock.
            rollup: it came on a rollup subject: the path is a branch, and its epochs are replicas of one truth.

        Raises:
            FrameError: when its definitions are not valid; nothing was changed then.
        """
        node = self.nodes.get(path)
        epoch = node.epochs.get(frame.epoch) if node is not None else None
        if epoch is None:
            self.now = max(self.now, timestamp)
            refusal = self._refuse(path, frame, timestamp, rollup=rollup)
            if refusal is not None:
                return refusal
        elif frame.seq <= epoch.seq:
            return Outcome(Status.DUPLICATE)
        known = self.catalog.entries
        resolved = self.catalog.resolve(frame.definitions, self._may_bring(node)) if frame.definitions else None
        new_epoch = epoch is None
        if node is None:
            node = self._new_node(path, timestamp, branch=rollup)
        if epoch is None:
            epoch = self._new_epoch(node, frame)
        outcome = self.advance(node, epoch, frame, timestamp)
        outcome.new_epoch = new_epoch
        merger, whole = self._merger, frame.kind == KEYFRAME
        fresh = []
        if resolved is not None:
            node.brought += self._price(frame.definitions, known)
            outcome.refused_series = resolved.refused
            created = _born(node, epoch, frame, timestamp)
            fresh = self._define(node, epoch, resolved.groups, created, outcome)
        self._merge(node, epoch, frame, outcome)
        if whole:
            if epoch.returning:
                merger.retract(node.closed, epoch, fresh)
            self._keyframe(node, epoch, frame, resolved.groups if resolved else {}, outcome)
        if epoch.gapped:
            self.gapped[epoch] = path
        outcome.wants_keyframe = epoch.gapped
        return outcome

    def advance(self, node: Node, epoch: Epoch, frame: Frame, timestamp: float) -> Outcome:
        """Take note that a frame of a known epoch came, and of its number; its values are for the caller to merge."""
        self.now = max(self.now, timestamp)
        outcome = Outcome(wants_keyframe=epoch.gapped)
        self._number(epoch, frame, outcome)
        self._heard(node, epoch, frame, timestamp)
        return outcome

    def require_keyframes(self) -> None:
        """Want a keyframe of every epoch: the stream lost frames, or is another one, so each may have a hole."""
        for path, node in self.nodes.items():
            for epoch in node.epochs.values():
                epoch.gapped = True
                self.gapped[epoch] = path

    def observe(self, seconds: float, now: float) -> None:
        """Let seconds pass during which the streams were read to their end; `now` is the server's time after them."""
        self.watched += seconds
        self.now = max(self.now, now)
        self.complete = True

    def heard_lately(self, path: Path, epoch: int, now: float) -> bool:
        """Tell whether a writer was heard within 3 of its intervals; one that was not has no answer to give."""
        if (node := self.nodes.get(path)) is None or epoch not in node.epochs:
            return False
        return now - node.epochs[epoch].heard <= STALE_INTERVALS * float(self.rows.interval[node.row])

    @property
    def node_count(self) -> int:
        """How many nodes there are, branches and groups of retired nodes among them."""
        return len(self.nodes)

    @property
    def longest_interval(self) -> float:
        """The longest interval of any node, seconds."""
        return float(self.rows.interval.max(initial=0.0))

    def is_branch(self, path: Path) -> bool:
        """Tell whether a path is a branch."""
        return (node := self.nodes.get(path)) is not None and node.branch

    def branches(self) -> Iterator[Node]:
        """The nodes that are branches."""
        if self.rows.branch.any():
            yield from (node for node in self.nodes.values() if node.branch)

    def retired_series(self, series: Int64s) -> Bools:
        """Whether a series has left the exposition, as no node had it for the horizon."""
        if len(self.series_held) < len(self.catalog.series):
            return np.zeros(len(series), np.bool_)
        return self.watched - self.series_held[series] > self.horizon

    def merge_closed(self, into: Epoch, closed: Epoch) -> None:
        """Add one closed total to another, whose slots it then has."""
        self._merger.close(into, closed)

    def fold(self, node: Node, epoch: Epoch, *, final: bool, lasts: float) -> None:
        """Add an epoch to its path's closed total and leave a tombstone for `lasts` seconds.

        A branch's epoch was joined: there is nothing to add.
        """
        self._merger.close(self._closed_total(node), epoch)
        del node.epochs[epoch.id]
        node.folded += 1
        node.closed.watched = self.watched
        self.rows.free_epoch(epoch.row)
        self.gapped.pop(epoch, None)
        self.tombstones[node.path, epoch.id] = Tombstone(self.watched + lasts, final, epoch.seq)
        self.elect(node)

    def _merge(self, node: Node, epoch: Epoch, frame: Frame, outcome: Outcome) -> None:
        self._merger.merge(Merge(self.tables, epoch, epoch.heard, node.epochs.values(), outcome), frame)
        if node.branch:
            self._merger.join(node.closed, epoch, frame)
            if frame.removed is not None and not epoch.gapped:
                self._merger.mark_retained(node.closed, node.epochs.values())

    def _closed_total(self, node: Node) -> Epoch | None:
        """What is added to when something of a path ends; a branch adds nothing up."""
        return None if node.branch else node.closed

    def _refuse(self, path: Path, frame: Frame, timestamp: float, *, rollup: bool) -> Outcome | None:
        """Whether an unknown epoch must not begin with this frame."""
        tombstone = self.tombstones.get((path, frame.epoch))
        if tombstone is not None:
            if tombstone.final or frame.seq <= tombstone.seq:
                return Outcome(Status.FOLDED)
            if frame.kind != KEYFRAME:
                return Outcome(Status.AWAITS_KEYFRAME, wants_keyframe=True)
        elif self.complete and timestamp < self.now - self.horizon:
            return Outcome(Status.TOO_OLD)
        node = self.nodes.get(path)
        if node is not None and node.branch != rollup:
            return Outcome(Status.REFUSED)
        full = len(self.nodes) >= self.limits.nodes if node is None else len(node.epochs) >= self.limits.epochs_per_path
        return Outcome(Status.REFUSED) if full else None

    def _new_node(self, path: Path, timestamp: float, *, branch: bool) -> Node:
        row = self.rows.new_node(branch=branch)
        closed = Epoch(self.rows.new_epoch(row), CLOSED)
        closed.watched = self.watched
        node = self.nodes[path] = Node(path, row, closed, branch, first_heard=timestamp)
        self.tree_version += 1
        return node

    def _new_epoch(self, node: Node, frame: Frame) -> Epoch:
        self._fold_crowd(node)
        epoch = node.epochs[frame.epoch] = Epoch(self.rows.new_epoch(node.row, adds_up=not node.branch), frame.epoch)
        epoch.returning = self.tombstones.pop((node.path, frame.epoch), None) is not None and not node.branch
        return epoch

    def _fold_crowd(self, node: Node) -> None:
        """Fold the longest silent epochs of a path that has too many silent ones; those that are heard are no crowd."""
        silent_since = self.now - STALE_INTERVALS * self.rows.interval[node.row]
        silent = sorted(
            [epoch for epoch in node.epochs.values() if epoch.heard < silent_since], key=attrgetter("heard")
        )
        most = self.limits.silent_replicas if node.branch else self.limits.silent_per_path
        for epoch in silent[: max(0, len(silent) - most)]:
            self.fold(node, epoch, final=False, lasts=365 * DAY)
            self.folded_early += not node.branch

    def _heard(self, node: Node, epoch: Epoch, frame: Frame, timestamp: float) -> None:
        epoch.heard, epoch.watched = max(epoch.heard, timestamp), self.watched
        self.rows.heard[node.row] = max(self.rows.heard[node.row], timestamp)
        self.rows.interval[node.row] = frame.interval_ms / 1000
        epoch.birth = min(epoch.birth, max(0.0, timestamp - frame.age_ms / 1000))
        epoch.shared = bool(frame.flags & SHARED)
        if len(node.epochs) > 1 or not self.rows.shows_gauges[epoch.row]:
            self.elect(node)
        node.ephemeral = bool(frame.flags & EPHEMERAL)
        if frame.coverage is not None and self.rows.shows_gauges[epoch.row]:
            node.coverage = frame.coverage
        if frame.info is not None:
            self.rows.info_version += node.info != frame.info
            node.info = frame.info

    def elect(self, node: Node) -> None:
        """Whose gauges count: every shared epoch's, and of the others the latest-born one's (ties by id).

        Of those that are heard: a worker that was killed must neither count on nor hide the one that lives. A branch's
        are those of one replica: that which misses nothing, and was heard last.
        """
        rows, epochs = self.rows, node.epochs.values()
        oldest = rows.heard[node.row] - STALE_INTERVALS * rows.interval[node.row]
        if node.branch:
            heard = [epoch for epoch in epochs if epoch.heard >= oldest]
            best = max(heard, key=lambda epoch: (not epoch.gapped, epoch.heard, epoch.id), default=None)
            for epoch in epochs:
                rows.shows_gauges[epoch.row] = epoch is best
            return
        alone = [epoch for epoch in epochs if not epoch.shared and epoch.heard >= oldest]
        latest = max(alone, key=lambda epoch: (epoch.birth, epoch.id), default=None)
        for epoch in epochs:
            rows.shows_gauges[epoch.row] = epoch is latest or (epoch.shared and epoch.heard >= oldest)

    def _number(self, epoch: Epoch, frame: Frame, outcome: Outcome) -> None:
        """Take the frame's number: a hole before it is a gap, and breaks a keyframe's run of parts."""
        outcome.missing = frame.seq - epoch.seq - 1
        if outcome.missing:
            epoch.gapped = True
            epoch.gaps += 1
        if outcome.missing or frame.kind != KEYFRAME or (epoch.run and epoch.run.next_part != frame.part):
            epoch.run = None
        if frame.kind == KEYFRAME and frame.part == 0:
            epoch.run = Run()
        epoch.seq = frame.seq

    def _may_bring(self, node: Node | None) -> int:
        """How much a path may add to the catalog, so that none can fill it for all."""
        if node is None:
            return self.limits.brought_per_path
        if self.watched - node.brought_since > self.horizon:
            node.brought, node.brought_since = 0, self.watched
        return max(0, self.limits.brought_per_path - node.brought)

    def _price(self, packed: bytes, known: int) -> int:
        """What definitions cost that were resolved when so many entries were known."""
        added = self.catalog.entries - known
        return added + len(packed) // 256 if added else 0

    def _define(
        self, node: Node, epoch: Epoch, groups: dict[Kind, tuple[Int64s, Int64s]], created: float, outcome: Outcome
    ) -> Present:
        """Give slots to the series that are new in this epoch; return their ids by kind."""
        fresh: Present = []
        for defined, (ids, series) in groups.items():
            kind = defined.at_branch if node.branch else defined
            known = epoch.knows(kind.forms, ids)
            if known.all():
                continue
            new = np.flatnonzero(~known)
            room = self._room(node, epoch)
            outcome.refused_series += max(0, len(new) - room)
            new = new[:room]
            slots = self.tables[kind].allocate(ids[new], series[new], epoch.row, created)
            epoch.map(kind).add(ids[new], slots)
            fresh.append((kind, ids[new]))
        return fresh

    def _room(self, node: Node, epoch: Epoch) -> int:
        limits, here = self.limits, (node.closed, *node.epochs.values())
        mine = limits.series_per_epoch - sum(map(len, epoch.maps.values()))
        at_path = limits.series_per_path - sum(len(places) for one in here for places in one.maps.values())
        return max(0, min(mine, at_path, limits.slots - sum(map(len, self.tables.values()))))

    def _keyframe(
        self,
        node: Node,
        epoch: Epoch,
        frame: Frame,
        groups: dict[Kind, tuple[Int64s, Int64s]],
        outcome: Outcome,
    ) -> None:
        """Go on with a run of parts; at its end the epoch is whole, and a final one is folded."""
        run = epoch.run
        if run is None:
            epoch.gapped = True
            return
        run.ids += [(kind, ids) for kind, (ids, _) in groups.items()]
        run.next_part += 1
        if not frame.flags & LAST_PART:
            return
        epoch.run = None
        epoch.gapped = False
        epoch.keyframes += 1
        self.gapped.pop(epoch, None)
        outcome.whole = True
        outcome.baseline, epoch.returning = epoch.returning, False
        node.baselines += outcome.baseline
        self._merger.drop_absent(self._closed_total(node), epoch, run.ids)
        if node.branch:
            self._merger.mark_retained(node.closed, node.epochs.values())
            self.elect(node)
        if frame.flags & FINAL:
            outcome.final = True
            self.fold(node, epoch, final=True, lasts=self.horizon)


def _born(node: Node, epoch: Epoch, frame: Frame, timestamp: float) -> float:
    """When series that a frame defines began to count: of a branch nobody knows."""
    if node.branch:
        return float("inf")
    return epoch.birth if frame.kind == KEYFRAME else timestamp - frame.interval_ms / 1000

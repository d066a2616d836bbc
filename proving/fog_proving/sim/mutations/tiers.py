"""Mutations of the rules of rollup subjects."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import numpy as np

from fog_aggregator.core.commands.own_origin import OwnOrigin
from fog_aggregator.core.engine.engine import Engine
from fog_aggregator.core.kinds import SlotHolder, Tables
from fog_aggregator.core.kinds.bucket_histogram import BucketHistogram
from fog_aggregator.core.kinds.counted import CountedKind
from fog_aggregator.core.places import branch
from fog_aggregator.core.places.branch import Branch
from fog_aggregator.core.places.coverage import Life
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.node import Node
from fog_aggregator.core.places.patterns import BranchPatterns
from fog_aggregator.core.places.rows import Rows
from fog_aggregator.core.places.succession import Succession
from fog_aggregator.core.quarantine.orders import Order
from fog_proving.sim.mutations import Patch, always, around, leaving_out, nothing


@leaving_out("R13.7", "the replicas of a branch are joined, and never added up")
def replicas_added_up() -> list[Patch]:
    """Each one's counts are part of the total."""
    return [around(Rows, "new_epoch", lambda original, self, node, **_: original(self, node))]


@leaving_out("R13.8", "of each counter the larger counts")
def newest_counts() -> list[Patch]:
    """Let the one that was sent last count, of histograms too."""

    def join(original: Any, self: CountedKind, tables: Tables, joined: SlotHolder, slots: Any) -> None:
        sent = np.unique(tables[self].series[slots].astype(np.int64))
        tables[self].values[joined.map(self).known(sent)] = 0
        original(self, tables, joined, slots)

    return [around(CountedKind, "join", join)]


@leaving_out("R13.9", "of each bucket the larger counts")
def histograms_joined_whole() -> list[Patch]:
    """Of each histogram the one with the larger count does: where replicas miss different things a bucket may fall."""

    def raised(self: BucketHistogram, table: Any, found: Any, slots: Any) -> None:
        larger = self.counted_at(table, slots) > self.counted_at(table, found)
        table.sums[found[larger]] = table.sums[slots[larger]]
        table.values[found[larger]] = table.values[slots[larger]]

    return [(BucketHistogram, "_raise", raised)]


@leaving_out("R13.10", "a replica's final adds nothing")
def finals_added() -> list[Patch]:
    """Close it as a node's is closed."""
    return [(Branch, "end_epoch", Node.end_epoch)]


@leaving_out("R13.6", "nodes at and under a branch are not counted as well")
def branches_read_directly() -> list[Patch]:
    """They are read, and so is their branch."""
    return [(BranchPatterns, "cover", lambda *_: False)]


@leaving_out("R13.15", "a count that a replica only retains is not joined")
def retained_joined() -> list[Patch]:
    """Join it as any other."""
    return [(CountedKind, "_joining", lambda _, __, slots: slots)]


@leaving_out("R13.5", "nothing is sent up before the aggregator is ready")
def sent_before_ready() -> list[Patch]:
    """Say what there is."""
    return [(Engine, "may_publish", always(value=True))]


@leaving_out("R13.12", "a branch's gauges and coverage are those of a replica that is heard")
def unheard_replica_shown() -> list[Patch]:
    """Any may be shown, and goes on being shown."""

    def elect(original: Any, self: Branch, rows: Rows) -> None:
        original(self, rows)
        first = min(self.epochs.values(), key=lambda epoch: epoch.birth, default=None)
        for epoch in self.epochs.values():
            rows.shows_gauges[epoch.row] = epoch is first

    return [around(Branch, "elect", elect)]


@leaving_out("R13.13", "... and of a branch that is not heard none is shown")
def unheard_branch_shown() -> list[Patch]:
    """Its nodes are taken to be as they were."""
    return [around(Branch, "coverage", lambda original, self, _, age: original(self, Life.LIVE, age))]


@leaving_out("R13.11", "an epoch of a branch that comes back is no baseline")
def replica_is_baseline() -> list[Patch]:
    """Treat it as a node's is treated."""

    def begin_epoch(original: Any, self: Branch, number: int, rows: Rows, *, closed_before: bool) -> Epoch:
        epoch: Epoch = original(self, number, rows, closed_before=closed_before)
        epoch.returning = closed_before
        return epoch

    return [around(Branch, "begin_epoch", begin_epoch)]


@leaving_out("R13.17", "a revision is of what orders bear in their stream")
def revisions_follow_clocks() -> list[Patch]:
    """Make it of the time that a reader takes an order for."""
    return [(Order, "mark", property(lambda self: round(self.at * 1e9)))]


@leaving_out("R13.18", "a branch that has lost counts is told")
def lost_counts_not_told() -> list[Patch]:
    """Say nothing of it."""
    return [(Branch, "has_lost_counts", lambda *_: False)]


@leaving_out("R13.19", "after a rebase what a replica has had before is not added")
def rebase_adds_everything() -> list[Patch]:
    """Add all that it has."""

    def part(original: Any, tables: Tables, former: SlotHolder, joined: SlotHolder, replicas: Any) -> None:
        with patch.object(CountedKind, "retract", nothing):
            original(tables, former, joined, replicas)

    return [around(branch, "part", part)]


@leaving_out("R13.19", "... and a reader with a backlog reads the commands first")
def rebase_not_awaited() -> list[Patch]:
    """Join all totals that are there before a command is read that was given between them."""
    return [(Engine, "must_wait", lambda *_: False)]


@leaving_out("R13.20", "after an order below a branch its totals take the place of those that were joined")
def orders_below_are_joined() -> list[Patch]:
    """Join them: of each the larger counts."""
    return [(Succession, "joins", lambda *_: True), (Succession, "replaces", lambda *_, **__: False)]


@leaving_out("R13.20", "an order begins a new epoch of the rollup")
def orders_in_one_epoch() -> list[Patch]:
    """Go on with the one there is: no count of it falls."""
    return [around(OwnOrigin, "at", lambda original, self, _: original(self, {})._replace(revision=0))]

"""Nodes and the epochs at them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.kinds import Kind, SlotHolder
from fog_aggregator.core.kinds.table import grow
from fog_schema.frames import CoverageNumbers
from fog_schema.paths import Path

CLOSED: Final = 0
"""The id of the pseudo-epoch that holds a path's closed total; its ids are series numbers."""


@dataclass(slots=True)
class Run:
    """Parts of a keyframe that came without a break: what the next one must be, and the ids so far by kind."""

    next_part: int = 0
    ids: list[tuple[Kind, Int64s]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Epoch(SlotHolder):
    """One run of one writer at a path, as far as it was read.

    Attributes:
        row: its place in `Rows`, what slots refer to.
        seq: the last frame's number; nothing at or below it changes anything.
        birth: server's time of a frame less the epoch's age in it, the earliest seen, seconds.
        heard: server's time of its last frame.
        watched: the state's watched time at its last frame.
        gapped: a frame is missing, or it was never whole: a keyframe is wanted.
        returning: it was folded without its final: its next keyframe is a baseline.
    """

    id: int
    seq: int = 0
    birth: float = float("inf")
    heard: float = 0.0
    watched: float = 0.0
    shared: bool = False
    gapped: bool = True
    returning: bool = False
    run: Run | None = None
    gaps: int = 0
    keyframes: int = 0


@dataclass(slots=True, eq=False)
class Node:
    """A path that was heard of, its epochs and what is known about it.

    Attributes:
        row: its place in `Rows`.
        closed: the pseudo-epoch of its closed total; of a branch, what its replicas were joined to.
        branch: it is a subtree whose aggregators publish its totals: its epochs are replicas, and do not add up.
        coverage: of a branch, what its totals stand on.
        brought: what it added to the catalog since `brought_since`, in watched time.
    """

    path: Path
    row: int
    closed: Epoch
    branch: bool = False
    epochs: dict[int, Epoch] = field(default_factory=dict)
    info: dict[str, str] = field(default_factory=dict)
    ephemeral: bool = False
    first_heard: float = 0.0
    baselines: int = 0
    folded: int = 0
    brought: int = 0
    brought_since: float = 0.0
    coverage: CoverageNumbers | None = None


class Rows:
    """What a rollup and a sweep need of all nodes and epochs at once, as arrays; rows are reused when free.

    Attributes:
        epoch_node: the node's row, by epoch's row; -1 for a free one.
        adds_up: whether the epoch's counts are part of the path's total, by epoch's row: a replica's are not.
        shows_gauges: whether the epoch's gauges count, by epoch's row.
        heard: server's time of the node's last frame, by node's row; -inf before the first.
        interval: how often the node sends, seconds, by node's row.
        retired: whether the row is a group of retired nodes rather than a node, by node's row.
        branch: whether it is a branch, by node's row.
        info_version: another one whenever a node's information has changed.
    """

    def __init__(self) -> None:
        self.epoch_node = np.zeros(0, np.int32)
        self.adds_up: Bools = np.zeros(0, np.bool_)
        self.shows_gauges: Bools = np.zeros(0, np.bool_)
        self.heard: Float64s = np.zeros(0)
        self.interval: Float64s = np.zeros(0)
        self.retired: Bools = np.zeros(0, np.bool_)
        self.branch: Bools = np.zeros(0, np.bool_)
        self.info_version = 0
        self._free_epochs: list[int] = []
        self._free_nodes: list[int] = []
        self._nodes = 0
        self._epochs = 0

    def restore(
        self, node_rows: list[int], heard: Float64s, interval: Float64s, epoch_rows: list[int], epoch_node: Int64s
    ) -> None:
        """Take over the rows of a checkpoint; whose gauges count is for an election to say."""
        self._nodes = max(node_rows, default=-1) + 1
        self._epochs = max(epoch_rows, default=-1) + 1
        self.heard, self.interval = np.full(self._nodes, -np.inf), np.zeros(self._nodes)
        self.retired = np.zeros(self._nodes, np.bool_)
        self.branch = np.zeros(self._nodes, np.bool_)
        self.heard[node_rows], self.interval[node_rows] = heard, interval
        self.epoch_node = np.full(self._epochs, -1, np.int32)
        self.epoch_node[epoch_rows] = epoch_node
        self.adds_up = np.ones(self._epochs, np.bool_)
        self.shows_gauges = np.zeros(self._epochs, np.bool_)
        self._free_nodes = sorted(set(range(self._nodes)) - set(node_rows))
        self._free_epochs = sorted(set(range(self._epochs)) - set(epoch_rows))

    def new_node(self, *, branch: bool = False) -> int:
        """A row for a node."""
        if self._free_nodes:
            row = self._free_nodes.pop()
        else:
            row = self._nodes
            self._nodes += 1
            if row == len(self.heard):
                rows = max(64, 2 * row)
                self.heard, self.interval = grow(self.heard, rows), grow(self.interval, rows)
                self.retired, self.branch = grow(self.retired, rows), grow(self.branch, rows)
        self.heard[row] = -np.inf
        self.interval[row] = 0.0
        self.retired[row] = False
        self.branch[row] = branch
        return row

    def new_epoch(self, node: int, *, adds_up: bool = True) -> int:
        """A row for an epoch of the node at row `node`."""
        if self._free_epochs:
            row = self._free_epochs.pop()
        else:
            row = self._epochs
            self._epochs += 1
            if row == len(self.epoch_node):
                rows = max(64, 2 * row)
                self.epoch_node, self.adds_up = grow(self.epoch_node, rows), grow(self.adds_up, rows)
                self.shows_gauges = grow(self.shows_gauges, rows)
        self.epoch_node[row] = node
        self.adds_up[row] = adds_up
        self.shows_gauges[row] = False
        return row

    def free_epoch(self, row: int) -> None:
        """The epoch has no slots any more."""
        self.epoch_node[row] = -1
        self.shows_gauges[row] = False
        self._free_epochs.append(row)

    def free_node(self, row: int) -> None:
        """The node is gone."""
        self.heard[row] = -np.inf
        self.branch[row] = False
        self._free_nodes.append(row)

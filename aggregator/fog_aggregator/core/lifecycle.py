"""A node's life, by how long ago it was heard: live, stale, departed, retired."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.engine.defaults import DEPARTED_SECONDS
from fog_aggregator.core.nodes import Node
from fog_aggregator.core.state import STALE_INTERVALS, State
from fog_aggregator.query.tree import Groups
from fog_schema.paths import Path


class Life(IntEnum):
    """What a node is, worst last."""

    LIVE = 0
    STALE = 1
    DEPARTED = 2

    @property
    def label(self) -> str:
        """As metrics and the API name it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a group's numbers stand on.

    Attributes:
        nodes: how many nodes there are, by Life.
        oldest: seconds since the last frame of the live node that has been silent longest; 0 without a live node.
    """

    nodes: tuple[int, int, int]
    oldest: float


@dataclass(frozen=True, slots=True)
class Coverages:
    """What the groups of a view stand on, as columns.

    Attributes:
        paths: of the groups, in path order.
        nodes: how many nodes there are; shape (groups, lives).
        oldest: as in `Coverage`; shape (groups,).
    """

    paths: list[Path]
    nodes: Int64s
    oldest: Float64s

    def __iter__(self) -> Iterator[tuple[Path, Coverage]]:
        for path, (live, stale, departed), oldest in zip(
            self.paths, self.nodes.tolist(), self.oldest.tolist(), strict=True
        ):
            yield path, Coverage((live, stale, departed), oldest)

    def total(self) -> Coverage:
        """All groups as one."""
        live, stale, departed = self.nodes.sum(axis=0).tolist()
        return Coverage((live, stale, departed), float(self.oldest.max(initial=0.0)))


def live_rows(state: State, now: float) -> Bools:
    """Whether a node's gauges count, by its row: heard within 3 of its intervals."""
    return now - state.rows.heard <= STALE_INTERVALS * state.rows.interval


def lives(state: State, now: float, departed_after: float = DEPARTED_SECONDS) -> Int64s:
    """Every node's Life, by its row (rows without a node: DEPARTED)."""
    silent = now - state.rows.heard
    life = np.full(len(silent), Life.LIVE, np.int64)
    life[silent > STALE_INTERVALS * state.rows.interval] = Life.STALE
    life[silent > np.maximum(departed_after, STALE_INTERVALS * state.rows.interval)] = Life.DEPARTED
    return life


def coverage(state: State, groups: Groups, life: Int64s, now: float) -> Coverages:
    """What each group of a view stands on."""
    seen = len(groups.of_node)
    nodes = ~(state.rows.retired[:seen] | state.rows.branch[:seen])
    rows = np.flatnonzero((groups.of_node >= 0) & nodes)
    group, states = groups.of_node[rows], life[rows]
    size, kinds = len(groups.paths), len(Life)
    counts = np.bincount(group * kinds + states, minlength=size * kinds).reshape(size, kinds)
    oldest = np.zeros(size)
    alive = states == Life.LIVE
    np.maximum.at(oldest, group[alive], np.maximum(0.0, now - state.rows.heard[rows[alive]]))
    for node in state.branches():
        place = int(groups.of_node[node.row])
        if place >= 0:
            covered = _coverage_of_branch(state, node, Life(life[node.row]), now)
            counts[place] += covered.nodes
            oldest[place] = max(oldest[place], covered.oldest)
    return Coverages(groups.paths, counts, oldest)


def _coverage_of_branch(state: State, node: Node, life: Life, now: float) -> Coverage:
    """What a branch's aggregator says it stands on; of one that is not heard, all nodes are as it is itself."""
    said = node.coverage
    if said is None:
        return Coverage((0, 0, 0), 0.0)
    if life is Life.LIVE:
        since = max(0.0, now - float(state.rows.heard[node.row]))
        return Coverage(said[:3], said.oldest_ms / 1000 + since if said.live else 0.0)
    every = sum(said[:3])
    return Coverage((0, every, 0) if life is Life.STALE else (0, 0, every), 0.0)


def contended(state: State, now: float) -> list[Path]:
    """Paths with several writers at once that do not say so (``shared``): each counts, but only one's gauges do.

    A restart is not one: there the older epoch falls silent when the younger one is born. Nor are a branch's replicas.
    """
    found = []
    for path, node in state.nodes.items():
        if len(node.epochs) > 1 and not node.branch:
            patience = STALE_INTERVALS * float(state.rows.interval[node.row])
            alone = [e for e in node.epochs.values() if not e.shared and now - e.heard <= patience]
            youngest = max((epoch.birth for epoch in alone), default=0.0)
            if sum(epoch.heard > youngest + patience for epoch in alone) > 1:
                found.append(path)
    return found

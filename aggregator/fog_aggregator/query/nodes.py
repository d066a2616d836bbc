"""Show how nodes are, and what they tell of themselves (version, os, role, …)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Final

import numpy as np

from fog_aggregator.core.columns import Bools, Float64s, Int64s
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.places.coverage import Life, NodeCounts
from fog_aggregator.core.series import Labels
from fog_aggregator.query.family_variants import FamilyVariants
from fog_aggregator.query.samples import PATH
from fog_aggregator.query.selection import Matcher
from fog_aggregator.query.tree import Tree
from fog_schema.paths import RETIRED, Path, format_path
from utilityfog_frontend.telemetry.model import Family, FamilySnapshot, MetricType, SeriesSnapshot

NODE_INFO: Final = Family("fog_node_info", MetricType.GAUGE, "What a node tells of itself, always 1")
_NOT_A_NAME: Final = re.compile(r"[^a-zA-Z0-9_]")


def info_of(fleet: Fleet, key: str) -> Callable[[Path], str]:
    """Return a function from a path to what its node tells for `key`; the empty text where nothing is known.

    Nothing is known of retired nodes, nor of a branch: what its aggregator tells is not true of the branch's nodes.
    """
    places = fleet.places

    def reported(path: Path) -> str:
        return places[path].node_info.get(key, "")

    return reported


def known_info(fleet: Fleet, paths: Iterable[Path]) -> list[tuple[Path, Mapping[str, str]]]:
    """List the information of some nodes; branches and groups of retired nodes are no nodes."""
    places = fleet.places
    return [(path, places[path].info) for path in paths if path[-1] != RETIRED and places[path].counts_itself]


def info_family(nodes: Iterable[tuple[Path, Mapping[str, str]]], matchers: Sequence[Matcher]) -> FamilySnapshot:
    """Make one sample of 1 for each node that the matchers select, its information as labels."""
    labelled = ((*_labels(info), (PATH, format_path(path))) for path, info in nodes)
    ordered = (tuple(sorted(labels)) for labels in labelled)
    series = [SeriesSnapshot(labels, 1) for labels in ordered if all(matcher.matches(labels) for matcher in matchers)]
    return FamilySnapshot(NODE_INFO, series)


def _labels(info: Mapping[str, str]) -> Labels:
    """Turn information into labels: a character that no name has becomes ``_``; keys that become one are joined."""
    values: dict[str, list[str]] = defaultdict(list)
    for key, value in sorted(info.items()):
        values[label_name(key)].append(value)
    return tuple((name, ";".join(several)) for name, several in values.items())


def label_name(key: str) -> str:
    """Turn a key into the name of a label; reserved names and ours get the prefix ``exported_``."""
    name = _NOT_A_NAME.sub("_", key)
    if name.startswith(("__", "fog_")):
        return f"exported_{name}"
    return f"_{name}" if not name or name[0].isdigit() else name


@dataclass(frozen=True, slots=True)
class NodeStates:
    """The nodes as they were when they were looked at. Copies, which need no lock.

    Attributes:
        tree: The paths, and the place of each.
        lives: The Life of each.
        counts: Whether it is a node or a branch; a group of retired nodes is neither.
        ephemeral: Whether it says that it comes and goes.
        heard_at: Server's time of its last frame, unix seconds; -inf before the first.
        overdue: Whether it lives, and has sent nothing for longer than its interval.
        branches: The nodes of each branch by their Life, by its place.
    """

    tree: Tree
    lives: Int64s
    counts: Bools
    ephemeral: Bools
    heard_at: Float64s
    overdue: Bools
    branches: Mapping[int, NodeCounts]

    def place(self, path: Path) -> int | None:
        """Return the place of the node at a path; None without one."""
        span = self.tree.span(path)
        return span[0] if span and self.tree.paths[span[0]] == path else None


def node_states(fleet: Fleet, tree: Tree, lives: Int64s, now: float) -> NodeStates:
    """Look at all nodes. Hold the fleet meanwhile.

    Args:
        fleet: Has them.
        tree: Its tree as it is now.
        lives: Every node's Life, by its row.
        now: Server's time, unix seconds.
    """
    rows = tree.rows
    words, intervals = fleet.words()
    heard_at, here = words[rows], lives[rows]
    return NodeStates(
        tree,
        here,
        ~fleet.retired_rows(rows),
        fleet.ephemeral_rows(rows),
        heard_at,
        (now - heard_at > intervals[rows]) & (here == Life.LIVE),
        {
            int(tree.rank[place.row]): place.coverage(Life(int(lives[place.row])), 0.0).nodes
            for place in fleet.branches()
        },
    )


def holding(
    fleet: Fleet, names: frozenset[str], tree: Tree, locked: Callable[[], AbstractContextManager[object]]
) -> Bools:
    """Tell which places of a tree have a series of some metrics, live or not.

    Args:
        fleet: Has the series.
        names: The metrics.
        tree: Places as they were; those that came since are left out.
        locked: Holds the fleet, once for each kind of value: there may be millions of series.
    """
    found = np.zeros(len(tree.rank), np.bool_)
    with locked():
        found_in = fleet.holders(np.append(FamilyVariants(fleet).called(names), False))
    while True:
        with locked():
            pair = next(found_in, None)
        if pair is None:
            return found[tree.rows]
        rows = pair[1]
        found[rows[(rows >= 0) & (rows < len(found))]] = True

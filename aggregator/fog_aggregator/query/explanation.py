"""Take one metric of one node apart: the epochs and the closed total that its number is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from fog_aggregator.core.columns import Bools
from fog_aggregator.core.nodes import Epoch, Node
from fog_aggregator.core.state import State
from fog_aggregator.query.fleet_view import FleetView

MOST_SAMPLES: Final = 1_000
"""Samples of each part of an explanation."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Say why a number is what it is, at one moment.

    Attributes:
        total: the metric at and under a path.
        children: the same, by the level below it.
        node: what the node at the path itself holds, as plain values; None where there is no node.
    """

    total: FleetView
    children: FleetView
    node: dict[str, Any] | None


def take_apart(state: State, node: Node, wanted: Bools) -> dict[str, Any]:
    """List what a node's epochs and its closed total hold of some series; `wanted` by number."""
    return {
        "branch": node.branch,
        "epochs": [_epoch(state, epoch, wanted) for epoch in node.epochs.values()],
        "closed": list(_slots(state, node.closed, wanted)),
        "folded": node.folded,
        "baselines": node.baselines,
    }


def epoch_name(epoch: int) -> str:
    """Return an epoch as people see it; as text, because JavaScript's numbers end at 2^53."""
    return f"{epoch:016x}"


def _epoch(state: State, epoch: Epoch, wanted: Bools) -> dict[str, Any]:
    return {
        "epoch": epoch_name(epoch.id),
        "seq": epoch.seq,
        "born": epoch.birth,
        "heard": epoch.heard,
        "shared": epoch.shared,
        "gaps": epoch.gaps,
        "awaits_keyframe": epoch.gapped,
        "keyframes": epoch.keyframes,
        "returning": epoch.returning,
        "values": list(_slots(state, epoch, wanted)),
    }


def _slots(state: State, epoch: Epoch, wanted: Bools) -> Iterator[dict[str, Any]]:
    """Yield what one epoch holds of some series."""
    for kind, places in epoch.maps.items():
        table, (ids, slots) = state.tables[kind], places.items()
        mine = np.flatnonzero(wanted[table.series[slots]])[:MOST_SAMPLES]
        for number, slot in zip(ids[mine].tolist(), slots[mine].tolist(), strict=True):
            yield {
                "id": number,
                "labels": dict(state.catalog.series[int(table.series[slot])].labels),
                "fractional": False,
                "live": bool(table.live[slot]),
                **kind.describe(table, slot),
            }

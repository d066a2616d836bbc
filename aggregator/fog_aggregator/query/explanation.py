"""Take one metric of one node apart: the epochs and the closed total that its number is made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from fog_aggregator.core.columns import Bools
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.kinds import SlotHolder
from fog_aggregator.core.places.epoch import Epoch
from fog_aggregator.core.places.place import Place
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


def take_apart(fleet: Fleet, node: Place, wanted: Bools) -> dict[str, Any]:
    """List what a node's epochs and its closed total hold of some series; `wanted` by number."""
    order = fleet.quarantine.over(node.path)
    return {
        "branch": node.branch,
        "epochs": [_epoch(fleet, epoch, wanted) for epoch in node.epochs.values()],
        "closed": [one for closed in node.closed_totals for one in _slots(fleet, closed, wanted)],
        "folded": node.closed_epochs,
        "baselines": node.baselines,
        "quarantined": None if order is None else order.why,
    }


def epoch_name(epoch: int) -> str:
    """Return an epoch as people see it; as text, because JavaScript's numbers end at 2^53."""
    return f"{epoch:016x}"


def _epoch(fleet: Fleet, epoch: Epoch, wanted: Bools) -> dict[str, Any]:
    return {
        "epoch": epoch_name(epoch.id),
        "seq": epoch.seq,
        "born": epoch.birth,
        "heard": epoch.last_seen,
        "shared": epoch.shared,
        "gaps": epoch.gaps,
        "awaits_keyframe": epoch.gapped,
        "keyframes": epoch.keyframes,
        "returning": epoch.returning,
        "values": list(_slots(fleet, epoch, wanted)),
    }


def _slots(fleet: Fleet, holder: SlotHolder, wanted: Bools) -> Iterator[dict[str, Any]]:
    """Describe what one epoch, or closed total, has of some series."""
    return fleet.describe(holder, wanted, MOST_SAMPLES)

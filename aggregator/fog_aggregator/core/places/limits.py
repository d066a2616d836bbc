"""Bound what a fleet may grow to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from fog_aggregator.core.budget.budget import UNLIMITED
from fog_schema.limits import MAX_INTERVAL_MS

ADDRESS_KEY: Final = "http"
"""The key of an aggregator's address in the information that it sends up with its totals."""
MOST_ADDRESSES: Final = 4
"""Of the replicas of one branch; the one that was heard last first."""
MOST_NODES: Final = 1_000_000
"""Paths that a fleet may have; a branch cannot have more in any state either."""
MOST_REVISION: Final = 2**53
"""Of what a branch says of its revision more does not count into ours: it could leave no room for orders (R13.17)."""
MOST_REVISED: Final = 1_000
"""Branches whose revisions count: so many of the highest ones leave room for 24 times as much of our own."""
OLDEST_LIVE_MS: Final = 3 * MAX_INTERVAL_MS
"""The frame of a live node is no older, milliseconds: it was heard within 3 of its intervals."""


@dataclass(frozen=True, slots=True)
class MemoryLimits:
    """Limits in bytes, of a fleet and of what is remembered to be faster.

    Attributes:
        fleet: of nodes, label sets, values and the reserve for one answer, see `core/budget/budget.py`.
        share: the part of these that one path may take.
        definitions: of definitions that are remembered opened.
        plans: slots and cells of all remembered plans together; each is 4 to 16 bytes.
        subjects: subjects whose paths are remembered.
        learned: of the nodes that are expected as they were heard on two days; 0 to learn nothing.
    """

    fleet: int = UNLIMITED
    share: float = 0.25
    definitions: int = 64 * 1024 * 1024
    plans: int = 100_000_000
    subjects: int = 2_000_000
    learned: int = 0


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """Limits of a fleet; at a limit the newcomer is refused.

    Attributes:
        nodes: paths.
        series: label sets of the whole fleet.
        series_per_epoch: series of one writer.
        series_per_path: values of one path, its closed total included.
        brought_per_path: what a path may bring within a horizon that nobody had before: families, label sets, and each
            256 bytes of their definitions. Entries that nobody holds any more are kept for as long.
        families_per_path: the families among these. Each view and each sweep looks at every family there is.
        slots: values of the whole fleet.
        epochs_per_path: writers of one path.
        silent_per_path: silent ones among these that are kept apart; over that the longest silent is closed early.
        silent_replicas: the same at a branch, where nothing is lost with them: what they counted is joined.
        tombstones: of epochs that were closed.
        memory: bytes of all of it.
    """

    nodes: int = MOST_NODES
    series: int = 20_000_000
    series_per_epoch: int = 1_000_000
    series_per_path: int = 5_000_000
    brought_per_path: int = 1_000_000
    families_per_path: int = 5_000
    slots: int = 50_000_000
    epochs_per_path: int = 1024
    silent_per_path: int = 64
    silent_replicas: int = 2
    tombstones: int = 1_000_000
    memory: MemoryLimits = field(default_factory=MemoryLimits)

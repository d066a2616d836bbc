"""The aggregators and what each reads: one, a hot pair, or a root above two branches with aggregators of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from fog_bus.streams import EVENTS, METRICS, ROLLUPS

ROOT: Final = "chaos"
BRANCHES: Final = (f"{ROOT}/b0", f"{ROOT}/b1")


class Scope(NamedTuple):
    """The part of the fog that one aggregator reads.

    Attributes:
        path: of the subtree; everything for the empty one. The aggregator of a subtree publishes its rollup.
        branches: paths whose rollups it reads, in place of their nodes.
        apart: the events of these branches are in streams that it does not read.
    """

    path: str = ""
    branches: tuple[str, ...] = ()
    apart: bool = False

    def shows(self, path: str) -> str | None:
        """Name the path under which it shows a path: the branch's, where that is in one; None: not at all."""
        if not _lies_under(path, self.path):
            return None
        return next((branch for branch in self.branches if _lies_under(path, branch)), path)

    def lists(self, path: str) -> bool:
        """Whether it lists the events of a path."""
        shown = self.shows(path)
        return shown is not None and not (self.apart and shown in self.branches)


class Layout(NamedTuple):
    """The aggregators and the places of nodes in a run.

    Attributes:
        aggregators: by name; those of one scope are replicas, that must agree.
        parents: the paths that processes of nodes lie under, in turn.
        servers: how many there are; more than one are a cluster, and each has a replica of the streams.
        leaves: the branches that have a server of their own, a leaf of the others' one.
        own_clocks: each server has a clock of its own, which may be set.
    """

    aggregators: Mapping[str, Scope]
    parents: tuple[str, ...] = (ROOT,)
    servers: int = 1
    leaves: tuple[str, ...] = ()
    own_clocks: bool = False

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams that there are."""
        rollups = any(scope.branches for scope in self.aggregators.values())
        return (METRICS, EVENTS, ROLLUPS) if rollups else (METRICS, EVENTS)


def _lies_under(path: str, subtree: str) -> bool:
    return not subtree or f"{path}/".startswith(f"{subtree}/")


_FIRST, _SECOND = map(Scope, BRANCHES)

ONE: Final = Layout({"aggregator": Scope()})
PAIR: Final = Layout({"aggregator-0": Scope(), "aggregator-1": Scope()})
CLUSTER: Final = Layout(PAIR.aggregators, servers=3)
TIERS: Final = Layout(
    {"root": Scope(branches=BRANCHES), "b0-0": _FIRST, "b0-1": _FIRST, "b1": _SECOND}, (*BRANCHES, ROOT)
)
"""A hot pair for one branch, one aggregator for the other, and nodes that the root reads itself."""
_HUB: Final = Scope(branches=BRANCHES, apart=True)
LEAVES: Final = Layout({**TIERS.aggregators, "root": _HUB}, TIERS.parents, leaves=BRANCHES)
"""The same, where each branch has a server of its own, and keeps its events."""

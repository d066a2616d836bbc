"""List what a fleet consists of, as plain values: its tree, its nodes, families in conflict, retired counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np

from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.fleet.fleet import Fleet
from fog_aggregator.core.fleet.lifecycle import Coverages
from fog_aggregator.core.places.coverage import Coverage, Life
from fog_aggregator.core.places.place import Place
from fog_aggregator.query.family_variants import FamilyVariant
from fog_aggregator.query.listing.disagreements import Disagreements
from fog_aggregator.query.planner import Planner
from fog_aggregator.query.selection import Grouping, Selection, ViewKey
from fog_schema.paths import RETIRED, Path, format_path, is_under

RETIRED_STATE: Final = "retired"
MOST_PLACES: Final = 5_000
"""Places of a tree in one response; the levels that would go beyond are left out."""
MOST_PATHS: Final = 100
"""Paths that are listed of the nodes of one variant, and versions that are counted."""


class Inventory:
    """Look at a fleet at one moment. Hold the fleet for as long as it is used; it returns nothing of the fleet's own.

    Args:
        fleet: what to look at.
        planner: of the same fleet.
        lives: every node's Life, by its row.
        coverage: gives the coverage of each group of a view.
        absent: tells how many nodes of a selection are missing, or unread, and where.
        now: server's time.
    """

    def __init__(
        self,
        fleet: Fleet,
        planner: Planner,
        lives: Int64s,
        coverage: Callable[[ViewKey], Coverages],
        absent: Callable[[Selection, Life], list[tuple[Path, int]]],
        now: float,
    ) -> None:
        self._fleet = fleet
        self._planner = planner
        self._lives = lives
        self._coverage = coverage
        self._absent = absent
        self._now = now

    def tree(self, under: Path, depth: int) -> dict[str, Any]:
        """Return the tree from a path down, as deep as asked for or as fits."""
        root = self._place(under, self._coverage(ViewKey(Selection(under))).total())
        places, shown = {under: root}, 0
        for tokens in range(len(under) + 1, len(under) + 1 + depth):
            level = self._coverage(ViewKey(Selection(under), Grouping(level=tokens - 1)))
            deep = sum(len(path) == tokens for path in level.paths)
            if not deep or len(places) + deep > MOST_PLACES:
                break
            below = [(path, coverage) for path, coverage in level if len(path) == tokens]
            for path, coverage in below:
                place = places[path] = self._place(path, coverage)
                places[path[:-1]]["children"].append(place)
            shown += 1
        return root | {"depth": shown}

    def absent(self, under: Path, life: Life) -> list[tuple[Path, int]]:
        """Return how many nodes at and under a path are missing, or not read, and where."""
        return self._absent(Selection(under), life)

    def interval(self, under: Path, share: float) -> float:
        """Return the seconds within which a share of the live nodes at and under a path send a frame; 0 without any."""
        tree = self._planner.tree
        span = tree.span(under)
        rows = tree.rows[span.start : span.stop]
        _, intervals = self._fleet.words()
        live = intervals[rows[self._lives[rows] == Life.LIVE]]
        return float(np.quantile(live, share, method="inverted_cdf")) if live.size else 0.0

    def info_of(self, key: str, paths: Sequence[Path]) -> list[str]:
        """Return what the nodes at some paths tell for a key; the empty text where nothing is known."""
        places = self._fleet.places
        return [places[path].info.get(key, "") if path in places else "" for path in paths]

    def nodes(self, listed: Iterable[tuple[Path, Life | None, int]]) -> list[dict[str, Any]]:
        """Describe nodes; one that is gone is left out.

        Args:
            listed: the paths, each with its state and how many nodes are meant where these are not known.
        """
        places = self._fleet.places
        return [
            _absent_node(life, path, count) if life is not None else self._node(places[path])
            for path, life, count in listed
            if life is not None or path in places
        ]

    def branches(self, under: Path) -> list[Path]:
        """Return the branches at and under a path, in path order."""
        return sorted(place.path for place in self._fleet.branches() if is_under(place.path, under))

    def addresses(self, branch: Path) -> list[str]:
        """Return the addresses that the aggregators of a branch tell, the newest first."""
        place = self._fleet.place(branch)
        return [] if place is None else list(place.addresses)

    def conflicts(self, limit: int, offset: int, under: Path = ()) -> dict[str, Any]:
        """Return the families that cannot all be shown, or are described in several ways, with their nodes: a page.

        Below a path it is what the nodes there disagree about among themselves.
        """
        planner, within = self._planner, None
        disagreements = planner.disagreements
        if under:
            span, within = planner.tree.span(under), np.zeros(self._fleet.place_rows, np.bool_)
            within[planner.tree.rows[span.start : span.stop]] = True
            disagreements = Disagreements(self._fleet, planner.variants, within)
        found = disagreements.find(self._now, described_differently=True)
        page = list(islice(found, offset, offset + limit))
        versions = planner.variants.conflicts(self._now, page, within, described_differently=True) if page else {}
        families = [{"name": name, "versions": [self._variant(one) for one in of]} for name, of in versions.items()]
        return {"total": len(found), "offset": offset, "limit": limit, "families": families}

    def retired(self) -> dict[str, Any]:
        """Return the counts that are no longer exported: of label sets that left, and of nodes that retired."""
        families = self._fleet.catalog.families
        gone = self._fleet.retired_counts()
        groups = self._fleet.retired_groups()
        return {
            "families": [
                {"name": families[family].key.name, "type": families[family].key.type_name, "counted": counted}
                for family, counted in sorted(gone.items(), key=lambda item: families[item[0]].key)
            ],
            "groups": [
                {"path": format_path(node.path), "series": sum(map(len, node.closed.maps.values()))} for node in groups
            ],
        }

    def summary(self, under: Path) -> dict[str, Any]:
        """Return the coverage at and under a path, the versions of its nodes and how many series there are."""
        fleet, tree, places = self._fleet, self._planner.tree, self._fleet.places
        versions = tree.counted(under, fleet.info_version, lambda path: places[path].info.get("version", "unknown"))
        return {
            "now": self._now,
            "coverage": coverage_of(self._coverage(ViewKey(Selection(under))).total()),
            "versions": dict(versions.most_common(MOST_PATHS)),
            "series": self._series_under(under) if under else fleet.series_count,
            "lost_branches": [format_path(path) for path in self._fleet.lost_branches() if is_under(path, under)],
        }

    def _series_under(self, under: Path) -> int:
        tree = self._planner.tree
        span = tree.span(under)
        paths = [path for path in tree.paths[span.start : span.stop] if path[-1] != RETIRED]
        return sum(_series(self._fleet.places[path]) for path in paths)

    def _place(self, path: Path, coverage: Coverage) -> dict[str, Any]:
        node = self._fleet.place(path)
        return {
            "path": format_path(path),
            "name": path[-1] if path else "",
            "state": None if node is None else self._life(node),
            "branch": node is not None and node.covers_below,
            "children": [],
            **coverage_of(coverage),
        }

    def _node(self, node: Place) -> dict[str, Any]:
        silence, epochs = self._fleet.silence(node, self._now), node.epochs.values()
        return {
            "path": format_path(node.path),
            "state": self._life(node),
            "last_heard_age_seconds": silence if np.isfinite(silence) else None,
            "interval_seconds": self._fleet.interval(node),
            "epochs": len(epochs),
            "series": _series(node),
            "gaps": sum(epoch.gaps for epoch in epochs),
            "awaits_keyframe": any(epoch.gapped for epoch in epochs),
            "folded": node.closed_epochs,
            "baselines": node.baselines,
            "ephemeral": node.ephemeral,
            "branch": node.branch,
            "first_heard": node.first_seen,
            "info": dict(node.info),
        }

    def _life(self, node: Place) -> str:
        return RETIRED_STATE if self._fleet.is_retired(node) else Life(self._lives[node.row]).label

    def _variant(self, variant: FamilyVariant) -> dict[str, Any]:
        tree, key = self._planner.tree, variant.family.key
        places, counted = np.sort(tree.rank[variant.nodes]), np.sort(tree.rank[variant.places])
        return {
            "type": key.type_name,
            "unit": key.unit,
            "help": variant.family.help,
            "rollup": list(variant.family.rollup),
            "bounds": list(variant.bounds),
            "shown": variant.shown,
            "nodes": len(places),
            "paths": [format_path(tree.paths[place]) for place in places[:MOST_PATHS].tolist()],
            "counted": variant.counted,
            "counted_at": [format_path(tree.paths[place]) for place in counted[:MOST_PATHS].tolist()],
        }


def _series(node: Place) -> int:
    """Count the series that the epochs of a node hold."""
    return sum(len(places) for epoch in node.epochs.values() for places in epoch.maps.values())


def _absent_node(life: Life, path: Path, count: int) -> dict[str, Any]:
    """Describe a node that was never heard, or several that are expected, or not read, at and under a path."""
    return {
        "path": format_path(path),
        "state": life.label,
        "last_heard_age_seconds": None,
        "interval_seconds": 0.0,
        "epochs": 0,
        "series": 0,
        "gaps": 0,
        "awaits_keyframe": False,
        "folded": 0,
        "baselines": 0,
        "ephemeral": False,
        "branch": False,
        "first_heard": 0.0,
        "info": {life.label: f"{count} of the nodes at and under this path"} if count != 1 else {},
    }


def coverage_of(coverage: Coverage) -> dict[str, Any]:
    """Count the nodes by state and those that wait for a keyframe, and tell the age of the oldest live one's frame."""
    return {
        "count": sum(coverage.nodes),
        "nodes": {life.label: count for life, count in zip(Life, coverage.nodes, strict=True)},
        "oldest_frame_age_seconds": coverage.oldest,
        "gapped": coverage.gapped,
    }

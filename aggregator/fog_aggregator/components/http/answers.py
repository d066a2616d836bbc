"""What the JSON interface says, as plain values. Each may take a while with a large fleet: call them in a thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from fog_aggregator.components.http.parameters import RETIRED_STATE
from fog_aggregator.components.http.status import Status
from fog_aggregator.core.columns import Int64s
from fog_aggregator.core.eventlist import FleetEvent
from fog_aggregator.core.lifecycle import Coverage, Life
from fog_aggregator.core.nodes import Node
from fog_aggregator.core.retired_counts import departed
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.family_variants import FamilyVariant
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema import __version__
from fog_schema.frames import VERSION
from fog_schema.paths import RETIRED, Path, format_path

MOST_PLACES: Final = 5_000
"""Places of a tree in one answer; the levels that would go beyond are left out."""
MOST_PATHS: Final = 100
"""Paths that are listed of the nodes of one variant."""


def tree(network: NetworkCollector, under: Path, depth: int) -> dict[str, Any]:
    """Return the tree from a path down, as deep as asked for or as fits."""
    with network.lock:
        life = network.lives()
        root = _place(network, life, under, network.coverage(Selection(under)).total())
        places, shown = {under: root}, 0
        for tokens in range(len(under) + 1, len(under) + 1 + depth):
            level = network.coverage(Selection(under), Grouping(level=tokens - 1))
            deep = sum(len(path) == tokens for path in level.paths)
            if not deep or len(places) + deep > MOST_PLACES:
                break
            below = [(path, coverage) for path, coverage in level if len(path) == tokens]
            for path, coverage in below:
                place = places[path] = _place(network, life, path, coverage)
                places[path[:-1]]["children"].append(place)
            shown += 1
    return root | {"depth": shown}


def _place(network: NetworkCollector, life: Int64s, path: Path, coverage: Coverage) -> dict[str, Any]:
    node = network.state.nodes.get(path)
    return {
        "path": format_path(path),
        "name": path[-1] if path else "",
        "state": None if node is None else _state(network, node, Life(life[node.row])),
        "children": [],
        **coverage_of(coverage),
    }


def nodes(network: NetworkCollector, under: Path, state: str | None, limit: int, offset: int) -> dict[str, Any]:
    """Return the nodes at and under a path, in path order, a page of them."""
    with network.lock:
        tree, life, now = network.tree, network.lives(), network.now()
        span = tree.span(under)
        rows = tree.rows[span.start : span.stop]
        retired = network.state.rows.retired[rows]
        if state == RETIRED_STATE:
            chosen = np.flatnonzero(retired)
        elif state is not None:
            chosen = np.flatnonzero((life[rows] == Life[state.upper()]) & ~retired)
        else:
            chosen = np.arange(len(rows))
        page = [tree.paths[span.start + place] for place in chosen[offset : offset + limit].tolist()]
        listed = [_node(network, network.state.nodes[path], life, now) for path in page]
    return {"total": len(chosen), "offset": offset, "limit": limit, "nodes": listed}


def _node(network: NetworkCollector, node: Node, life: Int64s, now: float) -> dict[str, Any]:
    rows, epochs = network.state.rows, node.epochs.values()
    heard = float(rows.heard[node.row])
    return {
        "path": format_path(node.path),
        "state": _state(network, node, Life(life[node.row])),
        "last_heard_age_seconds": now - heard if np.isfinite(heard) else None,
        "interval_seconds": float(rows.interval[node.row]),
        "epochs": len(epochs),
        "series": sum(len(places) for epoch in epochs for places in epoch.maps.values()),
        "gaps": sum(epoch.gaps for epoch in epochs),
        "awaits_keyframe": any(epoch.gapped for epoch in epochs),
        "folded": node.folded,
        "baselines": node.baselines,
        "ephemeral": node.ephemeral,
        "branch": node.branch,
        "first_heard": node.first_heard,
        "info": node.info,
    }


def _state(network: NetworkCollector, node: Node, life: Life) -> str:
    return RETIRED_STATE if network.state.rows.retired[node.row] else life.label


def events(network: NetworkCollector, under: Path, name: str | None, since: float | None, limit: int) -> dict[str, Any]:
    """Return the newest events, oldest first."""
    with network.lock:
        found = network.events.query(under, name, since, limit)
        kept = network.events
        totals = {"kept": len(kept.events), "total": kept.total, "repeated": kept.repeated, "lost": kept.lost}
    return {**totals, "events": [event_of(event) for event in found]}


def event_of(event: FleetEvent) -> dict[str, Any]:
    """One event; its epoch as text, as JavaScript's numbers end at 2^53."""
    return {
        "path": format_path(event.path),
        "epoch": epoch_name(event.epoch),
        "number": event.number,
        "received": event.received,
        "timestamp": event.timestamp,
        "name": event.name,
        "value": event.value,
        "labels": event.labels,
        "metadata": event.metadata,
    }


def epoch_name(epoch: int) -> str:
    """Return an epoch as people see it."""
    return f"{epoch:016x}"


def conflicts(network: NetworkCollector) -> dict[str, Any]:
    """Return the families that cannot all be shown, with who holds which variant."""
    with network.lock:
        found = network.conflicts()
        return {
            "families": [
                {"name": name, "versions": [_variant(network, variant) for variant in variants]}
                for name, variants in found.items()
            ]
        }


def _variant(network: NetworkCollector, variant: FamilyVariant) -> dict[str, Any]:
    tree, key = network.tree, variant.family.key
    places = np.sort(tree.rank[variant.nodes])
    return {
        "type": key.type_name,
        "unit": key.unit,
        "help": variant.family.help,
        "bounds": list(variant.bounds),
        "shown": variant.shown,
        "nodes": len(places),
        "paths": [format_path(tree.paths[place]) for place in places[:MOST_PATHS].tolist()],
    }


def retired(network: NetworkCollector) -> dict[str, Any]:
    """Where the counts are of what is no longer exported: of label sets that left, and of nodes that retired."""
    with network.lock:
        families = network.state.catalog.families
        gone = departed(network.state)
        groups = [node for path, node in network.state.nodes.items() if path[-1] == RETIRED]
        return {
            "families": [
                {"name": families[family].key.name, "type": families[family].key.type_name, "counted": counted}
                for family, counted in sorted(gone.items(), key=lambda item: families[item[0]].key)
            ],
            "groups": [
                {"path": format_path(node.path), "series": sum(map(len, node.closed.maps.values()))}
                for node in sorted(groups, key=lambda node: node.path)
            ],
        }


def status(network: NetworkCollector, service: Status) -> dict[str, Any]:
    """Return what the numbers stand on."""
    ready, reason = service.ready()
    with network.lock:
        covered = network.coverage().total()
        versions = Counter(
            node.info.get("version", "unknown") for node in network.state.nodes.values() if node.path[-1] != RETIRED
        )
        return {
            "ready": ready,
            "reason": reason,
            "now": network.now(),
            "version": __version__,
            "wire_version": VERSION,
            "coverage": coverage_of(covered),
            "versions": dict(versions.most_common(MOST_PATHS)),
            "series": len(network.state.catalog.series) - len(network.state.catalog.free),
            "streams": [asdict(stream) for stream in service.streams()],
        }


def coverage_of(coverage: Coverage) -> dict[str, Any]:
    """How many nodes there are by state, and how old the oldest live one's last frame is."""
    return {
        "count": sum(coverage.nodes),
        "nodes": {life.label: count for life, count in zip(Life, coverage.nodes, strict=True)},
        "oldest_frame_age_seconds": coverage.oldest,
    }

"""Why a number is what it is: the epochs and the closed total it is made of, and what each child contributes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

import numpy as np

from fog_aggregator.components.http.answers import coverage_of, epoch_name
from fog_aggregator.core.columns import Bools
from fog_aggregator.core.nodes import Epoch, Node
from fog_aggregator.network import NetworkCollector
from fog_aggregator.query.selection import Grouping, Selection
from fog_schema.paths import Path, format_path
from utilityfog_frontend.telemetry.model import FamilySnapshot, HistogramValue, SeriesSnapshot

MOST_SAMPLES: Final = 1_000
"""Samples of each part in one answer."""


def explain(network: NetworkCollector, path: Path, name: str) -> dict[str, Any] | None:
    """Return a metric at and under a path, taken apart; None when nobody there has it."""
    selection = Selection(path, names=frozenset({name}))
    with network.lock:
        view = network.view(selection)
        children = network.view(selection, Grouping(level=len(path)))
        node = network.state.nodes.get(path)
        own = None if node is None else _node(network, node, name)
    if view.is_empty:
        return None
    return {
        "path": format_path(path),
        "name": name,
        "families": [_family(snapshot) for snapshot in view.metrics],
        "total": list(_samples(view.metrics)),
        "coverage": coverage_of(children.coverage),
        "node": own,
        "children": [
            {"path": format_path(group), "coverage": coverage_of(coverage), "own": len(group) == len(path)}
            for group, coverage in children.coverages
        ],
        "contributions": list(_samples(children.metrics)),
    }


def _family(snapshot: FamilySnapshot) -> dict[str, Any]:
    family = snapshot.family
    return {
        "type": family.type.value,
        "unit": family.unit,
        "help": family.help,
        "bounds": list(family.bounds),
        "rollup": list(family.rollup),
    }


def _samples(families: list[FamilySnapshot]) -> Iterator[dict[str, Any]]:
    series = (one for snapshot in families for one in snapshot.series)
    for one in islice(series, MOST_SAMPLES):
        yield {"labels": dict(one.labels), "value": _value(one), "created": one.created}


def _value(series: SeriesSnapshot) -> Any:
    value = series.value
    if isinstance(value, HistogramValue):
        return {"counts": list(value.counts), "sum": value.sum, "count": value.count}
    return value


def _node(network: NetworkCollector, node: Node, name: str) -> dict[str, Any]:
    wanted = network.called(name)
    return {
        "branch": node.branch,
        "epochs": [_epoch(network, epoch, wanted) for epoch in node.epochs.values()],
        "closed": list(_slots(network, node.closed, wanted)),
        "folded": node.folded,
        "baselines": node.baselines,
    }


def _epoch(network: NetworkCollector, epoch: Epoch, wanted: Bools) -> dict[str, Any]:
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
        "values": list(_slots(network, epoch, wanted)),
    }


def _slots(network: NetworkCollector, epoch: Epoch, wanted: Bools) -> Iterator[dict[str, Any]]:
    """Return what one epoch holds of some series."""
    state = network.state
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
